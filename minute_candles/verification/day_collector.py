"""The shared heart: collect one symbol-day: fetch → check → store in one transaction.

The unit is the symbol-day (law 2). The past TR is the authority; what makes its answer believed is told in past_day.py,
here is what is asked again, and when: doubt costs a mark, never the data (law 13), and what the session itself had
proven is not taken away by an authority that is late (law 6).
"""

import logging
import threading
from datetime import date, timedelta

from minute_candles.core.clock import Clock
from minute_candles.core.errors import BadRow, SourceError
from minute_candles.kis.client import TRUSTED_SKEW, KisClient
from minute_candles.market.calendar import Session, TradingCalendar, contradict_hours, with_csat_end
from minute_candles.market.candles import Candles, derive
from minute_candles.market.daily import DailyAnswer
from minute_candles.market.day_notes import hours_advice, reason_text, says_csat_hours
from minute_candles.market.day_status import COMPLETE, NO_TRADES, PROVISIONAL, UNPROVEN, Reason
from minute_candles.storage.coverage import LONGEST_NOTE, CoverageRow
from minute_candles.storage.store import Counts, Store
from minute_candles.verification.daily_reference import EMPTY_TRIES, DailyCandles
from minute_candles.verification.day_verdict import (
    BadDay,
    Minutes,
    Verdict,
    believed,
    check_day,
    digest,
    has_auction,
    note_of_hours,
    with_hours,
)
from minute_candles.verification.missing_minutes import Lack, lacking, proven_minutes
from minute_candles.verification.past_pages import DayPages, in_order, merge
from minute_candles.verification.plan import SymbolDay
from minute_candles.verification.source_lag import AGAIN, Lacking, Late, Lateness

NOTHING = "nothing but volume"
ODD_HOURS = reason_text(Reason.UNEXPECTED_HOURS)
LACKS = "이 과거 분봉에는 끝내 없음"
_log = logging.getLogger(__name__)


class Memory:
    """What KIS told of doubtful days, across passes and collectors: believed once it tells the same again (law 13).

    Thread-safe as far as a symbol-day is one thread's at a time.
    """

    def __init__(self) -> None:
        self._told: dict[tuple[str, date], tuple[str, int]] = {}
        self._doubted: dict[tuple[str, date], DailyAnswer] = {}
        self._advised: set[date] = set()
        self._guard = threading.Lock()

    def heard(self, symbol: str, day: date, told: str) -> int:
        """How often KIS has told this of the day, and nothing else in between."""
        last, times = self._told.get((symbol, day), ("", 0))
        return times if last == told else 0

    def keep(self, symbol: str, day: date, told: str) -> None:
        self._told[symbol, day] = (told, self.heard(symbol, day, told) + 1)

    def doubt(self, symbol: str, day: date, answer: DailyAnswer | None) -> None:
        """Keep in mind which daily answer contradicts, so that it is not taken for a newer one."""
        if answer is not None:
            self._doubted[symbol, day] = answer

    def doubted(self, symbol: str, day: date) -> DailyAnswer | None:
        return self._doubted.get((symbol, day))

    def is_first_advice(self, day: date) -> bool:
        """Return whether the day's hours were not warned of before; from then on they were."""
        with self._guard:
            is_first = day not in self._advised
            self._advised.add(day)
        return is_first

    def forget(self, symbol: str, day: date) -> None:
        self._told.pop((symbol, day), None)
        self._doubted.pop((symbol, day), None)


class Collector:
    """Collects symbol-days of the past from the authority. Thread-safe: workers share it.

    `memory` remembers, across collectors, what was told of doubtful days. `asks_today`: of a day that is over since
    today, today's TR may be asked whether the authority has caught up.
    """

    def __init__(
        self,
        client: KisClient,
        store: Store,
        calendar: TradingCalendar,
        clock: Clock,
        span: tuple[date, date],
        memory: Memory | None = None,
        *,
        asks_today: bool = False,
    ) -> None:
        self._lateness = Lateness(client, clock, asks=asks_today)
        self._client, self._store, self._calendar, self._clock = client, store, calendar, clock
        self._memory = memory or Memory()
        self._daily = DailyCandles(client, *span, clock.now().date())
        self._pages = DayPages(client)

    def collect(self, task: SymbolDay) -> Counts:
        """Fetch, check and store one closed symbol-day; answers the stored rows per interval.

        Raises `SourceError` with the reason where the day cannot be believed (yet); nothing is changed then.
        """
        symbol, session = task.symbol, self._calendar.session(task.day)
        known = self._store.coverage([symbol], task.day, task.day).get((symbol, task.day))
        verdict = self._judge(symbol, session, known)
        self._lateness.check_gaps(symbol, session, verdict.gaps)
        if known and known.note and LACKS in known.note and self._is_stored(symbol, session, verdict):
            note = with_hours(known.note, session)
            verdict = verdict._replace(status=UNPROVEN, note=note)  # it still lacks what was given up
        try:
            stored = self._write(symbol, session, verdict, known)
        except Lacking as error:
            verdict = self._believe_lacking(symbol, session, verdict, error.lack)
            stored = self._write(symbol, session, verdict, None)
        self._memory.forget(symbol, session.day)
        if ODD_HOURS in (verdict.note or "") and self._memory.is_first_advice(session.day):
            _log.warning("⚠️ %s", hours_advice(session))
        return stored

    def _write(self, symbol: str, session: Session, verdict: Verdict, known: CoverageRow | None) -> Counts:
        """One transaction. Raises `Lacking` where it would take away minutes that were proven."""
        wanted = derive(verdict.candles)

        def change(stored: Candles) -> Candles:
            proven = proven_minutes(stored[1], session, provisional=known.status == PROVISIONAL) if known else {}
            if (lack := lacking(proven, verdict, session)).minutes:
                raise Lacking(lack)
            kept = [proven[minute] for minute in proven.keys() & verdict.unreadable]
            return derive(sorted([*verdict.candles, *kept])) if kept else wanted

        status, note = verdict.status, verdict.note
        reach = with_csat_end(session) if known and says_csat_hours(known.note) else session  # rows of other hours go
        return self._store.rewrite(symbol, reach, change, now=self._clock.now(), status=status, note=note)

    def _believe_lacking(self, symbol: str, session: Session, verdict: Verdict, lack: Lack) -> Verdict:
        """A settle never takes away what was proven: who lacks it is late, until it lacks it the next morning, too.

        Then it is believed: without a mark where its own turnover goes on without those minutes, which anybody may have
        written, else UNPROVEN.
        """
        count, minutes = len(lack.minutes), f"{len(lack.minutes)}분({lack.minutes[0]:%H:%M} 등)"
        why = f"장중에 거래대금으로 확인한 {minutes}이 과거 분봉에 없습니다."
        told = digest("lacking", lack.minutes, verdict.candles)
        if self._lateness.is_fresh(session) or not verdict.candles:
            raise Late(f"{why} {AGAIN}")
        if not self._memory.heard(symbol, session.day, told):
            self._memory.keep(symbol, session.day, told)
            raise BadDay(f"{why} 조금 뒤에 다시 묻습니다.")
        if lack.closed:
            gone = f"과거 분봉에 없는 {minutes}을 뺌: 거래대금이 그것 없이 이어짐"
            return verdict._replace(note=" · ".join(filter(None, (gone, verdict.note))))
        note = " · ".join(filter(None, (f"장중에 확인한 {count}분{LACKS}", verdict.note)))
        return verdict._replace(status=UNPROVEN, note=note)

    def _judge(self, symbol: str, session: Session, known: CoverageRow | None) -> Verdict:
        """Believe a day; a contradiction is asked again, of whoever took part in it, at once and once more later.

        Raises `BadDay` until KIS has told the same at both times (law 13).
        """
        self._clock.check()
        self._daily.prefetch(symbol)
        day = session.day
        first = self._look(symbol, session, doubted=self._memory.doubted(symbol, day))
        if not first.doubts or self._is_told_again(symbol, session, first, known):
            return believed(first) if first.doubts else first
        _log.debug("%s %s 다시 받습니다: %s", symbol, day, first.doubts)
        again = self._look(symbol, session, doubted=first.doubted)
        if not again.doubts:
            return again
        if again.deal and again.told == first.told:
            return again._replace(note=again.deal, doubts=())
        if self._is_told_again(symbol, session, again, known):
            return believed(again)
        raise BadDay(" · ".join(again.doubts))

    def _is_told_again(self, symbol: str, session: Session, verdict: Verdict, known: CoverageRow | None) -> bool:
        """Whether KIS tells this for the third time, not in one go; or as it did when the day was stored UNPROVEN."""
        heard = self._memory.heard(symbol, session.day, verdict.told)
        self._memory.keep(symbol, session.day, verdict.told)
        self._memory.doubt(symbol, session.day, verdict.doubted)
        if heard >= 2:
            return True
        note = believed(verdict).note or ""
        if known is None or known.status != UNPROVEN or known.note != note[:LONGEST_NOTE]:
            return False
        return self._is_stored(symbol, session, verdict)

    def _is_stored(self, symbol: str, session: Session, verdict: Verdict) -> bool:
        midnight, end = (moment.replace(tzinfo=None) for moment in (session.open.replace(hour=0), session.end))
        stored = self._store.candles(symbol, 1, midnight, end - timedelta(seconds=1))
        return [candle[:6] for candle in stored] == [candle[:6] for candle in verdict.candles]

    def _look(self, symbol: str, session: Session, *, doubted: DailyAnswer | None = None) -> Verdict:
        """Fetch and check a day. Empty is not success: it is asked again, then the daily candle is (law 8).

        `doubted` is a daily answer that the minutes contradicted. Volume without minutes fails at first and is
        believed, with a note, when a later try brings nothing either: KIS may answer empty for minutes on end.
        """
        for attempt in range(EMPTY_TRIES):
            minutes = self._pages.fetch(symbol, session)
            self._check_closed(session)
            told = self._daily.get(symbol, instead_of=doubted)
            minutes = _with_hours(minutes, session)
            if minutes.rows:
                return self._checked(symbol, session, minutes, told)
            if minutes.doubts:
                raise BadRow(minutes.doubts[0])
            daily, is_told = told.get(session.day), session.day in told
            if attempt and told and not (daily.volume if daily else is_told):
                self._lateness.check(symbol, session, [], untraded=daily is not None)
                return Verdict([], NO_TRADES, note_of_hours(session))
            self._clock.sleep(attempt)
        if not daily and is_told:
            self._lateness.check(symbol, session, [])
            why = "분봉이 비어 있고 일봉의 이 날을 읽을 수 없어 거래가 없었는지 알 수 없습니다."
            note = note_of_hours(session)
            return Verdict([], COMPLETE, note, doubts=(why,), doubted=told, told=digest(why))
        if not daily:
            raise NothingAtAll("분봉도 일봉도 비어 있어 거래가 없었는지 확인할 수 없습니다. 종목코드를 확인하세요.")
        return self._nothing_but_volume(symbol, session, daily.volume)

    def _nothing_but_volume(self, symbol: str, session: Session, volume: int) -> Verdict:
        why = f"일봉 거래량은 {volume:,}주인데 분봉이 계속 비어 있음"
        self._lateness.check(symbol, session, [])
        if not self._memory.heard(symbol, session.day, NOTHING):
            self._memory.keep(symbol, session.day, NOTHING)
            raise SourceError(f"{why}. 조금 뒤에 다시 묻습니다.")
        _log.warning("⚠️ %s %s: %s. NO_TRADES로 적습니다. 의심되면 --force 로 받으세요.", symbol, session.day, why)
        return Verdict([], NO_TRADES, " · ".join(filter(None, (note_of_hours(session), why))))

    def _check_closed(self, session: Session) -> None:
        """The answers bring KIS's clock: a day that still runs there is not settled by a host ahead of it (law 3)."""
        if self._clock.now() + self._client.skew + TRUSTED_SKEW < session.end:
            why = f"KIS에서는 {session.day} 장이 아직 마감되지 않았습니다."
            raise SourceError(f"{why} {self._client.clock_trouble()}".strip())

    def _checked(self, symbol: str, session: Session, minutes: Minutes, told: DailyAnswer) -> Verdict:
        """Prove a day. One that is odd is looked at once more, which may add rows and never takes any away."""
        fresh = self._lateness.is_fresh(session)
        verdict = check_day(minutes, session, told, is_fresh=fresh)
        if not has_auction(verdict.candles, session):
            self._lateness.check(symbol, session, minutes.rows)
        if not verdict.odd:
            return verdict
        _log.debug("%s %s 한 번 더 봅니다: %s", symbol, session.day, verdict.odd)
        again = self._pages.fetch(symbol, session)
        found, doubts = {row.minute: row for row in minutes.rows}, [*again.doubts]
        merge(found, again.rows, doubts)
        return check_day(Minutes(in_order(found), doubts=tuple(doubts)), session, told, is_fresh=fresh)


def _with_hours(minutes: Minutes, session: Session) -> Minutes:
    """Add a doubt where the rows contradict the announced hours; a row that was left out tells no hours."""
    traded = [row.minute for row in minutes.rows if row.close]
    if not contradict_hours(traded, session, before_ten=minutes.before_ten):
        return minutes
    return minutes._replace(doubts=(*minutes.doubts, ODD_HOURS))


class NothingAtAll(SourceError):
    """Neither minutes nor daily candles: the code is unknown, or KIS is."""
