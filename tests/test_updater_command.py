"""`python realtime_updater.py` as a user runs it: signals, locks, exit codes; with Redis, the stream, alerts, keys."""

import re
import signal
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import User, ended, execute, interrupt, simulator, stored_rows
from fault_tools import texts_in, written_ways
from planted import jump, planted
from receiver import Receiver
from redis_testing import RedisServer
from session_tools import Installation
from updater_tools import FRIDAY, LINE, MINUTES, Owner, at, wait_until

from kis_simulator.faults.faults import STREAM, STREAM_CODES
from kis_simulator.simulator import Simulator
from minute_candles.core.kst import KST

START = at(10, 30, 50)
UPDATER = "realtime_updater"


@pytest.fixture
def make(tmp_path):
    """Make an `Owner` with these settings whose day begins at a moment, with a simulated KIS on the same clock."""
    with ExitStack() as exits:

        def make(start: datetime = START, settings: dict[str, str] | None = None, **options: Any) -> Any:
            shift = start - datetime.now(KST)
            kis = Simulator(now=lambda: datetime.now(KST) + shift, **{"rate": 1000, **options})
            owner: Any = Owner(tmp_path, exits.enter_context(kis), f"sqlite:///{tmp_path}/minutes.db", shift)
            owner.sim = kis
            owner.settings |= settings or {}
            return owner

        yield make


def test_a_signal_in_the_middle_of_a_heal_ends_it_with_zero_and_whole_symbol_days(make):
    """What is stored of a symbol is a whole prefix of transactions: minutes with their windows and coverage."""
    owner = make(at(14, 30, 30))
    process = owner.start(KIS_RATE_LIMIT="60")
    wait_until(lambda: owner.sim.calls("today") > 30)
    ran = interrupt(process, signal.SIGTERM)
    assert ran.code == 0 and ran.seconds < 5 and "Traceback" not in ran.err
    assert owner.status()["state"] == "stopped" and not list(owner.logs.glob("*.pid"))
    counts = "SELECT stock_symbol, trade_date, count_1min, count_5min, count_15min FROM stock_minute_coverage"
    held = "SELECT stock_symbol, minute_interval, COUNT(*) FROM stock_minute_prices GROUP BY 1, 2"
    stored = {(symbol, name): count for symbol, name, count in execute(owner.database, held)}
    for symbol, day, *found in execute(owner.database, counts):
        assert found == [stored[symbol, name] for name in MINUTES] and day == str(FRIDAY)


def test_a_second_one_names_the_first_and_stop_ends_it(make, tmp_path):
    owner = make()
    assert "실행 중인 업데이터가 없습니다" in owner.run_here(UPDATER, "--stop").out
    process = owner.start("--symbols", "005930")
    wait_until(lambda: "오류 0" in owner.log())
    second = owner.run_here(UPDATER, "--symbols", "005930")
    assert second.code == 2 and f"이미 실행 중입니다 (pid {process.pid})" in second.err
    status = owner.run_here(UPDATER, "--status")
    assert status.code == 0 and f"pid {process.pid}" in status.out and "✅ 장중 갱신" in status.out
    other = owner.run_here(UPDATER, "--symbols", "005930", "--once", DB_URL=f"sqlite:///{tmp_path}/other.db")
    assert other.code == 0, "another table may have its own"
    assert owner.run_here(UPDATER, "--stop").code == ended(process).code == 0
    assert owner.status()["state"] == "stopped" and owner.run_here(UPDATER, "--status").code == 1


def test_once_by_its_exit_code(make):
    owner = make()
    ran = owner.run_here(UPDATER, "--symbols", "005930,000660", "--once")
    assert ran.code == 0 and LINE.search(ran.err)
    assert stored_rows(owner.database, "005930")[-1][2] == datetime(2026, 11, 20, 10, 29)
    owner.sim.keys = {"PSEDtestAppKey0123456789abcdefghijkl": "another secret"}
    for _ in range(2):  # with a token from before, and without one
        ran = owner.run_here(UPDATER, "--symbols", "005930")
        assert ran.code == 2 and "앱 키를 거절" in ran.err
        (owner.folder / "kis_rest_token.json").unlink(missing_ok=True)
    owner.sim.down()
    owner.moment.pace = 60  # its patience is half a minute
    assert owner.run_here(UPDATER, "--symbols", "005930", "--once").code == 1


MISTAKES = {
    "KIS_APP_KEY=-": "KIS_APP_KEY", "DB_URL=mysql://root:@127.0.0.1:1/x": "연결할 수 없", "--active 0": "--active",
    "LOG_DIR=/proc/nowhere": "LOG_DIR", "--every-5min x": "--every-5min", "--once --status": "--status",
}  # fmt: skip


def test_a_mistake_in_settings_or_flags_is_exit_2(make):
    owner = make()
    for typed, says in MISTAKES.items():
        flags, settings = (typed.split(), {}) if typed.startswith("--") else ([], dict([typed.split("=", 1)]))
        ran = owner.run_here(UPDATER, *flags, "--symbols", "005930", **settings)
        assert ran.code == 2 and says in ran.err and "Traceback" not in ran.err, typed


def test_the_demo_is_a_running_market_until_ctrl_c(tmp_path):
    names = ("KIS_APP_KEY", "KIS_APP_SECRET", "KIS_BASE_URL", "KIS_TOKEN_FILE", "KIS_RATE_LIMIT", "DB_URL", "LOG_DIR")
    owner = User(tmp_path, "", "", dict.fromkeys(names, "-"), on_the_day=False)
    process = owner.start("--demo", script=UPDATER)
    log = owner.project / "demo-realtime" / "realtime_updater.log"
    wait_until(lambda: log.exists() and "10종목" in log.read_text(encoding="utf-8"))
    ran = interrupt(process)
    assert ran.code == 0 and "🎬" in ran.out and "demo.sqlite3" in ran.out and "오류 0" in ran.err


PASSWORD = "rEd1s'p@ss:w/%rd#"
SYMBOLS = ("005930", "000660", "373220")
WITH = ("--symbols", ",".join(SYMBOLS), "--verbose")
NAMES = ("timestamp", "open_price", "high_price", "low_price", "close_price", "volume")


def assert_no_secret(owner, said, secrets) -> None:
    """In no output and no file but the one that is named for it."""
    for name, text in [*texts_in(owner.folder).items(), ("output", said)]:
        for secret, allowed in secrets.items():
            assert Path(name).name == allowed or not [way for way in written_ways(secret) if way in text], name


def whole(owner, server) -> int:
    """The sets equal the newest 400 of the table; how many minutes that are."""
    minutes = 0
    for symbol in SYMBOLS:
        for interval in MINUTES:
            rows = [row for row in stored_rows(owner.database, symbol) if row[1] == interval]
            kept = [(row[2].isoformat(), *map(int, row[3:8])) for row in rows][-400:]
            assert kept and kept == [tuple(one[name] for name in NAMES) for one in server.recent(symbol, interval)]
            minutes += len(kept) if interval == "ONE_MINUTE" else 0
    return minutes


def test_what_is_stored_is_published_by_updater_and_backfill_and_a_redis_that_is_gone_costs_a_line(make):
    with RedisServer(password=PASSWORD) as guarded, RedisServer(password="another") as other:
        shared = {"KIS_SHARED": "redis", "KIS_RATE_LIMIT": "60"}
        owner = make(settings={"REDIS_URL": guarded.url, **shared})
        wrong = owner.run_here(UPDATER, *WITH, REDIS_URL=guarded.url.replace(str(guarded.port), str(other.port)))
        assert wrong.code == 2 and "REDIS_URL" in wrong.err and "Traceback" not in wrong.all
        assert not (owner.folder / "minutes.db").exists()
        filled = owner.run_here("fetch_minute_data", *WITH, "--from", "2026-11-17", "--to", "2026-11-18")
        assert filled.code == 0, filled.all
        assert whole(owner, guarded) and guarded.streamed() == []
        assert {one["status"] for one in guarded.recent("005930")} == {"COMPLETE"}
        ran = owner.run_here(UPDATER, *WITH, "--once")
        assert ran.code == 0, ran.all
        published = {(one["stock_symbol"], one["minute_interval"], one["timestamp"]) for one in guarded.streamed()}
        stored = [row for symbol in SYMBOLS for row in stored_rows(owner.database, symbol)]
        today = {(row[0], row[1], row[2].isoformat()) for row in stored if row[2].date() == FRIDAY}
        assert whole(owner, guarded) > 200 and published >= today and len(today) > 200
        assert {one["status"] for one in guarded.streamed()} == {"PROVISIONAL"}
        with guarded.client() as client:
            assert len(client.keys("kis:real:*")) == 3
        guarded.kill()
        gone = owner.run_here(UPDATER, *WITH, "--once")
        assert gone.code == 0 and gone.all.count("한도를 나누는 Redis 문제 시작") == 1
        assert gone.all.count("Redis 문제 시작") == 2
    secrets = {PASSWORD: "", **dict.fromkeys(owner.sim.tokens.known, "kis_rest_token.json")}
    assert_no_secret(owner, "".join(one.all for one in (wrong, filled, ran, gone)), secrets)


@pytest.mark.slow
def test_it_streams_says_so_in_its_status_and_a_signal_closes_the_socket_cleanly(make) -> None:
    owner = make(at(10, 0, 50), ws=True, profiles=dict.fromkeys(SYMBOLS, "brisk"))
    owner.settings["KIS_WS_URL"], stream = owner.sim.ws_url, owner.sim.stream
    stream.behaviour.uuid_told, stream.behaviour.linger = True, 600
    owner.sim.add_fault("opsp0011", times=1)
    process = owner.start(*WITH)
    wait_until(lambda: [m["code"] for m in stream.messages].count("OPSP0000") == 3, 90)
    wait_until(lambda: (owner.status().get("stream") or {}).get("registered") == 3, 90)
    status = ended(owner.start("--status"))
    assert "스트림: 3/3종목 등록" in status.out and status.code == 0
    ran = interrupt(process, signal.SIGTERM)
    assert ran.code == 0 and not stream.listeners
    assert stream.subscriptions.approvals_issued == 2 and not stream.subscriptions._taken_until, "left cleanly"
    assert_no_secret(owner, ran.all + status.all, dict.fromkeys(stream.subscriptions._approvals, ""))
    assert_no_secret(owner, ran.all + status.all, {owner.environment()["KIS_APP_SECRET"]: ""})


STREAM_FAULTS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(STREAM, {"rate": 0.05}),
    **{code: {"times": 1, "after": 3 + 4 * number} for number, code in enumerate(STREAM_CODES)},
    "ws_cut": {"seconds": 15}, "ws_stall": {"rate": 0.02, "seconds": 5}, "ws_forbidden": {"times": 2, "after": 1},
}  # fmt: skip
ALERTS = '[[rule]]\nkind = "price_change"\npercent = 0.3\ncooldown = 3\n'


@pytest.mark.load
@pytest.mark.timeout(900)
def test_ten_minutes_of_every_stream_fault_with_redis_and_the_updater_killed(tmp_path, mariadb) -> None:
    """Ten market minutes at four times their speed: table, sets, stream and alerts are those of a quiet day."""
    symbols = [f"{number:06}" for number in range(1, 9)]
    with Installation(tmp_path, mariadb.fresh(), at(9, 57), symbols, speed=4, rules=ALERTS, profile="brisk") as site:
        site.kis.stream.form.split, site.kis.stream.behaviour.linger = 5, 0.2
        faults = [site.kis.add_fault(kind, **options) for kind, options in STREAM_FAULTS.items()]
        updater = site.update()
        wait_until(lambda: "오류 0" in site.texts() and site.kis.stream.publisher.records > 0, 120)
        began = site.now()
        site.wait(began + timedelta(minutes=3))
        site.redis.kill()
        site.wait(began + timedelta(minutes=4, seconds=30))
        site.redis.start()
        site.wait(began + timedelta(minutes=6))
        updater.kill()
        site.wait(began + timedelta(minutes=6, seconds=40))
        again, updater = site.now(), site.update()
        site.wait(began + timedelta(minutes=10))
        site.kis.clear_faults()
        site.wait((site.now() + timedelta(minutes=2)).replace(second=40))
        until = site.now() - timedelta(minutes=1)
        site.count_true(until)
        wait_until(lambda: len(site.alerts()) == site.delivered(), 60)
        alerts, judged = site.alerts(), site.judged()
        assert not {one for one in {*alerts} ^ {*judged} if one[2] < f"{until:%Y-%m-%d %H:%M}"}
        assert len(set(alerts)) == len(alerts) > 20
        updater.terminate()
        assert updater.wait(30) == 0 and "Traceback" not in site.texts()
        table, stream = site.table(), site.stream()
        assert table == site.sets() and not [key for key in stream if table.get(key) != stream[key]]
        assert {key for key in table if key[2] >= f"{again:%Y-%m-%dT%H:%M}"} <= set(stream)
        assert not [fault.kind for fault in faults if not fault.fired]


RULES = '[[rule]]\nkind = "price_change"\npercent = 3\n\n[[operations]]\nkind = "no_candle"\n'
EIGHT = [f"{number:06}" for number in range(1, 9)]
NO_KEY = {"KIS_APP_KEY": "-", "KIS_APP_SECRET": "-"}


@pytest.fixture
def alerting(make, tmp_path):
    """Make an owner with rules for eight symbols that jump at ten."""

    def alerting(rules: str = RULES, **settings: str) -> Any:
        (tmp_path / "alerts.toml").write_text(rules, encoding="utf-8")
        settings = {"ALERTS_FILE": str(tmp_path / "alerts.toml"), **settings}
        owner = make(settings=settings, profiles=dict.fromkeys(EIGHT, "liquid"))
        owner.sim.market.day = planted(owner.sim, {(one, FRIDAY): [jump(10, 0, 2_200)] for one in EIGHT})
        return owner

    return alerting


def alerts(owner) -> list[str]:
    if not execute(owner.database, "SELECT name FROM sqlite_master WHERE name = %s", "stock_minute_alerts"):
        return []
    return [row[0] for row in execute(owner.database, "SELECT stock_symbol FROM stock_minute_alerts ORDER BY 1")]


@pytest.mark.parametrize(("flags", "settings", "said"), [
    ("", {"rules": RULES.replace("3", "0")}, "alerts.toml 1번째 [[rule]]: percent는 0.01~1000 사이"),
    ("--test-alert", {}, "ALERT_URLS"), ("--try-alerts 2026-12-01", {}, "미래"),
    ("--try-alerts 2026-11-20", {"ALERTS_FILE": "-"}, "cp alerts.example.toml alerts.toml"),
    ("", {"ALERT_URLS": "nonsense://t0ken-9876"}, "ALERT_URLS 의 1번째"),
])  # fmt: skip
def test_what_cannot_be_done_is_one_line_and_2_before_anything_else(alerting, flags, settings, said):
    owner = alerting(**settings)
    ran = owner.run_here(UPDATER, *flags.split())
    assert ran.code == 2 and said in ran.err and ran.err.count("\n") <= 2 and "t0ken-9876" not in ran.all
    assert not owner.sim.requests and not (owner.folder / "minutes.db").exists()


def test_a_test_alert_says_what_arrived(alerting):
    with Receiver() as well, Receiver("500") as ill:
        owner = alerting(ALERT_URLS=f"{well.url} critical={ill.url}", **NO_KEY)
        ran = owner.run_here(UPDATER, "--test-alert", "--verbose")
        assert ran.code == 1 and ran.out.splitlines() == [
            "✅ 1번 json: 도착했습니다.", "❌ 2번 json: 보내지 못했습니다. 주소와 네트워크를 확인하세요.",
        ]  # fmt: skip
        assert well.titles == ["📈 알림 시험"] and ill.requests == 1
        assert Receiver.SECRET not in ran.all and "apprise: " in ran.err
        ill.mode = "ok"
        assert owner.run_here(UPDATER, "--test-alert").code == 0


@pytest.mark.slow
def test_killed_in_the_middle_each_is_sent_once(alerting):
    """Eight symbols jump at ten; the heal of half past ten is killed under way, and begun again."""
    with Receiver() as receiver:
        hits = lambda: sum(int((re.findall(r"알림 (\d+)건", one) or [1])[0]) for one in receiver.titles)  # noqa: E731
        owner = alerting(ALERT_URLS=receiver.url, KIS_RATE_LIMIT="18")
        flags = ["--symbols", ",".join(EIGHT)]
        first = owner.start(*flags)
        wait_until(lambda: (owner.logs / "realtime_updater_alerts.json").exists() and owner.sim.calls("today") > 3)
        first.kill()
        ended(first, 10)
        judged = len(alerts(owner))
        second = owner.start(*flags)
        wait_until(lambda: "오류 0" in owner.log() and len(alerts(owner)) == 8 and hits() == 8, 90)
        second.terminate()
        ran = ended(second, 15)
    assert ran.code == 0 and judged < 8 and alerts(owner) == EIGHT
    tried = owner.run_here(UPDATER, "--try-alerts", "2026-11-20", *flags, **NO_KEY)
    assert tried.code == 0 and re.findall(r"^10:00  (\d{6})  .*price_change", tried.out, re.MULTILINE) == EIGHT
    assert "8건 (price_change 8)" in tried.out and len(receiver.got) <= 3
    assert Receiver.SECRET not in owner.log() + ran.all + tried.all
    assert all(message["title"] in owner.log() for message in receiver.got)


KEYS = {f"KEY-{name}-0123456789abcdef": f"SECRET-{name}/0123456789+abcdef=" for name in ("one", "two")}
RATES = {"one": 3000, "two": 2000}


@pytest.mark.slow
def test_backfill_and_doctor_by_key_and_a_refused_one_is_named(tmp_path) -> None:
    file = tmp_path / "kis_keys.toml"
    file.write_text("".join(
        f"[[key]]\nname = '{name}'\napp_key = '{key}'\napp_secret = '{secret}'\nrate_limit = {rate}\n"
        for (key, secret), (name, rate) in zip(KEYS.items(), RATES.items(), strict=True)
    ))  # fmt: skip
    file.chmod(0o600)
    with simulator(keys=dict(KEYS)) as kis:
        user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/x.db")
        user.settings |= {"KIS_KEYS_FILE": str(file), "KIS_APP_KEY": "-", "KIS_APP_SECRET": "-", "KIS_RATE_LIMIT": "-"}
        flags = ("--symbols", "005930,000660,373220", "--days", "7")
        runs = [user.run(*flags, "--dry-run"), user.run(*flags, "--verbose"), user.run("--doctor")]
        assert [ran.code for ran in runs[:2]] == [0, 0] and "키 2개(3000 + 2000)로 초당 5000회" in runs[0].out
        assert {request.key for request in kis.requests} == set(KEYS) and kis.tokens.issued == 2
        assert "✅ 키 one: 오늘 분봉을 받았습니다 (real, 초당 3000회)" in runs[2].out and "✅ 키 two" in runs[2].out
        del kis.keys[next(iter(KEYS))]
        runs += [user.run(*flags, "--force"), user.run("--doctor")]
        assert runs[3].code == 0 and "⚠️ 키 one: KIS가 앱 키를 거절했습니다" in runs[3].err
        assert runs[4].code == 1 and "❌ 키 one: KIS가 앱 키를 거절했습니다" in runs[4].out
    texts = [(user.logs / "minute_data_collection.log").read_text(encoding="utf-8"), *(ran.all for ran in runs)]
    assert not [text for text in texts if any(secret in text for pair in KEYS.items() for secret in pair)]
