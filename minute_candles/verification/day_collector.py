"""Collect one symbol-day: fetch → check → store in one transaction, from the final source, the past TR.

What an answer must show is in `day_verdict.py`; here is what is requested again, and when. It keeps the rules "A
symbol-day is one transaction" and "Doubt costs a mark, never the data". It keeps the rules "The final source has the
last word" and "As traded", too.
"""

import logging
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from minute_candles.core.clock import Clock
from minute_candles.core.errors import BadRow, SourceError
from minute_candles.kis.client import TRUSTED_SKEW, KisClient
from minute_candles.market.calendar import Session, TradingCalendar, with_csat_end
from minute_candles.market.candles import Candle, Candles
from minute_candles.market.daily import DailyAnswer
from minute_candles.market.day_notes import finding_text, hours_advice, note_of
from minute_candles.market.day_status import PROVISIONAL, DayStatus, Finding, Reason
from minute_candles.market.rows import DailyRow
from minute_candles.market.windows import derive
from minute_candles.storage.coverage import CoverageRow
from minute_candles.storage.store import Counts, Store
from minute_candles.verification.answer_history import AnswerHistory
from minute_candles.verification.as_traded_days import stored_as_traded, turned_back, with_missing_minutes, with_signs
from minute_candles.verification.daily_reference import EMPTY_TRIES, DailyCandles
from minute_candles.verification.day_verdict import (
    BadDay,
    Minutes,
    Verdict,
    accepted,
    check_day,
    digest,
    has_auction,
    nothing_traded,
)
from minute_candles.verification.missing_minutes import MissingMinutes, missing_minutes, proven_minutes
from minute_candles.verification.past_pages import DayPages, conflict_findings, in_order, merge
from minute_candles.verification.plan import SymbolDay
from minute_candles.verification.source_lag import AGAIN, Late, ProvenMinutesMissing, SourceLag

_ANSWERS_BEFORE = 2
"""A doubtful answer is accepted at the third time: twice in one attempt, then in a later one."""
_log = logging.getLogger(__name__)


class _Coverage(NamedTuple):
    """What the coverage row says."""

    status: DayStatus
    reasons: tuple[Reason, ...]
    evidence: str | None
    adjustment: Decimal | None
    note: str | None


class _Look(NamedTuple):
    """One look at a day: the verdict, and what it was made of."""

    verdict: Verdict
    minutes: Minutes
    dailies: DailyAnswer


class Collector:
    """Collects symbol-days of the past from the final source. Thread-safe: workers share it.

    `history` remembers, across collectors, what was reported of doubtful days. `asks_today`: today's TR may
    show whether the final source has caught up with a session that ended today. `may_wait`: a day without an auction
    stays PROVISIONAL until the morning while the quote is ahead of its rows.
    """

    def __init__(
        self, client: KisClient, store: Store, calendar: TradingCalendar, clock: Clock, span: tuple[date, date],
        history: AnswerHistory | None = None, *, asks_today: bool = False, may_wait: bool = False,
    ) -> None:  # fmt: skip
        self._lag = SourceLag(client, clock, asks=asks_today, may_wait=may_wait)
        self._client, self._store, self._calendar, self._clock = client, store, calendar, clock
        self._history = history or AnswerHistory()
        self._daily = DailyCandles(client, *span, clock.now().date(), self._keep_daily)
        self._pages = DayPages(client)

    def _keep_daily(self, symbol: str, rows: Sequence[DailyRow]) -> None:
        self._store.keep_daily(symbol, rows, self._clock.now())

    def collect(self, task: SymbolDay) -> Counts:
        """Fetch, check and store one closed symbol-day; return the stored rows per interval.

        Raises `SourceError` with the reason where the day cannot be accepted (yet); nothing is changed then.
        """
        symbol, session = task.symbol, self._calendar.session(task.day)
        known = self._store.coverage([symbol], task.day, task.day).get((symbol, task.day))
        verdict = self._judge(symbol, session, known)
        self._lag.check_gaps(symbol, session, verdict.gaps)
        if known and _still_misses(known, verdict):
            verdict = verdict.having(Finding(Reason.MISSING_AT_SOURCE))
        try:
            stored = self._write(symbol, session, verdict, known, may_drop_proven=False)
        except ProvenMinutesMissing as error:
            verdict = self._accept_missing(symbol, session, verdict, error.missing)
            stored = self._write(symbol, session, verdict, known, may_drop_proven=True)
        self._history.forget(symbol, session.day)
        if Reason.UNEXPECTED_HOURS in verdict.reasons and self._history.is_first_advice(session.day):
            _log.warning("⚠️ %s", hours_advice(session))
        return stored

    def _write(
        self, symbol: str, session: Session, verdict: Verdict, known: CoverageRow | None, *, may_drop_proven: bool
    ) -> Counts:
        """Write the day in one transaction. Raises `ProvenMinutesMissing` unless it `may_drop_proven` minutes."""

        def change(stored: Candles) -> Candles:
            if Reason.ADJUSTED_SOURCE in verdict.reasons:
                return with_missing_minutes(stored, verdict.candles, verdict.reported)
            if known is None or may_drop_proven:
                return derive(verdict.candles)
            proven = proven_minutes(stored[1], session, provisional=known.status == PROVISIONAL)
            if (missing := missing_minutes(proven, verdict, session)).minutes:
                raise ProvenMinutesMissing(missing)
            kept = [proven[minute] for minute in proven.keys() & verdict.unreadable]
            return derive(sorted([*verdict.candles, *kept]))

        judged_by_csat = known is not None and Reason.CSAT_HOURS in known.reasons
        reach = with_csat_end(session) if judged_by_csat else session  # rows of other hours go
        row = self._coverage(symbol, session, verdict, known)
        return self._store.rewrite(symbol, reach, change, now=self._clock.now(), **row._asdict())

    def _coverage(self, symbol: str, session: Session, verdict: Verdict, known: CoverageRow | None) -> _Coverage:
        """Return what the coverage row is to say: as it was where an adjusted answer adds no minute to the day.

        Raises `BadDay` where it would add minutes, and nothing shows its factor.
        """
        if Reason.ADJUSTED_SOURCE in verdict.reasons and (day := self._stored(symbol, session)):
            kept = {candle.timestamp for candle in stored_as_traded(day, verdict.candles, verdict.reported)}
            adds_none = {candle.timestamp for candle in verdict.candles} <= kept and len(kept) == len(day)
            if known and known.is_verified and adds_none:
                return _Coverage(known.status, known.reasons, known.evidence, known.adjustment, known.note)
            if verdict.adjustment is None:
                raise BadDay(verdict.contradictions)
        row = _Coverage(verdict.status, verdict.reasons, verdict.evidence, verdict.adjustment, verdict.note)
        if known and (known.status, known.reasons, known.evidence) == row[:3]:
            return row._replace(note=known.note)  # it may hold facts that were known then
        return row

    def _stored(self, symbol: str, session: Session) -> list[Candle]:
        """Return the minutes that are stored of the session."""
        first, last = session.first_label, session.end_label - timedelta(seconds=1)
        return self._store.candles(symbol, 1, first, last)

    def _accept_missing(self, symbol: str, session: Session, verdict: Verdict, missing: MissingMinutes) -> Verdict:
        """Accept that the final source lacks minutes that were proven: not before it lacks them the next morning, too.

        Without a mark where its own turnover goes on without those minutes, which anybody may have written.
        """
        count, first = len(missing.minutes), missing.minutes[0]
        why = f"장중에 거래대금으로 확인한 {count}분({first:%H:%M} 등)이 과거 분봉에 없습니다."
        evidence = digest("missing", missing.minutes, verdict.candles)
        if self._lag.is_fresh(session) or not verdict.candles:
            raise Late(f"{why} {AGAIN}")
        if not self._history.times(symbol, session.day, evidence):
            self._history.add(symbol, session.day, evidence)
            raise BadDay([Finding(Reason.MISSING_AT_SOURCE, numbers=(count,))])
        if missing.is_paid_in_full:
            return verdict.having(Finding(Reason.DROPPED_MINUTES, (first,), (count,)))
        return verdict.having(Finding(Reason.MISSING_AT_SOURCE, numbers=(count,)))

    def _judge(self, symbol: str, session: Session, known: CoverageRow | None) -> Verdict:
        """Judge a day: COMPLETE, NO_TRADES, or UNPROVEN where contradictions are reported again and again.

        Raises `BadDay` until then: a contradiction is requested again at once, and once more in a later attempt.
        """
        self._clock.check()
        self._daily.prefetch(symbol)
        doubted = self._history.contradicted(symbol, session.day)
        for _ in range(2):
            look = self._look(symbol, session, doubted)
            verdict = with_signs(look.verdict, look.minutes, session, look.dailies)
            doubted = verdict.contradicted
            if not verdict.contradictions:
                return verdict
            if self._is_reported_again(symbol, session.day, verdict, known):
                stored = self._stored(symbol, session)
                return turned_back(verdict, look.minutes, session, look.dailies, stored) or accepted(verdict)
            _log.debug("%s %s 다시 받습니다: %s", symbol, session.day, verdict.reasons)
        raise BadDay(verdict.contradictions)

    def _is_reported_again(self, symbol: str, day: date, verdict: Verdict, known: CoverageRow | None) -> bool:
        """Return whether KIS reports this for the third time, or as it did when the day was stored."""
        times = self._history.times(symbol, day, verdict.evidence)
        self._history.add(symbol, day, verdict.evidence)
        self._history.keep_contradicted(symbol, day, verdict.contradicted)
        return times >= _ANSWERS_BEFORE or (known is not None and known.evidence == verdict.evidence)

    def _look(self, symbol: str, session: Session, doubted: DailyAnswer | None) -> _Look:
        """Fetch and check a day. Empty is not success: it is requested again, then the daily candle decides.

        `doubted` is a daily answer that the minutes contradicted: a newer one is used.
        """
        for attempt in range(EMPTY_TRIES):
            minutes = self._pages.fetch(symbol, session)
            self._check_closed(session)
            dailies = self._daily.get(symbol, instead_of=doubted)
            if minutes.rows:
                return _Look(self._checked(symbol, session, minutes, dailies), minutes, dailies)
            if minutes.findings:
                raise BadRow(note_of(minutes.findings))
            daily, is_listed = dailies.get(session.day), session.day in dailies
            if attempt and dailies and not (daily.volume if daily else is_listed):
                self._lag.check(symbol, session, [], untraded=daily is not None)
                return _Look(nothing_traded(session), minutes, dailies)
            self._clock.sleep(attempt)
        return _Look(self._without_minutes(symbol, session, dailies), minutes, dailies)

    def _without_minutes(self, symbol: str, session: Session, dailies: DailyAnswer) -> Verdict:
        """Judge a day whose minutes stay empty though its daily candle does not say that nothing traded.

        Volume without minutes fails at first and is accepted when a later try brings nothing either: KIS may answer
        empty for minutes on end.
        """
        daily = dailies.get(session.day)
        if daily is None and session.day not in dailies:
            raise NothingAtAll("분봉도 일봉도 비어 있어 거래가 없었는지 확인할 수 없습니다. 종목코드를 확인하세요.")
        self._lag.check(symbol, session, [])
        if daily is None:
            return nothing_traded(session, Finding(Reason.DAILY_UNREADABLE))._replace(contradicted=dailies)
        finding = Finding(Reason.EMPTY_WITH_VOLUME, numbers=(daily.volume,))
        verdict = nothing_traded(session, finding)
        if not self._history.times(symbol, session.day, verdict.evidence):
            self._history.add(symbol, session.day, verdict.evidence)
            raise SourceError(f"{finding_text(finding)}. 조금 뒤에 다시 묻습니다.")
        why = "NO_TRADES로 적습니다. 의심되면 --force 로 받으세요."
        _log.warning("⚠️ %s %s: %s. %s", symbol, session.day, finding_text(finding), why)
        return verdict

    def _check_closed(self, session: Session) -> None:
        """Raise where KIS's clock says that the day still runs: a host ahead of it does not settle the day."""
        if self._clock.now() + self._client.skew + TRUSTED_SKEW < session.end:
            why = f"KIS에서는 {session.day} 장이 아직 마감되지 않았습니다."
            raise SourceError(f"{why} {self._client.clock_trouble()}".strip())

    def _checked(self, symbol: str, session: Session, minutes: Minutes, dailies: DailyAnswer) -> Verdict:
        """Prove a day. One that is odd is fetched once more, which may add rows and never takes any away."""
        fresh = self._lag.is_fresh(session)
        verdict = check_day(minutes, session, dailies, is_fresh=fresh)
        if not has_auction(verdict.candles, session):
            self._lag.check(symbol, session, minutes.rows)
        if not verdict.second_look:
            return verdict
        again = self._pages.fetch(symbol, session)
        found = {row.minute: row for row in minutes.rows}
        findings = (*again.findings, *conflict_findings(merge(found, again.rows)))
        return check_day(Minutes(in_order(found), findings=findings), session, dailies, is_fresh=fresh)


def _still_misses(known: CoverageRow, verdict: Verdict) -> bool:
    """Return whether the day lacks the minutes that it was stored without, as it was reported then."""
    return Reason.MISSING_AT_SOURCE in known.reasons and known.evidence in (None, verdict.evidence)


class NothingAtAll(SourceError):
    """Neither minutes nor daily candles: the code is unknown, or KIS is."""
