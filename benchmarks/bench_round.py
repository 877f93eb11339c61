"""Point 6: a round of the updater: from its start until the last symbol is stored, at 18 calls a second."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import filled
from harness import KST, THE_97, Line, folder, keep, kis, load, quick, running, spread

from minute_candles.config.settings import Database, Settings
from minute_candles.config.symbols_file import USUALLY_ACTIVE
from minute_candles.core.clock import Clock
from minute_candles.kis.client import KisClient
from minute_candles.kis.token import TokenCache
from minute_candles.live.service import workers_for
from minute_candles.live.session import LiveSession
from minute_candles.market.calendar import TradingCalendar

RATE, LATENCY = 18.0, 0.2
START = datetime(2026, 11, 20, 10, 30, 30, tzinfo=KST)
ACTIVE = 30


class Watched:
    """A store that notes when each symbol was stored."""

    def __init__(self, store: Any, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self.stored: dict[str, datetime] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def rewrite(self, symbol: str, *arguments: Any, **options: Any) -> Any:
        counts = self._store.rewrite(symbol, *arguments, **options)
        self.stored[symbol] = self._clock.now()
        return counts


def settings(url: str, database: Database, here: Path, keys: int = 1) -> Settings:
    one = Settings(
        app_key="benchmark", app_secret="benchmark", account_code="", env="real", base_url=url,
        rate_limit=RATE, token_file=here / "token.json", database=database, log_dir=here,
    )  # fmt: skip
    members = [replace(one, app_key=f"benchmark{n}", token_file=here / f"token{n}.json") for n in range(keys)]
    return replace(one, rate_limit=keys * RATE, members=tuple(members)) if keys > 1 else one


def wait_for_round(clock: Clock) -> None:
    """Until :03 of the next minute, as the updater does."""
    now = clock.now()
    begins = now.replace(second=3, microsecond=0) + timedelta(minutes=1)
    time.sleep((begins - now).total_seconds())


def rounds(updater: LiveSession, store: Watched, clock: Clock, count: int) -> list[tuple[float, float, float]]:
    """Of each round: seconds from its start to the last of the thirty and of all, and the whole lag of the minute."""
    session = updater.calendar.session(START.date())
    updater.begin(session)
    updater.round(session, (1, 5, 15), hurried=False)  # heals the day
    found = []
    for _ in range(count):
        wait_for_round(clock)
        store.stored.clear()
        done = updater.round(session, (1, 5, 15))
        if done.errors or done.left:
            raise RuntimeError(done.line((1, 5, 15)))
        times = sorted((at - done.started_at).total_seconds() for at in store.stored.values())
        active = [store.stored[symbol] for symbol in updater._order[:ACTIVE] if symbol in store.stored]
        found.append(((max(active) - done.started_at).total_seconds(), times[-1], done.lag))
    return found


def measure(
    server: Any, symbols: list[str], count: int, keys: int = 1, start: datetime = START
) -> list[tuple[float, float, float]]:
    database = server.fresh()
    clock = Clock(at=start)
    options = {"rate": RATE, "latency": LATENCY, "days_kept": 2 * len(symbols) + 256}
    with kis(at=clock.now(), **options) as simulator, folder() as here:
        mine = settings(simulator.url, database, here, keys)
        workers = workers_for(mine.rate_limit)
        client = KisClient.of(mine, TokenCache(mine.kis_keys[0], clock), clock, urgent=True, connections=workers)
        store = Watched(filled.ready(database), clock)
        updater = LiveSession(client, store, TradingCalendar(), clock, symbols, USUALLY_ACTIVE, ACTIVE, workers)  # type: ignore[arg-type]
        found = rounds(updater, store, clock, count)
        store.close()
    server.drop(database)
    return found


def main() -> None:
    began, lines = load(), list[Line]()
    with running("mariadb", tuned=True) as server:
        assert server, "needs mariadbd"
        for symbols in (list(USUALLY_ACTIVE), THE_97):
            found = measure(server, symbols, 1 if quick() else 3)
            active, whole, lag = (spread(values) for values in zip(*found, strict=True))
            limit = ACTIVE / RATE + 1.5
            name = f"{len(symbols)}종목 라운드"
            what = f"{name}: 활발 {ACTIVE}종목 저장까지 (초)"
            lines.append(Line(what, str(active), f"≤ {limit:.1f}초", active.median <= limit))
            limit = len(symbols) / RATE + 2
            lines.append(Line(f"{name}: 모두 저장까지 (초)", str(whole), f"≤ {limit:.1f}초", whole.median <= limit))
            lines.append(Line(f"{name}: 분이 끝나고 저장까지 (초)", str(lag)))
    note = f"18/s, 지연 {LATENCY * 1000:g} ms, 라운드는 매분 :03에 시작."
    note += f" 한도만으로 97종목에 {97 / RATE:.1f}초가 걸립니다."
    keep("round", "6. 라운드", lines, began_at_load=began, note=note)


if __name__ == "__main__":
    main()
