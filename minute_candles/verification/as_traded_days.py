"""A day that KIS reports adjusted: turned back, never laid over what is stored as traded (rule "As traded"). Pure."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from minute_candles.market.adjusted_signs import looks_adjusted
from minute_candles.market.as_traded import adjustment_of, announced_range, turn_back
from minute_candles.market.calendar import Session
from minute_candles.market.candles import Candle, Candles, with_vwap
from minute_candles.market.daily import DailyAnswer
from minute_candles.market.day_status import Finding, Reason
from minute_candles.market.factor_fit import FactorRange
from minute_candles.market.rows import DailyRow, MinuteRow
from minute_candles.market.windows import INTERVALS, aggregate, window
from minute_candles.verification.day_verdict import Minutes, Verdict, check_day

_SIGNS = {Reason.ADJUSTED_SOURCE, Reason.DAILY_MISMATCH, Reason.TURNOVER_MISMATCH}
_LEAST_STORED = 10
"""So many stored minutes stand in for a daily candle: fewer leave the factor too wide."""


def with_signs(verdict: Verdict, minutes: Minutes, session: Session, dailies: DailyAnswer) -> Verdict:
    """Return the verdict, with ADJUSTED_SOURCE where the rows show it and no daily candle agrees with them."""
    agrees = dailies.get(session.day) is not None and not verdict.contradictions
    if agrees or not looks_adjusted(_traded_rows(minutes)):
        return verdict
    return verdict.having(Finding(Reason.ADJUSTED_SOURCE))


def turned_back(
    verdict: Verdict, minutes: Minutes, session: Session, dailies: DailyAnswer, stored: Sequence[Candle] = ()
) -> Verdict | None:
    """Return the verdict of the day as it traded; None where the reported rows are not adjusted, or no factor shows.

    Its evidence is the reported rows', so that the same answer is recognised.
    """
    rows = _traded_rows(minutes)
    if not rows or not _SIGNS.intersection(verdict.reasons):
        return None
    span = _factor_range(rows, session.day, dailies, stored)
    if span is None:
        return None
    day = turn_back(rows, span)
    traded = check_day(minutes._replace(rows=day.rows), session, dailies)
    factor = Decimal(repr(day.factor))
    found = traded.having(Finding(Reason.ADJUSTED_SOURCE, numbers=(factor,)))
    return found._replace(evidence=verdict.evidence, adjustment=factor, reported=tuple(rows))


def _traded_rows(minutes: Minutes) -> list[MinuteRow]:
    return [row for row in minutes.rows if row.close]


def _factor_range(
    rows: Sequence[MinuteRow], day: date, dailies: DailyAnswer, stored: Sequence[Candle]
) -> FactorRange | None:
    """Return where the factor lies: by the daily candle, else by what is stored of the day, else as it is announced."""
    daily = dailies.get(day)
    later = [row for row in dailies.values() if row and row.day > day]
    rates = [float(row.adjustment_percent) for row in later if row.adjustment_percent]
    if daily and (found := adjustment_of(rows, daily, rates)):
        return found
    if not looks_adjusted(rows):
        return None
    if found := _by_stored(rows, day, stored):
        return found
    announced = announced_range(rates)
    return announced if announced and not looks_adjusted(turn_back(rows, announced).rows) else None


def _by_stored(rows: Sequence[MinuteRow], day: date, stored: Sequence[Candle]) -> FactorRange | None:
    known = {candle.timestamp: candle for candle in stored}
    common = [row for row in rows if row.minute in known]
    if len(common) < _LEAST_STORED:
        return None
    mine = [known[row.minute] for row in common]
    highest, lowest = max(candle.high for candle in mine), min(candle.low for candle in mine)
    return adjustment_of(common, DailyRow(day, mine[0].open, highest, lowest, mine[-1].close, 0))


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
