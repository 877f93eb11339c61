"""The whole market on one host: the real updater over four keys keeps 2,700 symbols in real time, while keys fail.

`WHOLE_MARKET=symbols,minutes` is a shorter look. The rounds are short enough only where two cores have little else to
do: it is `make soak`'s.
"""

import json
import os
import re
import signal
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from backfill_tools import Moment, ended, execute, sessions, stored_rows, true_rows, url_of
from fault_tools import Operator, kis_at, present
from test_load import noted
from updater_tools import FRIDAY, at, wait_until

from kis_simulator.exchange.market import Market as Exchange
from minute_candles.core.clock import Clock
from minute_candles.redis_feed.publisher import Feed
from minute_candles.storage.store import open_reader, open_store

NAMES = ("one", "two", "three", "four")
KEYS = {f"KEY-{name}-0123456789abcdef": f"SECRET-{name}/0123456789+abcdef=" for name in NAMES}
BLOCKED, REVOKED, *_ = KEYS
COUNT, MINUTES = map(int, os.environ.get("WHOLE_MARKET", "2700,20").split(","))
SYMBOLS = [f"1{number:05}" for number in range(COUNT)]
SETTLE_SECONDS, RATE = 240.0, 60.0
"""`RATE`: calls a second of four keys."""
_ROUND = re.compile(r"\d\d:\d\d 1분봉 .* 지연 ([\d.]+)초 .* 오류 ([\d,]+)(?:.* ([\d,]+)종목은 다음)?")


@pytest.fixture
def market(tmp_path, mariadb):
    """A simulator that knows the day and four keys, each with its own limit, and a user with all of them."""
    moment, opened = Moment(at(9, 15)), mariadb.fresh()
    ordinary = Exchange(1, FRIDAY)
    trading = {symbol: "medium" for symbol in SYMBOLS if ordinary.profile(symbol) == "halted"}
    options = {"rate": 18, "latency": 0.05, "jitter": 0.05, "ws": True, "days_kept": 3 * len(SYMBOLS)}
    tables = zip(NAMES, KEYS.items(), strict=True)
    keys = [f"[[key]]\nname='{name}'\napp_key='{key}'\napp_secret='{secret}'" for name, (key, secret) in tables]
    (file := tmp_path / "kis_keys.toml").write_text("\n".join(keys))
    file.chmod(0o600)
    with closing(open_store(opened, Clock())) as store:
        store.preflight()
    with kis_at(moment, profiles=trading, keys=dict(KEYS), **options) as kis:
        user = Operator(tmp_path, kis.url, url_of(opened), moment=moment)
        unset = dict.fromkeys(("KIS_APP_KEY", "KIS_APP_SECRET", "KIS_RATE_LIMIT"), "-")
        user.settings = {**unset, "KIS_KEYS_FILE": str(file), "KIS_WS_URL": kis.ws_url}
        for symbol in SYMBOLS:
            kis.endpoints.quote(symbol, kis.now())
        settle_week(user.database, kis)
        moment.jump(at(9, 15))
        yield SimpleNamespace(moment=moment, opened=opened, kis=kis, user=user)


def settle_week(database, kis) -> None:
    """Let the week before be settled: this is about one day."""
    columns = "stock_symbol, trade_date, status, count_1min, count_5min, count_15min, verified_at"
    for day in sessions(kis, FRIDAY - timedelta(days=7), FRIDAY - timedelta(days=1)):
        values = ", ".join(f"('{symbol}', '{day}', 'NO_TRADES', 0, 0, 0, '{day} 18:00')" for symbol in SYMBOLS)
        execute(database, f"INSERT INTO stock_minute_coverage ({columns}) VALUES {values}")


def rounds_in(path: Path) -> list[tuple[float, int, int]]:
    """Seconds from the minute's end to its last symbol, errors, and symbols left over, by the log's lines."""
    log = path.read_text(encoding="utf-8") if path.exists() else ""
    found = [[text.replace(",", "") for text in match.groups("0")] for match in _ROUND.finditer(log)]
    return [(float(lag), int(errors), int(left)) for lag, errors, left in found]


def assert_day(database, kis) -> int:
    """Every 1-minute row of every symbol is what traded; of each tenth symbol all rows and columns."""
    rows = 0
    for number, symbol in enumerate(SYMBOLS):
        found = stored_rows(database, symbol)
        if number % 10:
            true = [tuple(candle)[:6] for candle in kis.truth(symbol, FRIDAY)]
            assert [row[2:8] for row in found if row[1] == "ONE_MINUTE"] == true, symbol
        else:
            assert found == true_rows(kis, symbol, [FRIDAY]), symbol
        rows += len(found)
    return rows


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_four_keys_keep_2700_symbols_while_one_is_blocked_and_one_loses_its_token(market, redis_server) -> None:
    kis, user, log = market.kis, market.user, market.user.logs / "realtime_updater.log"
    flags, blocked_at = ("--symbols", ",".join(SYMBOLS)), MINUTES // 3
    process = user.update(*flags)

    def after(count: int) -> None:
        wait_until(lambda: len(rounds_in(log)) >= count, 70 * (count - len(rounds_in(log))) + 30)

    after(blocked_at)
    secret = kis.keys.pop(BLOCKED)
    after(blocked_at + 2)
    status = json.loads((user.logs / "realtime_updater_status.json").read_text("utf-8"))
    kis.keys[BLOCKED] = secret
    after(MINUTES - 1)
    kis.revoke_tokens(REVOKED)
    after(MINUTES)
    used = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    cpu, until = sum(map(int, used)) / os.sysconf("SC_CLK_TCK"), market.moment.now() - timedelta(minutes=2)
    process.send_signal(signal.SIGTERM)
    assert ended(process, 60).code == 0
    rounds = rounds_in(log)
    with_all = [*rounds[:blocked_at], *rounds[blocked_at + 4 :]]
    assert [key["name"] for key in status["keys"] if key["state"] == "RESTING"] == [NAMES[0]]
    assert not any(errors for _, errors, _ in rounds)
    assert all(lag <= 57 and not left for lag, _, left in with_all), rounds
    assert {request.key for request in kis.requests[-1000:]} == {*KEYS}
    present(user.database, kis, SYMBOLS[::5], until)

    market.moment.jump(at(15, 40, 20))  # off-hours trades stand in the quote from 15:50 on
    before = len(kis.requests)
    settled = ended(user.update("--once", *flags), 1200)
    calls = len(kis.requests) - before
    assert settled.code == 0, settled.all[-2000:]
    assert calls / RATE <= SETTLE_SECONDS
    rows, refill = assert_day(user.database, kis), seconds_to_refill(market, redis_server)
    assert refill <= 60
    noted(f"{len(SYMBOLS):,}종목, 키 4개: 장중 {MINUTES}분과 마감 확정", 라운드=f"{with_all[-1][0]:.1f}초",
          CPU=f"코어의 {cpu / MINUTES / 0.6:.0f}%", 확정=f"{settled.seconds:.0f}초, 호출 {calls:,}회",
          Redis_채우기=f"{refill:.0f}초", 캔들=f"{rows:,}건 모두 일치")  # fmt: skip


def seconds_to_refill(market, server) -> float:
    """Until every symbol's recent sets are filled from the table, in a process with nothing else to do."""
    clock, table = Clock(at=market.moment.now()), market.opened
    feed = Feed(server.url, clock, SYMBOLS, lambda: open_reader(table, clock), ("all",))
    began = time.monotonic()
    feed.start()
    with server.client() as client, closing(feed):
        wait_until(lambda: client.dbsize() == 3 * len(SYMBOLS), 240)
        return time.monotonic() - began
