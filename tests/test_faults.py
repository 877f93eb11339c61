"""Nothing lost, nothing leaked: the commands against every fault of KIS, the store and the host; `make test-all`.

Each fault is a row of docs/faults.md: `sees` holds the run to what the row says, and afterwards every symbol-day is
stored as it traded or not at all; a run without the fault completes it. What has an `operator` or a `keeper` is slow.
"""

import json
import re
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest
import requests
import servers
from backfill_tools import EVENING, LAST, FarSimulator, Moment, assert_true, ended, execute, interrupt, until, url_of
from fault_table import FAULTS, PAGE
from fault_tools import (
    FIRST,
    FLAGS,
    NOON,
    PASSWORD,
    SECRETS,
    SYMBOLS,
    Impostor,
    Operator,
    count_days,
    days,
    end_often,
    holds,
    kis_at,
    leaks,
    present,
    process_list,
    sees,
    together,
    whole_or_absent,
)
from places import ROOT, sources

from kis_simulator.faults.faults import ROWS

UPDATER = "realtime_updater"
SLOWLY = {"KIS_RATE_LIMIT": "12"}
"""Nine symbol-days take three seconds then."""


@pytest.fixture
def moment():
    return Moment()


@pytest.fixture
def kis(moment):
    with kis_at(moment, profiles=dict.fromkeys(SYMBOLS, "liquid")) as sim:
        yield sim


@pytest.fixture
def operator(tmp_path, kis, mariadb, moment):
    yield from operators(tmp_path, kis, mariadb, moment)


@pytest.fixture(scope="module")
def own_server():
    """A MariaDB that may be killed."""
    yield from servers.mariadb().lent()


@pytest.fixture
def keeper(tmp_path, kis, own_server, moment):
    """An operator whose server may be killed."""
    yield from operators(tmp_path, kis, own_server, moment, restart=True)


def operators(folder, kis, server, moment, *, restart=False):
    """Whatever happens meanwhile, no secret is left where somebody could read it, nor in a call's address."""
    database = server.fresh()
    with server.account(database, "ALL", PASSWORD) as account:
        operator = Operator(folder, kis.url, url_of(account), moment=moment)
        operator.admin = server, account
        with process_list() as processes:
            yield operator
        assert leaks(operator, kis.tokens.known, processes) == []
        sent = "".join(str(request.params) for request in kis.requests if request.tr_id)
        assert not [secret for secret in (*SECRETS.values(), PASSWORD) if len(secret) > 2 and secret in sent]
        server.restart() if restart else None
    server.drop(database)


def completes(operator, kis) -> None:
    """The table is whole; if not, a run without any fault makes it so."""
    kis.clear_faults()
    if len(whole_or_absent(operator.database, kis, SYMBOLS, days(kis))) < 9:
        ran = operator.run(*FLAGS)
        assert ran.code == 0, ran.all
    assert_true(operator.database, kis, SYMBOLS, days(kis))


def test_every_row_of_the_page_is_proved_and_every_test_that_it_names_is_there() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert PAGE.split("\n## ")[0].count("\n|") == len(FAULTS) + 2 and {row.lost for row in FAULTS.values()} == {"없음"}
    assert not [key for key in FAULTS if f'"{key}"' not in source and key not in LASTING]
    texts = {str(path.relative_to(ROOT / "tests")): path.read_text("utf-8") for path in ROOT.glob("tests/**/test_*.py")}
    named = re.findall(r"`(?:([\w/]+\.py)::)?(test_\w+)`", PAGE)
    everything = "\n".join(texts.values())
    assert len(named) > 60
    assert not [name for file, name in named if f"def {name}(" not in texts.get(file, "" if file else everything)]


GATEWAY = ["egw00202", "egw00203", "egw00215", "egw00300", "egw00316", "90020000"]
SHAPES = ["shape_missing", "shape_numbers", "shape_list", "empty", "wrong_day"]
PRICES = ["negative_price", "absurd_price", "low_above_open", "duplicate_conflict", "missing_rows"]
TIDIED = ["unordered", "duplicate_same", "other_date"]


def often(*kinds, rate=0.15, **more):
    return [{"kind": kind, "rate": rate, **more} for kind in kinds]


def spoilt(kinds):
    return [*often(*kinds, rate=0.05, path="past"), *often(*kinds, rate=0.05, path="daily")]


OF_KIS = {
    **{kind: (kind, often(kind)) for kind in ("reset", "reset_amid", "truncated", "non_json", "http500_empty")},
    "gateway": ("gateway", often(*GATEWAY, rate=0.05)),
    "other_date": ("other_date", often("other_date", rate=0.3, path="past")),
    "over_limit": ("over_limit", [often("egw00201", rate=0.08, status=n)[0] for n in (500, 200, 429)]),
    **{f"spoilt {kinds[0]}": ("spoilt", spoilt(kinds)) for kinds in (SHAPES, PRICES, TIDIED)},
    **{kind: ("harmless", [{"kind": kind}]) for kind in ("unordered", "duplicate_same")},
    "hang": ("hang", [{"kind": "hang", "times": 3, "path": "past", "seconds": 30}]),
    "token_too_soon": ("token_too_soon", [{"kind": "egw00133", "path": "token", "times": 1}]),
    "token_refused": ("token_refused", [{"kind": "egw00121", "path": path} for path in ("past", "daily")]),
    "EGW00103": ("bad_key", [{"kind": "egw00103"}]),
    "EGW00105": ("bad_secret", [{"kind": "egw00105", "path": "token"}]),
    "EGW00304": ("bad_secret", [{"kind": "egw00304", "path": "past"}]),
    "EGW02004": ("wrong_host", [{"kind": "egw02004"}]),
    "EGW02007": ("wrong_host", [{"kind": "egw02007", "path": "past"}]),
    "EGW02006": ("not_offered", [{"kind": "egw02006", "path": "past"}]),
    "nobody": ("nobody", []),
    "storm": ("storm", []),
}
"""The row of the page, and what the simulated KIS does."""
PACES = {"token_too_soon": 20, "nobody": 10}


@pytest.mark.parametrize(("key", "faults"), OF_KIS.values(), ids=OF_KIS)
def test_a_fault_of_kis_passes_or_ends_the_run_with_one_line(operator, kis, key, faults) -> None:
    operator.moment.pace = PACES.get(key, 1)
    kis.down(key == "nobody")
    kis.rate = 10 if key == "storm" else kis.rate
    met = [kis.add_fault(**fault) for fault in faults]
    ran = operator.run(*FLAGS, **({"KIS_RATE_LIMIT": "30"} if key == "storm" else {}))
    kis.down(False)
    assert not met or sum(fault.fired for fault in met) > 0
    if key in ("spoilt", "other_date") and ran.code == 1:  # the same day struck at every try: named, and had later
        assert "다시 실행하면 이것만 다시 받습니다" in ran.out
        whole_or_absent(operator.database, kis, SYMBOLS, days(kis))
        kis.clear_faults()
        ran = operator.run(*FLAGS)
    sees(key, ran, most_lines=40 if ran.code == 0 else 20)
    assert key != "storm" or sum(request.code == "EGW00201" for request in kis.requests) > 5
    assert ran.seconds < 25 or key == "token_refused", "it waits a minute for its second token"
    if ran.code == 0:
        assert_true(operator.database, kis, SYMBOLS, days(kis))
    else:
        assert ran.all.count("❌") == 1 and len(kis.requests) < 60
        assert kis.calls("token") <= 3 or key == "nobody"
        completes(operator, kis)


LASTING = [kind for kind in ROWS if kind not in ("unordered", "duplicate_same", "other_date", "empty", "wrong_day")]
CELLS = [(symbol, day) for symbol in (*SYMBOLS, "035420") for day in (date(2026, 11, n) for n in (18, 19, 20))]


def test_days_that_kis_cannot_tell_are_named_and_not_stored(operator, kis) -> None:
    """Every kind of wrong answer at once, each to a symbol-day of its own; the rest of the run is not hurt."""
    operator.moment.pace = 4
    hurt = dict(zip(LASTING, CELLS, strict=False))
    for kind, (symbol, day) in hurt.items():
        kis.add_fault(kind, path="past", symbol=symbol, day=day)
    flags = ("--symbols", ",".join(dict(CELLS)), "--from", f"{FIRST}")
    ran = operator.run(*flags)
    for kind, (symbol, day) in hurt.items():
        sees(kind, ran, says=f"{symbol} {day} 실패: …{FAULTS[kind].says}", most_lines=60)
        assert f"   {symbol} {day} " in ran.out, "named in the summary"
    assert whole_or_absent(operator.database, kis, dict(CELLS), days(kis)) == {*CELLS} - {*hurt.values()}
    kis.clear_faults()
    before = kis.calls("past")
    assert operator.run(*flags).code == 0
    assert kis.calls("past") - before <= 4 * len(hurt), "only what was missing"
    assert_true(operator.database, kis, list(dict(CELLS)), days(kis))


@pytest.mark.parametrize("kind", ["empty", "wrong_day"])
def test_a_day_that_comes_back_empty_is_told_and_can_be_had_again(operator, kis, kind) -> None:
    """Rule "Empty is not success": volume but no minutes after several refetches is NO_TRADES with a note."""
    operator.moment.pace = 4
    symbol, day = "000660", f"{FIRST}"
    kis.add_fault(kind, path="past", symbol=symbol, day=FIRST)
    ran = operator.run(*FLAGS)
    sees("empty", ran)
    assert holds(ran.err, f"{symbol} {day}: 일봉 거래량은 …주인데")
    reasons = "SELECT reasons FROM stock_minute_coverage WHERE status = 'NO_TRADES'"
    assert execute(operator.database, reasons) == [("EMPTY_WITH_VOLUME",)]
    kis.clear_faults()
    assert operator.run("--symbols", symbol, "--from", day, "--to", day, "--force").code == 0
    assert_true(operator.database, kis, SYMBOLS, days(kis))


def trading(operator, rounds=1):
    """An updater in the middle of its session that has done so many rounds."""
    process, log = operator.update("--symbols", ",".join(SYMBOLS)), operator.logs / "realtime_updater.log"
    until(lambda: log.exists() and len(re.findall(r"INFO - (?:✅|⚠️) \d\d:\d\d ", operator.log(log.name))) >= rounds)
    return process


def settles(operator, kis) -> None:
    """In the evening one run makes the day equal to the final source's."""
    operator.moment.jump(EVENING)
    ran = operator.update_once("--symbols", ",".join(SYMBOLS))
    assert ran.code == 0, ran.all
    assert_true(operator.database, kis, SYMBOLS, days(kis, date(2026, 11, 13)))


def at_work(keeper, symbol_days=2):
    """A backfill that has stored some days and has some to go."""
    process = keeper.start(*FLAGS, **SLOWLY)
    server, account = keeper.admin
    until(lambda: count_days(url_of(replace(account, user="root", password=""))) >= symbol_days)
    return process


def cut(server, account) -> None:
    """End the account's connections."""
    for (number,) in server.run("SELECT id FROM information_schema.PROCESSLIST WHERE user = %s", account.user):
        with suppress(Exception):  # it was gone
            server.run(f"KILL {number}")


def revoke(server, account) -> None:
    """A connection that is open keeps a right on the database."""
    server.run(f"REVOKE INSERT ON {account.name}.* FROM {account.user}@'%'")
    cut(server, account)


OF_THE_STORE = {
    "killed": (1, lambda server, _: (server.kill(), time.sleep(2), server.start()), None),
    "restarted": (1, lambda server, _: (server.stop(), time.sleep(2), server.start()), None),
    "gone": (30, lambda server, _: server.kill(), lambda server, _: server.start()),
    "read_only": (30, lambda server, _: server.run("SET GLOBAL read_only = ON"),
                  lambda server, _: server.run("SET GLOBAL read_only = OFF")),
    "revoked": (30, revoke, lambda server, one: server.run(f"GRANT INSERT ON {one.name}.* TO {one.user}@'%'")),
}  # fmt: skip
"""How fast the clock runs, what happens to the server amid a backfill, and what an administrator does afterwards."""


@pytest.mark.parametrize("key", OF_THE_STORE)
def test_a_server_that_goes_away_amid_a_backfill(keeper, kis, key) -> None:
    keeper.moment.pace, happens, heals = OF_THE_STORE[key]
    process = at_work(keeper)
    happens(*keeper.admin)
    sees(key, ended(process))
    if heals:
        heals(*keeper.admin)
        completes(keeper, kis)
    assert_true(keeper.database, kis, SYMBOLS, days(kis))


SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM}


def was_ended(key, runs) -> None:
    """Each of these was at work, and ended at once as the page says, or got SIGTERM before it listened."""
    early = [ran for ran in runs if ran.code == -signal.SIGTERM]
    for ran in runs:
        assert ran.seconds < 20
        sees(key, ran) if ran not in early else None
    assert not any(ran.all for ran in early) and len(early) < len(runs) * 0.3


@pytest.mark.parametrize("key", ["kill", "term"])
def test_ended_at_fifty_random_instants_of_a_backfill(operator, kis, key) -> None:
    """Two lines of runs on one growing table, each ended after a random moment; then one run completes it."""
    halves = [("005930", "000660", "373220"), ("035420", "105560", "012330")]
    span = ("--from", "2026-10-05", "--workers", "1")
    assert operator.run("--symbols", "005930", "--days", "1").code == 0

    def line(seed):
        symbols = halves[seed]
        start = lambda: operator.start("--symbols", ",".join(symbols), *span, KIS_RATE_LIMIT="60")  # noqa: E731
        calls = lambda: sum(request.params.get("FID_INPUT_ISCD") in symbols for request in kis.requests)  # noqa: E731
        return end_often(start, SIGNALS[key], 25, calls=calls, most=30, dice=Random(seed))

    was_ended(key, sum(together(lambda: line(0), lambda: line(1)), []))
    symbols, wanted = [*halves[0], *halves[1]], days(kis, date(2026, 10, 5))
    kept = whole_or_absent(operator.database, kis, symbols, wanted)
    assert 3 < len(kept) < len(symbols) * len(wanted), f"{len(kept)}: ended at work"
    ran = operator.run("--symbols", ",".join(symbols), *span[:2])
    assert ran.code == 0, ran.all
    assert_true(operator.database, kis, symbols, wanted)


@pytest.mark.parametrize(("key", "flags"), [("kill_updater", ("--once",)), ("term_updater", ())])
def test_ended_at_twenty_random_instants_of_a_round(operator, kis, key, flags) -> None:
    operator.moment.jump(NOON)
    which = ("--symbols", ",".join(SYMBOLS))
    start = lambda: operator.update(*flags, *which, KIS_RATE_LIMIT="15")  # noqa: E731
    was_ended(key, end_often(start, SIGNALS[key[:4]], 20, calls=kis.calls, most=5, dice=Random(5)))
    present(operator.database, kis, SYMBOLS, NOON.replace(hour=0)) if count_days(operator.database) else None
    now = operator.moment.now()
    ran = operator.update_once(*which)
    assert ran.code == 0, ran.all
    assert present(operator.database, kis, SYMBOLS, now) > 300
    settles(operator, kis)


@pytest.mark.parametrize("script", ["fetch_minute_data", UPDATER])
def test_settings_that_cannot_be_used_end_it_before_anything(operator, kis, script) -> None:
    """A log folder that cannot be written; a file of symbols with SQL in it."""
    (operator.folder / "file").write_text("in the way")
    for folder in (operator.folder / "file", Path("/proc"), Path("/dev/null/logs")):
        ran = ended(operator.start("--symbols", "005930", script=script, LOG_DIR=str(folder)))
        sees("no_log_dir", ran, most_lines=1)
    file = operator.folder / "symbols.csv"
    for line in ("'; DROP TABLE stock_minute_prices; --", "00593' OR '1'='1", "１２３４５６", "005930\x00"):
        file.write_text(f"{line}\n", encoding="utf-8")
        sees("bad_symbols", ended(operator.start("--symbols-file", str(file), script=script)), most_lines=1)
    assert kis.requests == [] and execute(operator.database, "SHOW TABLES") == []


@pytest.mark.parametrize("hours", [3, -3])
def test_a_clock_that_jumps_in_mid_run(operator, kis, hours) -> None:
    command = operator.command("fetch_minute_data", *FLAGS)
    sees("clock_jump", ended(operator.spawn(command, TEST_JUMP=f"1.5 {hours * 3600}", **SLOWLY)))
    assert_true(operator.database, kis, SYMBOLS, days(kis))
    assert operator.run(*FLAGS).code == 0, "stamps of the other time hold nobody up"


@pytest.mark.parametrize("hours", [10.5, 29])
def test_a_clock_hours_ahead_settles_no_day_that_still_runs_at_kis(operator, kis, hours) -> None:
    """Dual boot, a clock in local time: what KIS has not closed, or not begun, is neither COMPLETE nor NO_TRADES."""
    kis._now = lambda: operator.moment.now() - timedelta(hours=hours)
    sees("clock_ahead", operator.run(*FLAGS))
    before = [day for day in days(kis) if day < LAST] if hours < 24 else [FIRST]
    assert whole_or_absent(operator.database, kis, SYMBOLS, days(kis)) == {(s, day) for s in SYMBOLS for day in before}
    assert count_days(operator.database) == len(SYMBOLS) * len(before)
    kis._now = operator.moment.now
    completes(operator, kis)


def test_two_backfills_at_once(operator) -> None:
    """The simulated KIS is a process of its own: in the test's it would stamp calls late, and then in a bunch."""
    far = FarSimulator("--rate", "40", "--latency-ms", "0")
    try:
        operator.kis = far.url
        for ran in together(*[lambda: operator.run(*FLAGS, KIS_RATE_LIMIT="36")] * 2):
            sees("two", ran)
        stats = requests.get(f"{far.url}/_sim/stats", timeout=10).json()
    finally:
        far.stop()
    assert stats["tokens_issued"] == 1 and stats["busiest_second"] <= 40 and "EGW00201" not in stats["codes"]
    truth = kis_at(operator.moment)
    assert_true(operator.database, truth, SYMBOLS, days(truth))


def test_a_pipe_whose_reader_leaves(operator, kis) -> None:
    """Streams that are closed or full, any locale: tests/console."""
    line = '( "$@"; echo "code $?" >&3 ) 3>&2 2>&1 | head -1'
    ran = ended(operator.spawn(["sh", "-c", line, "sh", *operator.command("fetch_minute_data", *FLAGS)]))
    assert ran.err.strip() == "code 0", ran.err
    sees("head", ran, most_lines=3)
    assert_true(operator.database, kis, SYMBOLS, days(kis))


def test_no_secret_is_printed_where_settings_are_wrong_either(operator, kis, mariadb) -> None:
    """Every test with an `operator` or a `keeper` ends with the search (`leaks`); here are the paths left."""
    operator.moment.pace = 8
    account = operator.admin[1]
    by_keys = {
        "DB_URL": "-", "DB_HOST": account.host, "DB_PORT": f"{account.port}", "DB_NAME": account.name,
        "DB_PASSWORD": PASSWORD, "DB_USER": account.user,
    }  # fmt: skip
    flags = ("--symbols", "005930", "--days", "2")
    runs = [operator.run(*flags, **by_keys), operator.run(*flags, "--force"), operator.run(*flags, "--dry-run")]
    assert [ran.code for ran in runs] == [0, 0, 0], operator.output
    wrong = [
        {"DB_URL": operator.database.replace("/minute_test", "/no_such")}, {**by_keys, "DB_USER": "nobody"},
        {"DB_URL": f"mysql://u:{PASSWORD}"}, {"DB_URL": f"mysqll://u:{PASSWORD}@h/x"},
        {"KIS_ENV": SECRETS["KIS_APP_KEY"], "KIS_RATE_LIMIT": SECRETS["KIS_APP_SECRET"]},
    ]  # fmt: skip
    assert {operator.run(*flags, **environ).code for environ in wrong} == {2}
    operator.run(*flags, "--force", KIS_BASE_URL="http://127.0.0.1:1")
    operator.moment.jump(NOON)
    operator.update_once("--symbols", "005930,000660")
    ended(operator.update("--status"))
    running = trading(operator)
    mariadb.run("RENAME TABLE stock_minute_prices TO hidden", database=account.name)
    time.sleep(0.5)
    interrupt(running, signal.SIGTERM)
    ended(operator.spawn([sys.executable, "kis_token.py"]))
    assert {"realtime_updater.log", "minute_data_collection.log"} <= {Path(name).name for name in operator.written()}
    assert any(" - DEBUG - " in text for text in operator.output)
    (operator.logs / "planted.json").write_text(json.dumps({"a": SECRETS["KIS_APP_SECRET"]}))
    assert len(leaks(operator, [])) == 1, "the search itself"
    (operator.logs / "planted.json").unlink()


def test_an_impostor_with_a_certificate_of_its_own_is_sent_nothing(operator, kis) -> None:
    impostor = Impostor(operator.folder)
    environ = {"KIS_BASE_URL": impostor.url, "PYTHONHTTPSVERIFY": "0", "CURL_CA_BUNDLE": "", "REQUESTS_CA_BUNDLE": ""}
    sees("bad_tls", operator.run(*FLAGS, **environ), most_lines=12)
    operator.moment.jump(NOON)
    sees("bad_tls", operator.update_once("--symbols", "005930", **environ), most_lines=10)
    impostor.close()
    assert impostor.visits > 0 and impostor.received == b""


FORBIDDEN = (
    r"shell\s*=\s*True|os\.system|os\.popen|\bsubprocess\b|(?<![\w.])eval\(|(?<![\w.])exec\("
    r"|verify\s*=|CERT_NONE|pickle|marshal\.|yaml\.load|__import__"
)


def test_no_shell_no_eval_no_unverified_tls_and_no_sql_formatted_with_values() -> None:
    """Values are parameters; only names of tables and columns stand in a statement (minute_candles/storage)."""
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in sources()}
    found = {(name, hit) for name, text in texts.items() for hit in re.findall(FORBIDDEN, text)}
    assert found == {("minute_candles/forecast/background.py", "subprocess")}  # our own script, without a shell
    for name, text in texts.items():
        assert not re.search(r"(execute|run)\([^)]*(\.format\(|\" %)", text), name
        if not name.startswith("minute_candles/storage/"):
            assert not re.search(r"\.execute\([^)]|cmd_query\(", text), name
