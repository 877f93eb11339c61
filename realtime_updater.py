"""Keep the present: every minute of a session its closed candles, after the close the authority's, for weeks on end.

    nohup python realtime_updater.py > updater.log 2>&1 &      then: tail -f updater.log
    python realtime_updater.py --status                        exit 0 healthy, 1 stale or failing
    python realtime_updater.py --once                          one round and out, for cron

Started at any time it heals what is missing of today, looks back a week after the close, sleeps to the next session.
What a round is, is told in updater.py; here are the command line, the clockwork of `schedule`, and the night.
"""

import argparse
import hashlib
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from types import SimpleNamespace
from typing import Any

import command_line
import console
import settings as user_settings
import status_file
import symbols_file
from clock import Clock
from errors import ConfigError, MinuteDataError, NotOffered, SourceError, Stopped, StoreError, TokenRefused
from market_hours import Session
from settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from db import Store
    from kis_client import KisClient
    from updater import Round

HERE = Path(__file__).resolve().parent
LOG_FILE, HOLIDAY_FILE = "realtime_updater.log", "realtime_updater_holidays.json"
STEP = timedelta(minutes=5)
"""The longest sleep between two looks at the clock: a laptop may have slept, a clock may have been set."""
QUIET_BEFORE_OPEN = timedelta(minutes=10)
GRACE = timedelta(minutes=2)
"""A round may take so long beyond its cadence before `--status` calls it stale."""
PATIENCE = 5.0
"""Seconds a transaction waits for a lost database; the next round waits again."""
STOP_SECONDS, POLL_SECONDS = 4.0, 0.1
_log = logging.getLogger("minute_data")
_EXAMPLES = """\
예:
  python realtime_updater.py --demo                       키·DB 없이 먼저 보기
  nohup python realtime_updater.py > updater.log 2>&1 &   뒤에서 계속
  python realtime_updater.py --status                     잘 돌고 있는지
  python realtime_updater.py --once                       한 라운드만 (cron용)

종료 코드: 0 정상 (Ctrl-C 포함) · 1 --once 실패, --status 이상 · 2 설정 오류
"""


def parser() -> argparse.ArgumentParser:
    made = command_line.Parser(
        "realtime_updater.py",
        "장중 매분 KIS의 1·5·15분봉을 stock_minute_prices 테이블에 저장합니다.",
        _EXAMPLES,
    )
    what = made.add_argument_group("무엇을")
    which = what.add_mutually_exclusive_group()
    which.add_argument("--symbols", metavar="A,B", help="종목코드를 쉼표로 (기본: symbols.csv의 97개)")
    which.add_argument("--symbols-file", metavar="F", help="종목 파일: 한 줄에 종목코드[,이름]")
    what.add_argument("--active", metavar="N", help="매분 먼저 갱신할 거래 활발 종목 수 (기본 30)")
    for interval in (1, 5, 15):
        text = f"{interval}분봉을 몇 분마다 갱신할지 (기본 {interval})"
        what.add_argument(f"--every-{interval}min", dest=f"every{interval}", metavar="M", help=text)
    how = made.add_argument_group("어떻게")
    mode = how.add_mutually_exclusive_group()
    mode.add_argument("--once", action="store_true", help="한 라운드만 (오늘 빠진 것 포함) 하고 끝내기")
    mode.add_argument("--status", action="store_true", help="실행 중인 업데이터의 상태 보기 (0 정상, 1 이상)")
    mode.add_argument("--demo", action="store_true", help="내장 시뮬레이터와 SQLite로 시연 (Ctrl-C로 끝)")
    how.add_argument("--verbose", action="store_true", help="자세히")
    return made


def main(argv: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Run from the command line; answers the exit code."""
    console.prepare_streams()
    arguments = parser().parse_args(argv)
    try:
        if arguments.demo:
            return show_demo(arguments)
        settings = with_flags(user_settings.load(os.environ, HERE), arguments)
        if arguments.status:
            return show_status(settings, clock or Clock())
        return run(arguments, clock or Clock(), settings)
    except MinuteDataError as error:
        console.complain(str(error))
        return error.exit_code


def with_flags(settings: Settings, arguments: argparse.Namespace) -> Settings:
    """The settings with the flags laid over them. Raises `ConfigError`."""
    every = dict(settings.every)
    for interval in every:
        if (text := getattr(arguments, f"every{interval}")) is not None:
            every[interval] = command_line.whole(f"--every-{interval}min", text, 60 * interval)
    if arguments.active is not None:
        settings = replace(settings, active=command_line.whole("--active", arguments.active, 10_000))
    return replace(settings, every=every)


def show_demo(arguments: argparse.Namespace) -> int:
    import demo

    def run_demo(clock: Clock, settings: Settings) -> int:
        return run(arguments, clock, with_flags(settings, arguments))

    return demo.market(arguments, HERE / "demo-realtime", run_demo)


def show_status(settings: Settings, clock: Clock) -> int:
    text, healthy = status_file.told(status_file.read(settings.log_dir), clock.now(), running=is_running(settings))
    console.say(text)
    return 0 if healthy else 1


def run(arguments: argparse.Namespace, clock: Clock, settings: Settings) -> int:
    """Take the table's lock, then work in the background of a main thread that listens for signals."""
    names = symbols_file.choose(arguments.symbols, arguments.symbols_file)
    console.setup_logging(settings.log_dir / LOG_FILE, clock, settings.secrets(), verbose=arguments.verbose)
    with only_one(settings):
        console.on_stop(clock)
        try:
            return in_background(lambda: serve(arguments, clock, settings, names), clock)
        except Stopped:
            _log.info("⏹️ 멈춥니다. 다시 시작하면 빠진 것부터 채웁니다.")
            return 0


def in_background(work: Callable[[], int], clock: Clock) -> int:
    """Run `work` on a thread; its answer or its error. After a stop request it has a few seconds to end: `Stopped`.

    A read that hangs in KIS or in a slow database ends when it likes; signals reach only a main thread that is free.
    """
    ended: SimpleQueue[int | Exception] = SimpleQueue()

    def run() -> None:
        try:
            ended.put(work())
        except Exception as error:  # a thread's boundary: raised again below
            ended.put(error)

    threading.Thread(target=run, name="updater", daemon=True).start()
    patience = STOP_SECONDS
    while patience > 0:
        with suppress(Empty):
            answer = ended.get(timeout=POLL_SECONDS)
            if isinstance(answer, Exception):
                raise answer
            return answer
        patience -= POLL_SECONDS if clock.stop.is_set() else 0
    raise Stopped("중지 요청을 받았습니다.")


def serve(arguments: argparse.Namespace, clock: Clock, settings: Settings, names: Mapping[str, str]) -> int:
    """Start up strictly (a mistake in the settings is exit 2), then keep going whatever comes."""
    from db import open_store
    from kis_client import KisClient

    _log.info("✅ KIS 환경변수 로드 완료")
    for line in settings.warnings:
        _log.warning(line)
    store = open_store(settings.database, clock, patience=PATIENCE)
    try:
        for line in store.preflight():
            _log.info(line)
        workers = workers_for(settings.rate_limit)
        client = KisClient.of(settings, clock, urgent=True, connections=workers)
        check_key(client, next(iter(names)), clock.now())
        service = Service(settings, clock, client, store, names)
        return service.once() if arguments.once else service.run()
    finally:
        store.close()


def workers_for(rate: float) -> int:
    """As many as calls are under way at once: more would only wait for their turn, beyond the end of the round."""
    from updater import WORKERS

    return max(2, min(WORKERS, round(2 * rate)))


def check_key(client: "KisClient", symbol: str, now: datetime) -> None:
    """One quote. A refused key is a mistake in the settings now; any other fault of KIS is waited out later."""
    try:
        client.today_minutes(symbol, now)
    except (TokenRefused, SourceError) as error:
        _log.warning("⚠️ %s 계속 다시 시도합니다.", error)


def lock_file(settings: Settings) -> Path:
    """One a table."""
    mark = hashlib.sha256(settings.database.describe().encode()).hexdigest()[:8]
    return settings.log_dir / f"realtime_updater-{mark}.lock"


def is_running(settings: Settings) -> bool:
    """Whether a process holds the table's lock; one that was killed cannot say that it is gone."""
    import filelock

    if not lock_file(settings).exists():
        return False
    try:
        with filelock.FileLock(lock_file(settings), timeout=0):
            return False
    except (filelock.Timeout, OSError):
        return True


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the lock of this table. Raises `ConfigError` naming the pid that holds it."""
    import filelock

    lock = filelock.FileLock(lock_file(settings), timeout=0)
    pid_file = lock_file(settings).with_suffix(".pid")
    try:
        lock.acquire()
    except filelock.Timeout:
        with suppress(OSError):
            pid = pid_file.read_text(encoding="utf-8").strip()
            raise ConfigError(f"이미 실행 중입니다 (pid {pid}). 멈추려면: kill {pid}") from None
        raise ConfigError("이미 실행 중입니다.") from None
    except OSError as error:
        raise ConfigError(f"LOG_DIR에 쓸 수 없습니다 ({error.strerror}): {settings.log_dir}") from error
    try:
        with suppress(OSError):
            pid_file.write_text(f"{os.getpid()}\n", encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            pid_file.unlink()
        lock.release()


class Service:
    """The days: trade, settle, sleep, again. A fault in one of them is logged and the loop goes on."""

    def __init__(
        self, settings: Settings, clock: Clock, client: "KisClient", store: "Store", names: Mapping[str, str]
    ) -> None:
        from holiday_check import HolidayCheck
        from updater import Updater

        self._settings, self._clock, self._client = settings, clock, client
        active, workers = symbols_file.USUALLY_ACTIVE, workers_for(settings.rate_limit)
        self._holidays = HolidayCheck(client, clock, settings.log_dir / HOLIDAY_FILE, settings.csat_days)
        calendar, most = self._holidays.calendar, settings.active
        self.updater: Updater = Updater(client, store, calendar, clock, list(names), active, most, workers)
        self._due: set[int] = set()
        self._served: dict[int, tuple[date, int]] = {}
        self._settled: date | None = None
        self._not_offered: date | None = None
        self._last_round = ""
        self._schedule = clocked_schedule(clock)

    def run(self) -> int:
        """For ever; `Stopped` ends it."""
        try:
            while True:
                try:
                    self._day()
                except Stopped:
                    raise
                except Exception as error:  # the loop's boundary: whatever it was, the next minute is another try
                    self._outlive(error)
        finally:
            self._say("stopped", self._clock.now())

    def _outlive(self, error: Exception) -> None:
        if not isinstance(error, StoreError):  # the updater has told of that
            self.updater.troubles.begin("업데이터", f"예상하지 못한 오류 {type(error).__name__}", error)
        self._say("troubled", self._clock.now() + STEP)
        self._clock.sleep(30)

    def once(self) -> int:
        """One round, healing included; outside a session the settle of what is closed."""
        updater, now = self.updater, self._clock.now()
        session = updater.calendar.next_session(updater.now())
        if now < session.open:
            whole = self._settle(None)
            self._say("once", session.open + STEP)
            return 0 if whole else 1
        updater.begin(session)
        done = self._log_round(updater.round(session, (1, 5, 15), hurried=False), (1, 5, 15))
        self._say("once", now + STEP)
        return 1 if done.errors or done.left else 0

    def _day(self) -> None:
        """The session that runs now, or the wait for the next one."""
        self._check_holidays()
        session = self.updater.calendar.next_session(self.updater.now())
        if self.updater.now() >= session.open:
            self._trade(session)
        else:
            self._between(session)

    # --- in a session ---

    def update_1min_data(self) -> None:
        self._fall_due(1)

    def update_5min_data(self) -> None:
        self._fall_due(5)

    def update_15min_data(self) -> None:
        self._fall_due(15)

    def _fall_due(self, interval: int) -> None:
        """Jobs run each minute at :03; a slower cadence stands on the wall clock, however late the job comes."""
        if (slot := self._slot(interval)) != self._served.get(interval):
            self._served[interval] = slot
            self._due.add(interval)

    def _slot(self, interval: int) -> tuple[date, int]:
        now = self._clock.now()
        return now.date(), (now.hour * 60 + now.minute) // self._settings.every[interval]

    def _trade(self, session: Session) -> None:
        """Rounds until close + 10 minutes; the first heals the day, at once."""
        self.updater.begin(session)
        _log.info("🔔 %s 장 (%s~%s) 갱신을 시작합니다.", session.day, f"{session.open:%H:%M}", f"{session.close:%H:%M}")
        self._pin_jobs()
        self._due = {1, 5, 15}
        self._served = {interval: self._slot(interval) for interval in self._due}
        while session.open <= self.updater.now() < session.end:
            if self._due:
                due, self._due = self._due, set()
                self._round(session, due)
            self._rest(session)

    def _rest(self, session: Session) -> None:
        """Until the next job, the end of the session at most."""
        idle = self._schedule.idle_seconds or 0.0
        if idle > 120:
            self._pin_jobs()  # the clock was set back
            return
        left = (session.end - self.updater.now()).total_seconds()
        self._clock.sleep(max(0.0, min(idle, left)))
        self._schedule.run_pending()

    def _pin_jobs(self) -> None:
        self._schedule.clear()
        for job in (self.update_1min_data, self.update_5min_data, self.update_15min_data):
            self._schedule.every().minute.at(":03").do(job)

    def _round(self, session: Session, due: set[int]) -> None:
        self._log_round(self.updater.round(session, due), due)
        self.updater.troubles.end("업데이터")
        cadence = timedelta(minutes=min(self._settings.every.values()))
        self._say("trading", self._clock.now() + cadence + GRACE)

    def _log_round(self, done: "Round", due: Collection[int]) -> "Round":
        """A line a round; an outage is told by its trouble, not every minute."""
        if done.symbols or not self._last_round.startswith("⚠️"):
            self._last_round = done.line(due)
            _log.info(self._last_round)
        return done

    # --- between sessions ---

    def _between(self, session: Session) -> None:
        """Settle what is closed, then sleep to the next session in steps; back when the clock or the calendar moves.

        The clock is KIS's where this host is ahead of it; past the open here, it is asked for at every step.
        """
        updater, calendar, today = self.updater, self.updater.calendar, self.updater.now().date()
        pause, told = timedelta(minutes=1), False
        while (now := updater.now()) < session.open and now.date() == today and updater.calendar is calendar:
            closed = calendar.last_closed(now)
            if self._settled != closed and session.open - now > QUIET_BEFORE_OPEN:
                self._say("settling", self._clock.now() + timedelta(hours=1))
                if self._settle(session.open - QUIET_BEFORE_OPEN):
                    self._settled = closed
                    continue
                step, pause = pause, min(2 * pause, timedelta(minutes=30))
            else:
                self._say("waiting", self._clock.now() + 2 * STEP, next=f"{session.open:%Y-%m-%d %H:%M} 개장")
                told = told or self._tell_of(session)
                step = STEP
            updater.troubles.end("업데이터")
            self._clock.sleep(self._until_open(session, step))
            if updater.now() < session.open <= self._clock.now():
                updater.look_at_clock()
            self._check_holidays()

    def _until_open(self, session: Session, step: timedelta) -> float:
        """Seconds to sleep: a step, not beyond the open by this host's clock or by KIS's."""
        left = [session.open - now for now in (self._clock.now(), self.updater.now())]
        return min([step, *(time for time in left if time > timedelta(0))]).total_seconds()

    def _tell_of(self, session: Session) -> bool:
        _log.info("💤 다음 장 %s까지 기다립니다.", f"{session.open:%Y-%m-%d %H:%M}")
        return True

    def _settle(self, until: datetime | None) -> bool:
        """Replace the closed days by the authority's; on VTS, which has none, finish today by today's TR."""
        closed = self.updater.calendar.last_closed(self.updater.now())
        if self._not_offered != closed:
            try:
                return self.updater.settle(closed, until)
            except NotOffered:
                self._not_offered = closed
                _log.info("ℹ️ 모의투자에는 과거 분봉이 없어 %s 데이터를 임시(PROVISIONAL)로 둡니다.", closed)
        if closed != self._clock.now().date():
            return True
        session = self.updater.calendar.session(closed)
        self.updater.begin(session)
        done = self._log_round(self.updater.round(session, (1, 5, 15), hurried=False), (1, 5, 15))
        return not (done.errors or done.left)

    def _check_holidays(self) -> None:
        """On a real key KIS's own calendar overrules the package's."""
        if self._settings.env == "real":
            self._holidays.refresh()
            self.updater.calendar = self._holidays.calendar

    def _say(self, state: str, expect_by: datetime, **more: Any) -> None:
        """Write the status file; a full disk costs the file, not the updater."""
        current = self.updater.troubles.current
        troubles = {key: (since.isoformat(timespec="seconds"), text) for key, (since, text) in current.items()}
        more |= {"pid": os.getpid(), "last_round": self._last_round, "troubles": troubles}
        try:
            status_file.write(self._settings.log_dir, state, self._clock.now(), expect_by, **more)
            self.updater.troubles.end("상태 파일")
        except OSError as error:
            self.updater.troubles.begin("상태 파일", f"쓰지 못했습니다 ({error.strerror})")


def clocked_schedule(clock: Clock) -> Any:
    """A `schedule.Scheduler` that lives on `clock`: the library reads the host's local time by itself."""
    import schedule

    class ClockTime(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "datetime":  # type: ignore[override]
            return clock.now().replace(tzinfo=None)

    schedule.datetime = SimpleNamespace(datetime=ClockTime, timedelta=timedelta, time=time)  # type: ignore[attr-defined, assignment]
    return schedule.Scheduler()


if __name__ == "__main__":
    raise SystemExit(command_line.run(main))
