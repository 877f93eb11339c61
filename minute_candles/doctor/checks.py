"""Check before the first run what the program assumes of KIS, of the database and of this host.

`examine` makes about ten calls and stores nothing. Each `Finding` is ✅ as expected, ℹ️ different and handled, or ❌
with what to do. What the answers should look like is in docs/dev/kis_http.md (each check names its §).
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from requests import Response

from minute_candles.config.holiday_cache import HOLIDAY_FILE
from minute_candles.config.settings import Settings
from minute_candles.console import console
from minute_candles.core.clock import Clock
from minute_candles.core.errors import AuthError, ConfigError, MinuteDataError, NotOffered, Outage, Stopped
from minute_candles.core.kst import KST
from minute_candles.doctor import row_checks as rows
from minute_candles.doctor.host_checks import DIFFERENT, FINE, WRONG, Finding, check_database, check_disk
from minute_candles.doctor.stream_check import visit
from minute_candles.kis.client import MOST_DAYS, KisClient
from minute_candles.kis.recorder import Recorder
from minute_candles.kis.token import TokenCache
from minute_candles.market.calendar import Session, TradingCalendar, differing
from minute_candles.market.rows import DailyRows, MinuteRow, MinuteRows
from minute_candles.monitoring.holidays import TooDifferentError, open_days
from minute_candles.redis_feed import setup as feeding

BURST = 4
"""Calls sent as fast as the setting allows, to see that KIS takes them: far below what would trip its limit."""
_GONE = (AuthError, ConfigError, Outage)


def report(settings: Settings, clock: Clock, calendar: TradingCalendar, symbol: str, record: Path | None) -> int:
    """Print a line for each finding of `--doctor`; return 1 where something has to be done.

    Raises `ConfigError` for `record`.
    """
    feeding.check(settings)
    shared = feeding.shared_by(settings)
    client = KisClient.of(settings, TokenCache(settings, clock, shared), clock, urgent=True, shared=shared)
    if record:
        client.listen(Recorder(record, settings.secrets()))
    wrong = 0
    for finding in Doctor(settings, clock, calendar, client, symbol).examine():
        console.say(str(finding))
        wrong += finding.mark == WRONG
    console.say(f"\nKIS 호출 {client.calls}번" + (f", 기록: {record}" if record else ""))
    console.say(
        f"❌ 고칠 것 {wrong}가지"
        if wrong
        else "✅ 시작해도 됩니다: python fetch_minute_data.py --symbols 005930,000660,035420 --days 7"
    )
    return 1 if wrong else 0


Look = Callable[[], Iterator[Finding]]


class Doctor:
    """Looks at one thing after the other; one that fails does not keep the others from being looked at."""

    def __init__(
        self, settings: Settings, clock: Clock, calendar: TradingCalendar, client: KisClient, symbol: str
    ) -> None:
        self._settings, self._clock, self._calendar, self._client = settings, clock, calendar, client
        self._symbol, self._over_limit, self._refused = symbol, 0, False
        self._today: list[MinuteRow] = []
        client.listen(self._count_refusals)

    def examine(self) -> Iterator[Finding]:
        """Yield the findings as they come. Raises `Stopped` alone."""
        yield from self._look("디스크", lambda: check_disk(self._settings.log_dir.absolute()), asks_kis=False)
        yield from self._look("데이터베이스", lambda: check_database(self._settings, self._clock), asks_kis=False)
        for what, look in (
            ("토큰", self._token), ("키", self._keys), ("오늘 분봉", self._today_minutes),
            ("과거 분봉", self._past_minutes), ("장중 과거 분봉", self._past_in_session),
            ("일봉", self._daily), ("휴장일", self._holidays),
            ("스트림", self._stream), ("호출 한도", self._limit), ("시계", self._host_clock),
        ):  # fmt: skip
            yield from self._look(what, look)
            if self._refused:
                yield Finding(WRONG, "KIS", "물을 수 없어 나머지는 보지 못했습니다. 위의 것을 먼저 고치세요.")
                return

    def _look(self, what: str, look: Look, *, asks_kis: bool = True) -> Iterator[Finding]:
        try:
            yield from look()
        except Stopped:
            raise
        except NotOffered as error:
            yield Finding(DIFFERENT, what, f"{error} 과거 분봉에는 실전 키가 필요합니다.")
        except MinuteDataError as error:
            self._refused = asks_kis and isinstance(error, _GONE)
            yield Finding(WRONG, what, str(error))

    def _count_refusals(self, answer: Response) -> None:
        self._over_limit += answer.status_code == 429 or b"EGW00201" in answer.content

    def _host_clock(self) -> Iterator[Finding]:
        trouble = self._client.clock_trouble()
        seconds = self._client.skew.total_seconds()
        yield Finding(WRONG, "시계", trouble) if trouble else Finding(FINE, "시계", f"KIS와 {abs(seconds):.0f}초 차이")

    # --- KIS ---

    def _token(self) -> Iterator[Finding]:
        self._client.token()
        yield Finding(FINE, "토큰", f"받았습니다 ({self._settings.env}, {self._settings.base_url})")

    def _keys(self) -> Iterator[Finding]:
        """Look at each key of KIS_KEYS_FILE alone: the others would stand in for it."""
        for (name, client), key in zip(self._client.keys(), self._settings.kis_keys, strict=False):
            limit = f"{key.env}, 초당 {key.rate_limit:g}회"
            try:
                client.today_minutes(self._symbol, self._now())
                yield Finding(FINE, f"키 {name}", f"오늘 분봉을 받았습니다 ({limit})")
            except Stopped:
                raise
            except MinuteDataError as error:
                yield Finding(WRONG, f"키 {name}", str(error))

    def _today_minutes(self) -> Iterator[Finding]:
        """Look at today's TR (`docs/dev/kis_http.md §5`)."""
        now = self._now()
        answer = self._client.today_minutes(self._symbol, now)
        self._today = rows.legible(answer)
        yield self._minute_shape("오늘 분봉", answer, most=30)
        answered = rows.days(answer)
        if answered and answered != {now.date()}:
            before = FINE if max(answered) < now.date() and not _is_open(self._calendar, now) else DIFFERENT
            yield Finding(before, "오늘 분봉의 날짜", f"{max(answered)}의 행이 왔습니다. 날짜를 보고 골라 씁니다.")
        fillers = sum(row.volume == 0 for row in self._today)
        yield Finding(FINE, "채움 행", f"{len(self._today)}행 가운데 {fillers}행. 캔들로 저장하지 않습니다.")
        if extra := rows.beyond(answer, now):
            yield Finding(DIFFERENT, "앞선 행", f"지금보다 뒤의 행 {extra}개. 끝나지 않은 분은 저장하지 않습니다.")

    def _past_minutes(self) -> Iterator[Finding]:
        """Look at the past TR (`docs/dev/kis_http.md §6`)."""
        session = self._calendar.session(self._calendar.last_closed(self._now()))
        found = self._client.past_minutes(self._symbol, session.end - timedelta(minutes=1))
        yield self._minute_shape("과거 분봉", found, most=120)
        mine = [row for row in rows.legible(found) if row.minute.date() == session.day]
        if not mine:
            yield Finding(DIFFERENT, "과거 분봉의 날짜", f"{session.day}의 행이 없습니다. 거래정지일 수 있습니다.")
            return
        wrong = rows.unproven(mine)
        mark = FINE if not wrong else DIFFERENT
        yield Finding(mark, "거래대금 증명", f"이웃한 {len(mine) - 1}쌍 가운데 {wrong}쌍이 어긋납니다.")
        fillers = sum(row.volume == 0 for row in mine)
        yield Finding(DIFFERENT if fillers else FINE, "과거 분봉의 채움 행", f"{fillers}행 (있어도 저장하지 않습니다)")
        yield from self._auction(mine, session)

    def _auction(self, past: Sequence[MinuteRow], session: Session) -> Iterator[Finding]:
        """Check §5: today's TR reports the closing auction's volume doubled."""
        if session.day != self._now().date():
            return
        known = {row.minute: row.volume for row in past}
        answered = self._client.today_minutes(self._symbol, session.end - timedelta(minutes=1))
        for row in rows.legible(answered):
            twice, once = row.volume, known.get(row.minute)
            if row.minute >= session.close_label and twice and once:
                right = "두 배로 왔습니다(알려진 버릇)" if twice == 2 * once else "두 배가 아닙니다"
                mark = FINE if twice == 2 * once else DIFFERENT
                yield Finding(mark, "종가 단일가", f"오늘 TR의 거래량이 {right}. 거래대금이 증명할 때만 고칩니다.")

    def _past_in_session(self) -> Iterator[Finding]:
        """Look whether the past TR answers with today's rows, and whether rows of today's TR come late (§5, §6)."""
        now = self._now()
        if not _is_open(self._calendar, now):
            answered = "지금은 장중이 아니라 볼 수 없습니다. 장중에 다시 실행해 보세요."
            yield Finding(DIFFERENT, "장중 과거 분봉", answered)
            return
        answer = self._client.past_minutes(self._symbol, now)
        found = [row for row in rows.legible(answer) if row.minute.date() == now.date()]
        if not found:
            yield Finding(DIFFERENT, "장중 과거 분봉", "오늘의 행이 없습니다. 오늘 TR로 채웁니다(호출이 더 듭니다).")
            return
        yield Finding(FINE, "장중 과거 분봉", f"오늘의 {len(found)}행. 빠진 아침은 이것으로 채웁니다.")
        known = {row.minute for row in found if row.volume}
        late = sum(row.volume == 0 and row.minute in known for row in self._today)
        yield Finding(
            FINE if not late else DIFFERENT, "늦게 보이는 분", f"{late}개. 거래대금을 보고 다음 쪽에서 메웁니다."
        )

    def _daily(self) -> Iterator[Finding]:
        """Look at the daily candles (`docs/dev/kis_http.md §7`)."""
        now = self._now()
        first = now.date() - timedelta(days=14)
        found = self._client.daily(self._symbol, first, now.date())
        yield self._daily_shape("일봉", found)
        has_today = any(row.day == now.date() for row in found)
        if self._calendar.is_trading_day(now.date()):
            word = "오늘 것도 있습니다(16시부터는 시간외가 섞입니다)" if has_today else "오늘 것은 아직 없습니다"
            yield Finding(FINE, "오늘의 일봉", f"{word}. 오늘의 종가는 다음 날 다시 봅니다.")
        adjusted = self._client.daily(self._symbol, first, now.date() - timedelta(days=1), adjusted=True)
        yield self._daily_shape("수정주가 일봉", adjusted)

    def _holidays(self) -> Iterator[Finding]:
        """Check §8 at most once a day: the updater's answer of today is used where there is one."""
        if self._settings.env != "real":
            yield Finding(DIFFERENT, "휴장일", "모의투자에는 없는 조회입니다. 내장 달력을 씁니다.")
            return
        plain = TradingCalendar(csat_days=self._settings.csat_days)
        try:
            answered = open_days(self._client, self._settings.log_dir / HOLIDAY_FILE, self._now().date(), plain)
        except TooDifferentError as error:
            yield Finding(DIFFERENT, "휴장일", str(error))
            return
        other = sorted(differing(plain, answered))
        if not answered:
            yield Finding(DIFFERENT, "휴장일", "알아볼 수 있는 행이 없습니다. 내장 달력을 씁니다.")
        elif other:
            yield Finding(DIFFERENT, "휴장일", f"내장 달력과 다른 날: {', '.join(map(str, other))}. KIS를 따릅니다.")
        else:
            yield Finding(FINE, "휴장일", f"{len(answered)}일이 내장 달력과 같습니다.")

    def _stream(self) -> Iterator[Finding]:
        """Look at the stream (`docs/dev/kis_websocket.md §1, §2`)."""
        fine, line = visit(self._settings, self._clock, self._symbol, in_session=_is_open(self._calendar, self._now()))
        yield Finding(FINE if fine else DIFFERENT, "스트림", line)

    def _limit(self) -> Iterator[Finding]:
        """Check §4 without exceeding the limit."""
        began, before = self._clock.time(), self._client.calls
        for _ in range(BURST):
            self._client.today_minutes(self._symbol, self._now())
        rate = (self._client.calls - before) / max(self._clock.time() - began, 0.001)
        if self._over_limit:
            answered = f"KIS가 {self._over_limit}번 한도 초과로 답했습니다. .env의 KIS_RATE_LIMIT을 낮추세요."
            yield Finding(WRONG, "호출 한도", f"{answered} (지금 {self._settings.rate_limit:g})")
        else:
            yield Finding(
                FINE, "호출 한도", f"설정 초당 {self._settings.rate_limit:g}회, 잰 것 {rate:.1f}회, 거절 없음"
            )

    def _minute_shape(self, what: str, answer: MinuteRows, *, most: int) -> Finding:
        in_order = len(answer) <= most and rows.newest_first([row.minute for row in answer])
        return self._shape(what, len(answer), rows.odd_minutes(answer), in_order=in_order)

    def _daily_shape(self, what: str, answer: DailyRows) -> Finding:
        in_order = len(answer) <= MOST_DAYS and rows.newest_first([row.day for row in answer])
        return self._shape(what, len(answer), rows.odd_days(answer), in_order=in_order)

    def _shape(self, what: str, count: int, odd: str, *, in_order: bool) -> Finding:
        if not count:
            return Finding(DIFFERENT, what, f"{self._symbol}의 답이 비었습니다. 다시 물어 확인하고, 지어내지 않습니다.")
        if odd:
            return Finding(WRONG, what, f"답의 모양이 다릅니다: {odd}. --record 파일과 함께 알려 주세요.")
        return Finding(FINE if in_order else DIFFERENT, what, f"{count}행, 모양이 예상과 같습니다.")

    def _now(self) -> datetime:
        return self._clock.now().astimezone(KST)


def _is_open(calendar: TradingCalendar, now: datetime) -> bool:
    session = calendar.running_session(now)
    return session is not None and now < session.close
