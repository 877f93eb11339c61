"""The whole market on one host: the real updater over four keys keeps 2,700 symbols in real time, while keys fail.

`WHOLE_MARKET=symbols,minutes` is a shorter look. The rounds are short enough only where two cores have little else to
do: it is `make soak`'s.
"""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import execute, sessions, stored_rows, true_rows
from fault_tools import Moment, Operator, ended, kis_at, present, url_of
from redis_testing import RedisServer
from servers import Server
from test_load import noted
from updater_tools import at, wait_until

from kis_simulator.exchange.market import Market as Exchange
from minute_candles.core.clock import Clock
from minute_candles.redis_feed.publisher import Feed
from minute_candles.storage.store import open_reader, open_store

FRIDAY = date(2026, 11, 20)
NAMES = ("one", "two", "three", "four")
KEYS = {f"KEY-{name}-0123456789abcdef": f"SECRET-{name}/0123456789+abcdef=" for name in NAMES}
BLOCKED, REVOKED, *_ = KEYS
COUNT, MINUTES = map(int, os.environ.get("WHOLE_MARKET", "2700,20").split(","))
SYMBOLS = [f"1{number:05}" for number in range(COUNT)]
SETTLE_SECONDS = 240.0
RATE = 60.0
"""Calls a second of four keys."""
_ROUND = re.compile(r"\d\d:\d\d 1분봉 .* 지연 ([\d.]+)초 .* 오류 ([\d,]+)(?:.* ([\d,]+)종목은 다음)?")


class Market:
    """A simulator that knows four keys, each with its own limit, and a user with all of them."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.moment, self.opened = Moment(at(9, 15)), server.fresh()
        self.database = url_of(self.opened)
        with closing(open_store(self.opened, Clock())) as store:
            store.preflight()
        ordinary = Exchange(1, FRIDAY)
        trading = {symbol: "medium" for symbol in SYMBOLS if ordinary.profile(symbol) == "halted"}
        options = {"rate": 18, "latency": 0.05, "jitter": 0.05, "ws": True, "days_kept": 3 * len(SYMBOLS)}
        self.kis = kis_at(self.moment, profiles=trading, keys=dict(KEYS), **options)
        self.kis.start()
        file = folder / "kis_keys.toml"
        tables = zip(NAMES, KEYS.items(), strict=True)
        keys = [f"[[key]]\nname='{name}'\napp_key='{key}'\napp_secret='{secret}'" for name, (key, secret) in tables]
        file.write_text("\n".join(keys))
        file.chmod(0o600)
        self.user = Operator(folder, self.kis.url, self.database, moment=self.moment)
        unset = dict.fromkeys(("KIS_APP_KEY", "KIS_APP_SECRET", "KIS_RATE_LIMIT"), "-")
        self.user.settings = {**unset, "KIS_KEYS_FILE": str(file), "KIS_WS_URL": self.kis.ws_url}

    def prepare(self) -> None:
        """Let the simulator know the day, and the week before it be settled: this is about one day."""
        for symbol in SYMBOLS:
            self.kis.endpoints.quote(symbol, self.kis.now())
        days = sessions(self.kis, FRIDAY - timedelta(days=7), FRIDAY - timedelta(days=1))
        columns = "stock_symbol, trade_date, status, count_1min, count_5min, count_15min, verified_at"
        for day in days:
            values = ", ".join(f"('{symbol}', '{day}', 'NO_TRADES', 0, 0, 0, '{day} 18:00')" for symbol in SYMBOLS)
            execute(self.database, f"INSERT INTO stock_minute_coverage ({columns}) VALUES {values}")
        self.moment.jump(at(9, 15))

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.user.logs / "realtime_updater_status.json").read_text("utf-8"))
        return found

    def rounds(self) -> list[tuple[float, int, int]]:
        """Seconds from the minute's end to its last symbol, errors, and symbols left over, by the log's lines."""
        path = self.user.logs / "realtime_updater.log"
        log = path.read_text(encoding="utf-8") if path.exists() else ""
        found = [[text.replace(",", "") for text in match.groups("0")] for match in _ROUND.finditer(log)]
        return [(float(lag), int(errors), int(left)) for lag, errors, left in found]


@pytest.fixture
def market(tmp_path: Path, mariadb: Server) -> Iterator[Market]:
    market = Market(tmp_path, mariadb)
    yield market
    market.kis.stop()


def assert_day(market: Market) -> int:
    """Every 1-minute row of every symbol is what traded; of each tenth symbol all rows and columns."""
    rows = 0
    for number, symbol in enumerate(SYMBOLS):
        found = stored_rows(market.database, symbol)
        if number % 10:
            true = [tuple(candle)[:6] for candle in market.kis.truth(symbol, FRIDAY)]
            assert [row[2:8] for row in found if row[1] == "ONE_MINUTE"] == true, symbol
        else:
            assert found == true_rows(market.kis, symbol, [FRIDAY]), symbol
        rows += len(found)
    return rows


def cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_four_keys_keep_2700_symbols_while_one_is_blocked_and_one_loses_its_token(
    market: Market, redis_server: RedisServer
) -> None:
    market.prepare()
    flags, blocked_at = ("--symbols", ",".join(SYMBOLS)), MINUTES // 3
    process = market.user.update(*flags)

    def after(count: int) -> None:
        wait_until(lambda: len(market.rounds()) >= count, 70 * (count - len(market.rounds())) + 30)

    after(blocked_at)
    secret = market.kis.keys.pop(BLOCKED)
    after(blocked_at + 2)
    resting = [key["name"] for key in market.status()["keys"] if key["state"] == "RESTING"]
    market.kis.keys[BLOCKED] = secret
    after(MINUTES - 1)
    market.kis.revoke_tokens(REVOKED)
    after(MINUTES)
    cpu, until = cpu_seconds(process.pid), market.moment.now() - timedelta(minutes=2)
    process.send_signal(signal.SIGTERM)
    assert ended(process, 60).code == 0
    rounds = market.rounds()
    with_all = [*rounds[:blocked_at], *rounds[blocked_at + 4 :]]
    assert resting == [NAMES[0]] and not any(errors for _, errors, _ in rounds)
    assert all(lag <= 57 and not left for lag, _, left in with_all), rounds
    assert {request.key for request in market.kis.requests[-1000:]} == {*KEYS}
    present(market.database, market.kis, SYMBOLS[::5], until)

    market.moment.jump(at(15, 40, 20))  # off-hours trades stand in the quote from 15:50 on
    before = len(market.kis.requests)
    settled = ended(market.user.update("--once", *flags), 1200)
    calls = len(market.kis.requests) - before
    assert settled.code == 0, settled.all[-2000:]
    assert calls / RATE <= SETTLE_SECONDS
    rows = assert_day(market)
    refill = seconds_to_refill(market, redis_server)
    assert refill <= 60
    noted(f"{len(SYMBOLS):,}종목, 키 4개: 장중 {MINUTES}분과 마감 확정", 라운드=f"{with_all[-1][0]:.1f}초",
          CPU=f"코어의 {cpu / MINUTES / 0.6:.0f}%", 확정=f"{settled.seconds:.0f}초, 호출 {calls:,}회",
          Redis_채우기=f"{refill:.0f}초", 캔들=f"{rows:,}건 모두 일치")  # fmt: skip


def seconds_to_refill(market: Market, server: RedisServer) -> float:
    """Until every symbol's recent sets are filled from the table, in a process with nothing else to do."""
    clock, table = Clock(at=market.moment.now()), market.opened
    feed = Feed(server.url, clock, SYMBOLS, lambda: open_reader(table, clock), ("all",))
    began = time.monotonic()
    feed.start()
    with server.client() as client:
        wait_until(lambda: client.dbsize() == 3 * len(SYMBOLS), 240)
    seconds = time.monotonic() - began
    feed.close()
    return seconds
