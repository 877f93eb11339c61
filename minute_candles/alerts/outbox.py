"""What has fired, on its way: a line in the log, a row in `stock_minute_alerts`, a message in the delivery."""

import logging
from collections.abc import Sequence
from urllib.parse import urlencode

from minute_candles.alerts.delivery import Delivery
from minute_candles.alerts.digest import Note, digest
from minute_candles.alerts.engine import Alert
from minute_candles.core.clock import Clock
from minute_candles.core.errors import StoreError
from minute_candles.core.kst import KST
from minute_candles.storage.store import AlertTable, KeptAlert

MOST_UNWRITTEN = 20_000
_MOST_LOGGED = 5
_log = logging.getLogger(__name__)


class AlertIncident:
    """What keeps the alerts from working, logged when it begins and when it ends."""

    def __init__(self) -> None:
        self._text = ""

    def begin(self, text: str, error: Exception | None = None) -> None:
        """Log what is wrong (Korean), once."""
        if not self._text:
            _log.warning("⚠️ 알림 문제 시작: %s", text, exc_info=error)
        self._text = text

    def end(self) -> None:
        """Log that all is well again."""
        if self._text:
            _log.info("✅ 알림 복구")
            self._text = ""


class Outbox:
    """`unwritten`: alerts that the table did not take yet; they are tried again with the next ones."""

    def __init__(
        self, table: AlertTable, delivery: Delivery, clock: Clock, incident: AlertIncident, chart_url: str
    ) -> None:
        self._table, self._delivery, self._clock, self._incident = table, delivery, clock, incident
        self._chart_url = chart_url
        self.unwritten: list[Alert] = []

    def report(self, alerts: Sequence[Alert]) -> None:
        """Write the alerts; send those that the table did not have."""
        self._send([_note(alert, self._chart_url) for alert in self._write(alerts)])

    def resume(self, alerts: Sequence[Alert]) -> None:
        """Write and send what an earlier process left: written or not, it was not sent."""
        self._write(alerts)
        self._send([_note(alert, self._chart_url) for alert in alerts])

    def report_operations(self, notes: Sequence[Note]) -> None:
        """Send what concerns the collection itself, then write it."""
        self._send(notes)
        minute = self._clock.now().astimezone(KST).replace(second=0, microsecond=0, tzinfo=None)
        self._write([Alert(note.rule, "", "", 1, minute, note.severity, note.text, 0.0) for note in notes])

    def _write(self, alerts: Sequence[Alert]) -> Sequence[Alert]:
        """Return those that the table did not have; all of them where it does not answer."""
        waiting, self.unwritten = self.unwritten, []
        now = self._clock.now().astimezone(KST)
        try:
            new = {row[:4] for row in self._table.keep([_row(alert) for alert in (*waiting, *alerts)], now)}
        except StoreError as error:
            self.unwritten = [*waiting, *alerts][-MOST_UNWRITTEN:]
            self._incident.begin(str(error))
            return alerts
        return [alert for alert in alerts if _row(alert)[:4] in new]

    def _send(self, notes: Sequence[Note]) -> None:
        if not notes:
            return
        for note in notes[:_MOST_LOGGED]:
            _log.info("🔔 %s: %s · %s", note.rule, note.subject, note.text)
        if len(notes) > _MOST_LOGGED:
            _log.info(digest(notes).title)
        self._delivery.send(notes)


def _note(alert: Alert, chart_url: str) -> Note:
    subject = f"{alert.name} {alert.symbol}" if alert.name != alert.symbol else alert.symbol
    link = f"{chart_url}/?{urlencode({'symbol': alert.symbol, 'interval': alert.interval})}" if chart_url else ""
    return Note(alert.severity, alert.rule, subject, alert.text, link)


def _row(alert: Alert) -> KeptAlert:
    return KeptAlert(alert.rule, alert.symbol, alert.interval, alert.timestamp, alert.severity, alert.text, alert.value)
