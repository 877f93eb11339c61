"""What a day of the past TR must show to be COMPLETE: a proven start, a chain of turnover, the daily candle. Pure.

A contradiction makes the day UNPROVEN once KIS has reported the same again (rule "Doubt costs a mark, never the data").
What is only odd is requested again.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from minute_candles.core.errors import BadRow, SourceError
from minute_candles.market.calendar import Session, contradict_hours
from minute_candles.market.candles import Candle
from minute_candles.market.daily import DailyAnswer
from minute_candles.market.day_notes import note_of
from minute_candles.market.day_status import COMPLETE, NO_TRADES, UNPROVEN, DayStatus, Finding, Reason
from minute_candles.market.rows import DailyRow, MinuteRow
from minute_candles.market.turnover_proof import prove, unexplained_start

MOST_BEFORE_START = Decimal("0.4")
"""Percent of a day's turnover that may be unexplained before a first row after the open (docs/dev/kis_http.md §6).

Genuine days leave at most 0.32 there, days that had lost their beginning 0.43 and more."""
AFTER_MARKET_SINCE = date(2026, 9, 14)
"""From this day on the daily volume includes the after-market: 7-9 % more than the session, not 1-2 %."""
MOST_OFF_HOURS, MOST_OFF_HOURS_SINCE = 12, 25
"""Percent of the daily volume that off-hours trades may hold, before that day and since."""


class BadDay(SourceError):
    """KIS's answers about the day contradict each other: requested again later before they are accepted."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        super().__init__(note_of(findings) or "")


class Minutes(NamedTuple):
    """A day's rows, oldest first, and what their pages leave in doubt."""

    rows: list[MinuteRow]
    whole: bool = False
    """Whether all came in one full page that runs into an earlier day: nothing is left out of it."""
    findings: tuple[Finding, ...] = ()
    before_ten: bool = False
    """Whether a row, left out or not, is labelled in the hour before ten."""


class Verdict(NamedTuple):
    """What a symbol-day turned out to be, and why."""

    candles: list[Candle]
    status: DayStatus
    findings: tuple[Finding, ...] = ()
    evidence: str = ""
    """A digest of what KIS reported: equal where it reported the same."""
    second_look: bool = False
    """Whether something is odd, and contradicts nothing: another answer may add rows."""
    contradicted: DailyAnswer | None = None
    """The daily answer, where it is among what contradicts."""
    unreadable: frozenset[datetime] = frozenset()
    """Minutes whose row cannot be a candle; naive KST."""
    turnover_at_start: int = 0
    """The day's turnover, KRW, up to and with its first row."""
    gaps: tuple[tuple[datetime, datetime], ...] = ()
    """Between these minutes there is no row, and more turnover than the later one explains; naive KST."""
    adjustment: Decimal | None = None
    """The factor of an adjusted source, whose rows are `reported`."""
    reported: tuple[MinuteRow, ...] = ()

    @property
    def contradictions(self) -> tuple[Finding, ...]:
        """The findings that forbid COMPLETE."""
        return tuple(finding for finding in self.findings if finding.contradicts)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The codes, contradictions first, each once."""
        ordered = sorted(self.findings, key=lambda finding: not finding.contradicts)
        return tuple(dict.fromkeys(finding.reason for finding in ordered))

    @property
    def note(self) -> str | None:
        """The findings in Korean, for people."""
        return note_of(self.findings)

    def having(self, *findings: Finding) -> "Verdict":
        """Return the verdict with more findings; one that contradicts makes it UNPROVEN."""
        doubtful = any(finding.contradicts for finding in findings)
        return self._replace(findings=(*findings, *self.findings), status=UNPROVEN if doubtful else self.status)


def digest(*what: object) -> str:
    """Return a digest of what KIS reported: two answers are compared by it."""
    return hashlib.sha256(repr(what).encode()).hexdigest()


def accepted(verdict: Verdict) -> Verdict:
    """Return the day as KIS reports it again and again: to be stored UNPROVEN, with its reasons."""
    return verdict._replace(status=UNPROVEN, second_look=False)


def check_day(minutes: Minutes, session: Session, dailies: DailyAnswer, *, is_fresh: bool = False) -> Verdict:
    """Prove a day by its turnover and by the daily candle.

    With contradictions the status is not final: `accepted` makes it UNPROVEN once they are reported again.
    `is_fresh`: the daily candle's close may be the after-market's still, and is not compared (kis_http.md §7).
    """
    rows, daily = minutes.rows, dailies.get(session.day)
    proof = prove(rows, session)
    if not proof.candles:
        return _without_candles(minutes, session)
    by_daily = _daily_findings(proof.candles, session.day, dailies)
    turnover = [Finding(Reason.TURNOVER_MISMATCH, tuple(proof.doubts))] if proof.doubts else []
    start = _start_findings(rows, session, daily)
    contradictions = (*minutes.findings, *_hours_findings(minutes, session), *turnover, *start, *by_daily)
    auction = has_auction(proof.candles, session)
    end = () if auction or is_fresh else _end_findings(proof.candles[-1], daily)
    is_odd = bool(end) or (not minutes.whole and (not auction or _is_volume_odd(proof.candles, daily)))
    return Verdict(
        proof.candles,
        COMPLETE,
        (*contradictions, *_remarks(proof.candles[0], session, dailies), *end),
        digest(rows, contradictions),
        is_odd and not contradictions,
        dailies if by_daily else None,
        frozenset(row.minute for row in rows if not row.close),
        rows[0].turnover,
        tuple((before, at) for before, at in gaps_of(rows) if at in proof.surplus),
    )


def nothing_traded(session: Session, *findings: Finding) -> Verdict:
    """Return the verdict of a day without a row: NO_TRADES, or not final where the findings contradict it (`accepted`).

    Its evidence is the findings' reasons alone: the daily volume of a day may grow with off-hours trades.
    """
    status = COMPLETE if any(finding.contradicts for finding in findings) else NO_TRADES
    evidence = digest([], [finding.reason for finding in findings])
    return Verdict([], status, (*findings, *hours_remark(session)), evidence)


def hours_remark(session: Session) -> tuple[Finding, ...]:
    """Return what every day says that is judged by 10:00-16:30: the plan compares it with the calendar."""
    return (Finding(Reason.CSAT_HOURS),) if session.csat else ()


def _without_candles(minutes: Minutes, session: Session) -> Verdict:
    """Return the verdict of a day of which every row is left out.

    Raises `BadRow` where numbers cannot even be read: such a day has not come.
    """
    if not minutes.findings or any(row.illegible for row in minutes.rows):
        raise BadRow(note_of(minutes.findings) or "읽을 수 있는 행이 없습니다.")
    unreadable = frozenset(row.minute for row in minutes.rows)
    evidence = digest(minutes.rows, minutes.findings)
    return nothing_traded(session, *minutes.findings)._replace(unreadable=unreadable, evidence=evidence)


def _hours_findings(minutes: Minutes, session: Session) -> list[Finding]:
    """Return a doubt where rows contradict the announced hours; a row that was left out shows no hours."""
    traded = [row.minute for row in minutes.rows if row.close]
    contradicts = contradict_hours(traded, session, before_ten=minutes.before_ten)
    return [Finding(Reason.UNEXPECTED_HOURS)] if contradicts else []


def gaps_of(rows: Sequence[MinuteRow]) -> list[tuple[datetime, datetime]]:
    """Return each two minutes with a gap between them; the ten minutes before the auction are none."""
    minutes = [row.minute for row in rows]
    pause = (minutes[-1] - timedelta(minutes=11), minutes[-1])
    return [pair for pair in pairwise(minutes) if pair[1] - pair[0] > timedelta(minutes=1) and pair != pause]


def _start_findings(rows: Sequence[MinuteRow], session: Session, daily: DailyRow | None) -> list[Finding]:
    """Return a doubt where too much traded before a first row after the open, or the whole day is short."""
    if not unexplained_start(rows, session):
        return []
    first, total = rows[0], rows[-1].turnover
    before = first.turnover - first.high * first.volume
    if before * 100 > MOST_BEFORE_START * total:
        percent = Decimal(100 * before) / total if total else Decimal(100)
        return [Finding(Reason.UNPROVEN_START, (first.minute,), (round(percent, 1),))]
    volume = sum(row.volume for row in rows)
    most = MOST_OFF_HOURS if session.day < AFTER_MARKET_SINCE else MOST_OFF_HOURS_SINCE
    if daily and volume * 100 < (100 - most) * daily.volume:
        return [Finding(Reason.VOLUME_SHORT, numbers=(100 * volume // daily.volume,))]
    return []


def _is_volume_odd(candles: Sequence[Candle], daily: DailyRow | None) -> bool:
    """Return whether the minutes lack more than half of the daily volume; off-hours trades are a tenth of a day."""
    return daily is not None and 2 * sum(candle.volume for candle in candles) < daily.volume


def has_auction(candles: Sequence[Candle], session: Session) -> bool:
    """Return whether the day has its closing auction, its end's only witness: no turnover follows it.

    Where labels begin a minute before the open (a past CSAT day), the auction's is a minute early, too.
    """
    opened, closed = session.open_label, session.close_label
    return bool(candles) and candles[-1].timestamp >= min(closed, closed - (opened - candles[0].timestamp))


def _end_findings(last: Candle, daily: DailyRow | None) -> tuple[Finding, ...]:
    """Return a remark where a day without an auction ends at another price than the daily candle."""
    if daily is None or last.close == daily.close:
        return ()
    return (Finding(Reason.NO_CLOSING_AUCTION, numbers=(last.close, daily.close)),)


def _remarks(first: Candle, session: Session, dailies: DailyAnswer) -> list[Finding]:
    early = first.timestamp < session.open_label
    label = [Finding(Reason.EARLY_LABEL, (first.timestamp,))] if early else []
    alone = [] if dailies else [Finding(Reason.DAILY_UNAVAILABLE)]
    return [*label, *alone, *hours_remark(session)]


def _daily_findings(candles: Sequence[Candle], day: date, dailies: DailyAnswer) -> list[Finding]:
    """Compare with the daily candle: the first open, the day's price range, its volume as an upper bound."""
    daily = dailies.get(day)
    if daily is None:
        reason = Reason.DAILY_UNREADABLE if day in dailies else Reason.DAILY_MISSING
        return [Finding(reason)] if dailies else []
    found: list[Finding] = []
    low, high = min(c.low for c in candles), max(c.high for c in candles)
    volume = sum(c.volume for c in candles)
    if candles[0].open != daily.open:
        found.append(Finding(Reason.DAILY_MISMATCH, (), (candles[0].open, daily.open), "open"))
    if high > daily.high or low < daily.low:
        found.append(Finding(Reason.DAILY_MISMATCH, (), (low, high, daily.low, daily.high), "range"))
    if volume > daily.volume:
        found.append(Finding(Reason.DAILY_MISMATCH, (), (volume, daily.volume), "volume"))
    return found
