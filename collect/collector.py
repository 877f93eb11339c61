"""The shared heart: plan (wanted − verified), then collect one symbol-day: fetch → check → store in one transaction.

The unit is the symbol-day (law 2). The past TR is the authority; what makes its answer believed is told in past_day.py,
here is what is asked, and asked again.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import product
from typing import NamedTuple

from base.clock import Clock
from base.errors import BadRow, SourceError
from collect.daily_candles import EMPTY_TRIES, DailyCandles
from db import Counts, Coverage, Store
from kis.client import TRUSTED_SKEW, KisClient
from market.candles import INTERVALS, Candles, Row, derive, unexplained_start
from market.daily import DailyAnswer
from market.hours import Session, TradingCalendar
from market.past_day import COMPLETE, NO_TRADES, BadDay, Minutes, Page, Verdict, check_day, read_page

PROVISIONAL = "PROVISIONAL"
_log = logging.getLogger("minute_data")


class SymbolDay(NamedTuple):
    """The unit of work (law 2), and why it is on the plan."""

    symbol: str
    day: date
    why: str = ""


def plan(
    store: Store, calendar: TradingCalendar, symbols: Sequence[str], days: Sequence[date], *, force: bool = False
) -> list[SymbolDay]:
    """Symbol-days wanted − verified, by symbol, oldest first (law 1); `force` wants them all again."""
    if not (symbols and days):
        return []
    coverage = store.coverage(symbols, days[0], days[-1])
    counts = store.counts(symbols, [calendar.session(day) for day in days])
    whys = (
        SymbolDay(*key, "다시 받기" if force else why_missing(coverage.get(key), counts.get(key, (0, 0, 0))))
        for key in product(symbols, days)
    )
    return [task for task in whys if task.why]


def why_missing(known: Coverage | None, held: Counts) -> str:
    """Why a symbol-day is not verified, in Korean; empty where it is.

    Verified: coverage says COMPLETE or NO_TRADES, and the table still holds the counted rows of each interval.
    """
    if known is None:
        return "아직 받지 않음"
    if known.status not in (COMPLETE, NO_TRADES):
        return "장중 임시 데이터 (마감 확정 전)"
    pairs = zip(INTERVALS, held, known.counts, strict=True)
    lost = [f"{interval}분봉 {had - has}건" for interval, has, had in pairs if has < had]
    return f"{', '.join(lost)} 사라짐" if lost else ""


class Collector:
    """Collects symbol-days of the past from the authority. Thread-safe: workers share it.

    `suspects` remembers, across collectors, the days that brought volume but no minutes.
    """

    def __init__(
        self,
        client: KisClient,
        store: Store,
        calendar: TradingCalendar,
        clock: Clock,
        span: tuple[date, date],
        suspects: set[SymbolDay] | None = None,
    ) -> None:
        self._client, self._store, self._calendar, self._clock = client, store, calendar, clock
        self._suspects: set[SymbolDay] = set() if suspects is None else suspects
        self._daily = DailyCandles(client, *span, clock.now().date())

    def collect(self, task: SymbolDay) -> Counts:
        """Fetch, check and store one closed symbol-day; answers the stored rows per interval.

        Raises `SourceError` with the reason where the day cannot be believed; nothing of it is stored then.
        """
        session = self._calendar.session(task.day)
        verdict = self._judge(task.symbol, session)
        wanted = derive(verdict.candles)
        is_today = task.day == self._clock.now().date()

        def change(stored: Candles) -> Candles:
            if is_today and verdict.note and stored[1] and not verdict.candles:
                raise SourceError("오늘 거래가 있었는데 과거 분봉이 아직 비어 있습니다. 잠시 뒤 다시 받습니다.")
            return wanted

        return self._store.rewrite(
            task.symbol,
            session,
            change,
            now=self._clock.now(),
            status=verdict.status,
            note=verdict.note,
        )

    def _judge(self, symbol: str, session: Session) -> Verdict:
        """Believe a day; a contradiction is asked once more, of whoever took part in it, before it fails the day."""
        self._clock.check()
        self._daily.prefetch(symbol)
        try:
            return self._believe(symbol, session)
        except BadDay as error:
            _log.debug("%s %s 다시 받습니다: %s", symbol, session.day, error)
            return self._believe(symbol, session, doubted=error.doubted)

    def _believe(self, symbol: str, session: Session, *, doubted: DailyAnswer | None = None) -> Verdict:
        """Fetch and check a day. Empty is not success: it is asked again, then the daily candle is (law 8).

        `doubted` is a daily answer that the minutes contradicted. Volume without minutes fails at first and is
        believed, with a note, when a later try brings nothing either: KIS may answer empty for minutes on end.
        """
        for attempt in range(EMPTY_TRIES):
            minutes = self._fetch(symbol, session)
            self._check_closed(session)
            told = self._daily.get(symbol, instead_of=doubted)
            if minutes.rows:
                return self._checked(symbol, session, minutes, told)
            daily = told.get(session.day)
            if attempt and told and not (daily and daily.volume):
                return Verdict([], NO_TRADES, None)
            self._clock.sleep(attempt)
        if not daily:
            raise SourceError("분봉도 일봉도 비어 있어 거래가 없었는지 확인할 수 없습니다. 종목코드를 확인하세요.")
        why = f"일봉 거래량은 {daily.volume:,}주인데 분봉이 계속 비어 있음"
        if (suspect := SymbolDay(symbol, session.day)) not in self._suspects:
            self._suspects.add(suspect)
            raise SourceError(f"{why}. 조금 뒤에 다시 묻습니다.")
        _log.warning("⚠️ %s %s: %s. NO_TRADES로 적습니다. 의심되면 --force 로 받으세요.", symbol, session.day, why)
        return Verdict([], NO_TRADES, why)

    def _check_closed(self, session: Session) -> None:
        """The answers bring KIS's clock: a day that still runs there is not settled by a host ahead of it (law 3)."""
        if self._clock.now() + self._client.skew + TRUSTED_SKEW < session.end:
            why = f"KIS에서는 {session.day} 장이 아직 마감되지 않았습니다."
            raise SourceError(f"{why} {self._client.clock_trouble()}".strip())

    def _checked(self, symbol: str, session: Session, minutes: Minutes, told: DailyAnswer) -> Verdict:
        """Prove a day. One that is odd is looked at once more, which may add rows and never takes any away."""
        verdict = check_day(minutes, session, told)
        if not verdict.odd:
            return verdict
        _log.debug("%s %s 한 번 더 봅니다: %s", symbol, session.day, verdict.odd)
        found = {row.minute: row for row in minutes.rows}
        _merge(found, self._fetch(symbol, session).rows)
        return check_day(Minutes(_in_order(found)), session, told)

    def _fetch(self, symbol: str, session: Session) -> Minutes:
        """All pages of a day: from close + 9 minutes back until the day's start is proven."""
        found: dict[datetime, Row] = {}
        last, deeper, pages = session.end - timedelta(seconds=1), False, 0
        doubted: datetime | None = None
        while True:
            page, pages = self._page(symbol, session, last, deeper=deeper), pages + 1
            _merge(found, page.rows)
            rows = _in_order(found)
            unexplained = bool(rows) and unexplained_start(rows, session)
            if deeper and not page.size and unexplained:
                raise SourceError(f"{last:%H:%M} 이전 분봉이 계속 비어 있어 하루의 시작을 확인할 수 없습니다.")
            deeper = not page.starts_day
            if deeper:
                last = page.earliest - timedelta(seconds=1)
            elif unexplained and not page.seamless and rows[0].minute != doubted:
                # Turnover says that something came before: off-hours trades, or minutes this answer kept back.
                doubted = rows[0].minute
                last = doubted.replace(tzinfo=last.tzinfo) - timedelta(seconds=1)
            else:
                return Minutes(rows, whole=page.seamless and pages == 1)

    def _page(self, symbol: str, session: Session, last: datetime, *, deeper: bool) -> Page:
        """One page, read strictly; asked again once for a bad row, and four times where rows must lie `deeper`."""
        empty = bad = 0
        while True:
            try:
                page = read_page(self._client.past_minutes(symbol, last), session, last)
            except BadRow:
                bad += 1
                if bad > 1:
                    raise
                continue
            if page.size or not deeper or empty == EMPTY_TRIES:
                return page
            empty += 1


def _merge(found: dict[datetime, Row], rows: Iterable[Row]) -> None:
    for row in rows:
        if found.setdefault(row.minute, row) != row:
            raise BadDay(f"{row.minute:%H:%M} 행이 페이지마다 다른 값으로 왔습니다.")


def _in_order(found: Mapping[datetime, Row]) -> list[Row]:
    return [found[minute] for minute in sorted(found)]
