"""`stock_minute_alerts`: alerts sent, one for each rule, symbol and window; and the usual volume by time of day.

table = db.open_alerts(settings.database, clock)
new = table.keep(alerts, clock.now())          # those that were not there yet
"""

import logging
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from minute_candles.core.errors import StoreError
from minute_candles.market.calendar import midnight
from minute_candles.market.candles import Candle
from minute_candles.market.windows import STORED_INTERVALS
from minute_candles.storage import ddl
from minute_candles.storage.connection import Connection
from minute_candles.storage.ddl import ALERTS, PRICES
from minute_candles.storage.driver import Run
from minute_candles.storage.layout import collation, make_table
from minute_candles.storage.reader import CandleReader, KeptAlert

_OLDEST = midnight(date(2000, 1, 1))
_log = logging.getLogger(__name__)
_COLUMNS = "rule_name, stock_symbol, minute_interval, timestamp, severity, message, value, created_at"


class AlertTable(CandleReader):
    """What the rules need: the candles, what volume is usual, and the table of what has fired. Raises `StoreError`.

    `connection` only reads, and so locks nobody out; `writer` keeps what has fired.
    """

    def __init__(self, connection: Connection, writer: Connection) -> None:
        super().__init__(connection)
        self._writer, self._is_ready = writer, False

    def keep(self, alerts: Sequence[KeptAlert], now: datetime) -> list[KeptAlert]:
        """Write those that are not there yet; these. The table is made when it is missing."""
        stamp = now.replace(microsecond=0, tzinfo=None)
        if not self._is_ready:
            self._writer.transaction(lambda run: make_table(run, self._writer.dialect, ALERTS, ddl.ALERTS_DDL))
            self._compare_names_exactly()
            self._is_ready = True
        return self._writer.transaction(lambda run: _keep(run, alerts, stamp))

    def _compare_names_exactly(self) -> None:
        """Alter an older table in which `Gap up` and `gap up` are one rule; without the right, name the SQL."""
        alter = f"ALTER TABLE {ALERTS} MODIFY {ddl.RULE_NAME}"
        names = self._writer.transaction(lambda run: collation(run, self._writer.dialect, ALERTS, "rule_name"))
        if not names or names.endswith("_bin"):
            return
        try:
            self._writer.transaction(lambda run: run(alter), unhurried=True)
        except StoreError as error:
            _log.warning("⚠️ 이름이 비슷한 알림 규칙(대소문자, 이모지)이 하나로 섞입니다: %s SQL: %s;", error, alter)

    def candles_before(self, symbol: str, interval: int, starts: Sequence[datetime], most: int) -> list[Candle]:
        """Return the newest `most` candles up to the day of `starts` (starts, ascending) that are not among them.

        The last one of the session before is among these, even if the others do not reach back so far.
        """
        start = midnight(starts[0].date())
        newest = self.candles(symbol, interval, _OLDEST, start + timedelta(days=1), most - 1, but=starts)
        if newest and newest[0].timestamp < start:
            return newest
        return self.candles(symbol, interval, _OLDEST, start - timedelta(minutes=1), 1) + newest

    def usual_volume(self, symbol: str, interval: int, sessions: int, before: datetime) -> dict[time, float]:
        """Mean volume by the start of the window over the last sessions before `before` that have any candle."""
        day, clock = ("date", "time") if self._connection.dialect == "sqlite" else ("DATE", "TIME")
        oldest = before - timedelta(days=2 * sessions + 30)
        where = (
            f"FROM {PRICES}{self._layout.hint} WHERE stock_symbol = %s AND minute_interval = %s"
            " AND timestamp < %s AND timestamp >= %s"
        )
        days = self._rows(
            f"SELECT DISTINCT {day}(timestamp) AS day {where} ORDER BY day DESC LIMIT %s",
            symbol, STORED_INTERVALS[15], before, oldest, sessions,
        )  # fmt: skip
        if not days:
            return {}
        sums = self._rows(
            f"SELECT {clock}(timestamp), SUM(volume) {where} GROUP BY {clock}(timestamp)",
            symbol, STORED_INTERVALS[interval], before, str(days[-1][0]) + " 00:00:00",
        )  # fmt: skip
        return {_time(minute): int(volume) / len(days) for minute, volume in sums}

    def close(self) -> None:
        """Close both connections."""
        super().close()
        self._writer.close()


def _keep(run: Run, alerts: Sequence[KeptAlert], now: datetime) -> list[KeptAlert]:
    new = []
    for alert in alerts:
        key = alert.rule, alert.symbol, STORED_INTERVALS[alert.interval], alert.timestamp
        known = run(
            f"SELECT 1 FROM {ALERTS} WHERE rule_name = %s AND stock_symbol = %s AND minute_interval = %s"
            " AND timestamp = %s",
            *key,
        )
        if not known:
            run(
                f"INSERT INTO {ALERTS} ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                *key, alert.severity, alert.text[:500], repr(alert.value), now,
            )  # fmt: skip
            new.append(alert)
    return new


def _time(value: timedelta | str) -> time:
    """Return the time of day; MySQL gives a TIME as the duration since midnight."""
    return time.fromisoformat(value) if isinstance(value, str) else (_OLDEST + value).time()
