"""A day that KIS reports adjusted: turned back, never laid over what is stored as traded (rule "As traded"). Pure."""

from collections.abc import Sequence
from decimal import Decimal

from minute_candles.market.as_traded import adjustment_of, turn_back
from minute_candles.market.calendar import Session
from minute_candles.market.candles import INTERVALS, Candle, Candles, aggregate, window, with_vwap
from minute_candles.market.daily import DailyAnswer
from minute_candles.market.day_status import Finding, Reason
from minute_candles.market.rows import MinuteRow
from minute_candles.verification.day_verdict import Minutes, Verdict, check_day

_PRICE_REASONS = {Reason.DAILY_MISMATCH, Reason.TURNOVER_MISMATCH}


def turned_back(verdict: Verdict, minutes: Minutes, session: Session, dailies: DailyAnswer) -> Verdict | None:
    """Return the verdict of the day as it traded; None where the reported rows are not adjusted.

    Its evidence is the reported rows', so that the same answer is recognised.
    """
    daily = dailies.get(session.day)
    rows = [row for row in minutes.rows if row.close]
    if daily is None or not _PRICE_REASONS.intersection(verdict.reasons):
        return None
    span = adjustment_of(rows, daily)
    if span is None:
        return None
    day = turn_back(rows, span)
    traded = check_day(minutes._replace(rows=day.rows), session, dailies)
    factor = Decimal(repr(day.factor))
    found = traded.having(Finding(Reason.ADJUSTED_SOURCE, numbers=(factor,)))
    return found._replace(evidence=verdict.evidence, adjustment=factor, reported=tuple(rows))


def with_missing_minutes(stored: Candles, turned: Sequence[Candle], reported: Sequence[MinuteRow]) -> Candles:
    """Return the stored day with the minutes that it lacks, turned back; what is stored as traded stays as it is.

    A stored minute that equals the reported row, not the turned one, is an older version's and goes.
    """
    back = {candle.timestamp: candle for candle in turned}
    kept = {candle.timestamp: candle for candle in stored_as_traded(stored[1], turned, reported)}
    minutes = {**back, **{at: _with_turnover(candle, back.get(at)) for at, candle in kept.items()}}
    ordered = [minutes[at] for at in sorted(minutes)]
    result: Candles = {1: ordered}
    changed = {*minutes} ^ {*kept} | {candle.timestamp for candle in stored[1]} - {*kept}
    for interval in INTERVALS[1:]:
        touched = {window(at, interval) for at in changed}
        known = {candle.timestamp: candle for candle in stored[interval] if candle.timestamp not in touched}
        result[interval] = [known.get(candle.timestamp, candle) for candle in aggregate(ordered, interval)]
    return result


def stored_as_traded(stored: Sequence[Candle], turned: Sequence[Candle], reported: Sequence[MinuteRow]) -> list[Candle]:
    """Return the stored minutes that are not the adjusted source's."""
    back = {candle.timestamp: candle[:6] for candle in turned}
    adjusted = {row.minute: row[:6] for row in reported if row[:6] != back.get(row.minute)}
    return [candle for candle in stored if candle[:6] != adjusted.get(candle.timestamp)]


def _with_turnover(candle: Candle, turned: Candle | None) -> Candle:
    """Return a stored minute with its turnover, which an adjusted source reports as it was, where its VWAP agrees."""
    if turned is None or turned.turnover is None or not candle.volume:
        return candle
    exact = with_vwap(candle[:6], turned.turnover)
    return exact if exact.vwap == candle.vwap else candle
