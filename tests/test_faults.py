"""Nothing lost, nothing leaked: the commands against every fault of KIS, the store and the host; `make test-all`.

Each fault is a row of docs/faults.md: `sees` holds the run to what the row says, and afterwards every symbol-day is
stored as it traded or not at all; a run without the fault completes it. What has an `operator` is slow.
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

import fault_tools as tools
import pytest
import requests
from backfill_tools import EVENING, LAST, FarSimulator, Moment, assert_true, ended, execute, interrupt, until, url_of
from fast_clock import OUTPUTS
from fault_tools import FAULTS, FIRST, FLAGS, NOON, PASSWORD, SECRETS, SYMBOLS, days, kis_at, sees, whole_or_absent
from places import ROOT, sources
from store_testing import at_once

from kis_simulator.faults.faults import ROWS

SLOWLY = {"KIS_RATE_LIMIT": "12"}
"""Nine symbol-days take three seconds then."""
WHICH = FLAGS[:2]


@pytest.fixture
def kis():
    moment = Moment()
    with kis_at(moment, profiles=dict.fromkeys(SYMBOLS, "liquid")) as sim:
        sim.moment = moment
        yield sim


@pytest.fixture
def operator(tmp_path, kis, mariadb):
    """Whatever happens meanwhile, no secret is left where somebody could read it, nor in a call's address."""
    database = mariadb.fresh()
    with mariadb.account(database, "ALL", PASSWORD) as account:
        operator = tools.Operator(tmp_path, kis.url, url_of(account), moment=kis.moment)
        operator.admin = mariadb, account
        yield operator
        assert tools.leaks(operator, kis.tokens.known) == []
        sent = "".join(str(request.params) for request in kis.requests if request.tr_id)
        assert not [secret for secret in (*SECRETS.values(), PASSWORD) if len(secret) > 2 and secret in sent]
        if not mariadb.running:
            mariadb.start()
    mariadb.drop(database)


def completes(operator, kis) -> None:
    """The table is whole; if not, a run without any fault makes it so."""
    kis.clear_faults()
    if len(whole_or_absent(operator.database, kis, SYMBOLS, days(kis))) < 9:
        ran = operator.run(*FLAGS)
        assert ran.code == 0, ran.all
    assert_true(operator.database, kis, SYMBOLS, days(kis))


def test_every_row_of_the_page_is_proved_and_every_test_that_it_names_is_there() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert tools.PAGE.split("\n## ")[0].count("\n|") == len(FAULTS) + 2 and {row.lost for row in FAULTS.values()} == {
        "없음"
    }
    assert not [key for key in FAULTS if f'"{key}"' not in source and key not in LASTING]
    texts = {str(path.relative_to(ROOT / "tests")): path.read_text("utf-8") for path in ROOT.glob("tests/**/test_*.py")}
    named = re.findall(r"`(?:([\w/]+\.py)::)?(test_\w+)`", tools.PAGE)
    everything = "\n".join(texts.values())
    assert len(named) > 60
    assert not [name for file, name in named if f"def {name}(" not in texts.get(file, "" if file else everything)]


GATEWAY = ("egw00202", "egw00203", "egw00215", "egw00300", "egw00316", "90020000")
WIRE = ("reset", "reset_amid", "truncated", "non_json", "http500_empty")
HARMLESS = ("unordered", "duplicate_same")
EMPTY = ("empty", "wrong_day")


def often(*kinds, apart=0, **how):
    return [{"kind": kind, "after": apart * number, **how} for number, kind in enumerate(kinds)]


OF_KIS = [
    (WIRE, often(*WIRE, times=2, apart=5)), (["gateway"], often(*GATEWAY, times=2, apart=4)), (["storm"], []),
    (["over_limit"], [{"kind": "egw00201", "rate": 0.08, "status": n} for n in (500, 200, 429)]),
    (["spoilt", "other_date"], often(*ROWS, rate=0.02, path="past") + often(*ROWS, rate=0.02, path="daily")),
    (["harmless"], often(*HARMLESS, rate=0.5)), (["hang"], often("hang", times=3, path="past", seconds=30)),
    (["token_too_soon"], often("egw00133", path="token", times=1)), (["bad_key"], often("egw00103")),
    (["token_refused"], often("egw00121", path="past") + often("egw00121", path="daily")),
    (["bad_secret"], often("egw00105", path="token")), (["wrong_host"], often("egw02004")),
    (["nobody"], []), (["not_offered"], often("egw02006", path="past")),
]  # fmt: skip
"""Rows of the page, and what the simulated KIS does."""
PACES = {"token_too_soon": 20, "token_refused": 10, "nobody": 10}


@pytest.mark.parametrize(("keys", "faults"), OF_KIS, ids=[keys[0] for keys, _ in OF_KIS])
def test_a_fault_of_kis_passes_or_ends_the_run_with_one_line(operator, kis, keys, faults) -> None:
    key = keys[0]
    operator.moment.pace = PACES.get(key, 1)
    kis.down(key == "nobody")
    kis.rate = 10 if key == "storm" else kis.rate
    met = [kis.add_fault(**fault) for fault in faults]
    ran = operator.run(*FLAGS, **({"KIS_RATE_LIMIT": "30"} if key == "storm" else {}))
    kis.down(False)
    assert all(fault.fired for fault in met) or key == "spoilt"
    if key == "spoilt" and ran.code == 1:  # the same day struck at every try: named, and had later
        assert "다시 실행하면 이것만 다시 받습니다" in ran.out
        whole_or_absent(operator.database, kis, SYMBOLS, days(kis))
        kis.clear_faults()
        ran = operator.run(*FLAGS)
    for row in keys:
        sees(row, ran, most_lines=40 if ran.code == 0 else 20)
    assert key != "storm" or sum(request.code == "EGW00201" for request in kis.requests) > 5
    assert ran.seconds < 25
    if ran.code == 0:
        assert_true(operator.database, kis, SYMBOLS, days(kis))
    else:
        assert ran.all.count("❌") == 1 and len(kis.requests) < 60
        assert kis.calls("token") <= 3 or key == "nobody"
        completes(operator, kis)


LASTING = [kind for kind in ROWS if kind not in (*HARMLESS, *EMPTY, "other_date")]
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


def test_a_day_that_comes_back_empty_is_named_and_can_be_had_again(operator, kis) -> None:
    """Rule "Empty is not success": volume but no minutes after several refetches is NO_TRADES with a note."""
    operator.moment.pace = 4
    for kind, symbol in zip(EMPTY, SYMBOLS, strict=False):
        kis.add_fault(kind, path="past", symbol=symbol, day=FIRST)
    ran = operator.run(*FLAGS)
    sees("empty", ran)
    assert all(tools.holds(ran.err, f"{symbol} {FIRST}: 일봉 거래량은 …주인데") for symbol in SYMBOLS[:2])
    reasons = "SELECT reasons FROM stock_minute_coverage WHERE status = 'NO_TRADES'"
    assert execute(operator.database, reasons) == [("EMPTY_WITH_VOLUME",)] * 2
    kis.clear_faults()
    assert operator.run(*WHICH, "--from", f"{FIRST}", "--to", f"{FIRST}", "--force").code == 0
    assert_true(operator.database, kis, SYMBOLS, days(kis))


def revoke(server, account) -> None:
    """Take a right and end the account's connections: one that is open keeps it."""
    server.run(f"REVOKE INSERT ON {account.name}.* FROM {account.user}@'%'")
    for (number,) in server.run("SELECT id FROM information_schema.PROCESSLIST WHERE user = %s", account.user):
        with suppress(Exception):  # it was gone
            server.run(f"KILL {number}")


OF_THE_STORE = {
    "killed": (1, lambda server, _: (server.kill(), time.sleep(2), server.start()), None),
    "gone": (30, lambda server, _: server.kill(), lambda server, _: server.start()),
    "read_only": (30, lambda server, _: server.run("SET GLOBAL read_only = ON"),
                  lambda server, _: server.run("SET GLOBAL read_only = OFF")),
    "revoked": (30, revoke, lambda server, one: server.run(f"GRANT INSERT ON {one.name}.* TO {one.user}@'%'")),
}  # fmt: skip
"""How fast the clock runs, what happens to the server amid a backfill, and what an administrator does afterwards."""


@pytest.mark.parametrize("key", OF_THE_STORE)
def test_a_server_that_goes_away_amid_a_backfill(operator, kis, key) -> None:
    operator.moment.pace, happens, heals = OF_THE_STORE[key]
    process, (server, account) = operator.start(*FLAGS, **SLOWLY), operator.admin
    until(lambda: tools.count_days(url_of(replace(account, user="root", password=""))) >= 2)
    happens(server, account)
    sees(key, ended(process))
    if heals:
        heals(server, account)
        completes(operator, kis)
    assert_true(operator.database, kis, SYMBOLS, days(kis))


def end_at_work(key, start, times, **how) -> None:
    """Each ended at once as the page says, or got SIGTERM before it listened."""
    runs = tools.end_often(start, getattr(signal, f"SIG{key[:4].upper()}"), times, **how)
    early = [ran for ran in runs if ran.code == -signal.SIGTERM]
    for ran in runs:
        assert ran.seconds < 20
        sees(key, ran) if ran not in early else None
    assert not any(ran.all for ran in early) and len(early) < len(runs) * 0.3


def test_ended_at_fifty_random_instants_of_a_backfill(operator, kis) -> None:
    """Two lines of runs on one growing table, each ended after a random moment; then one run completes it."""
    halves = {"kill": ("005930", "000660", "373220"), "term": ("035420", "105560", "012330")}
    span = ("--from", "2026-10-05", "--workers", "1")
    assert operator.run("--symbols", "005930", "--days", "1").code == 0

    def line(key):
        start = lambda: operator.start("--symbols", ",".join(halves[key]), *span, KIS_RATE_LIMIT="60")  # noqa: E731
        calls = lambda: sum(one.params.get("FID_INPUT_ISCD") in halves[key] for one in kis.requests)  # noqa: E731
        end_at_work(key, start, 25, calls=calls, most=30, dice=Random(key))

    at_once(lambda: line("kill"), lambda: line("term"))
    symbols, wanted = [*halves["kill"], *halves["term"]], days(kis, date(2026, 10, 5))
    kept = whole_or_absent(operator.database, kis, symbols, wanted)
    assert 3 < len(kept) < len(symbols) * len(wanted), f"{len(kept)}: ended at work"
    ran = operator.run("--symbols", ",".join(symbols), *span[:2])
    assert ran.code == 0, ran.all
    assert_true(operator.database, kis, symbols, wanted)


def test_ended_at_twenty_random_instants_of_a_round(operator, kis) -> None:
    operator.moment.jump(NOON)
    for key, flags in (("kill_updater", ["--once"]), ("term_updater", [])):
        start = lambda: operator.update(*flags, *WHICH, KIS_RATE_LIMIT="15")  # noqa: E731, B023
        end_at_work(key, start, 10, calls=kis.calls, most=5, dice=Random(5))
    if tools.count_days(operator.database):
        tools.present(operator.database, kis, SYMBOLS, NOON.replace(hour=0))
    now = operator.moment.now()
    assert operator.update_once(*WHICH).code == 0
    assert tools.present(operator.database, kis, SYMBOLS, now) > 300
    operator.moment.jump(EVENING)
    assert operator.update_once(*WHICH).code == 0
    assert_true(operator.database, kis, SYMBOLS, days(kis, date(2026, 11, 13)))


@pytest.mark.parametrize("script", ["fetch_minute_data", "realtime_updater"])
def test_settings_that_cannot_be_used_end_it_before_anything(operator, kis, script) -> None:
    """A log folder that cannot be written; a file of symbols with SQL in it."""
    (operator.folder / "file").write_text("in the way")
    for folder in (operator.folder / "file", Path("/proc")):
        ran = ended(operator.start("--symbols", "005930", script=script, LOG_DIR=str(folder)))
        sees("no_log_dir", ran, most_lines=1)
    file = operator.folder / "symbols.csv"
    for line in ("'; DROP TABLE stock_minute_prices; --", "１２３４５６"):
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
    assert tools.count_days(operator.database) == len(SYMBOLS) * len(before)
    kis._now = operator.moment.now
    completes(operator, kis)


def test_two_backfills_at_once(operator) -> None:
    """The simulated KIS is a process of its own: in the test's it would stamp calls late, and then in a bunch."""
    far = FarSimulator("--rate", "60", "--latency-ms", "0")
    try:
        operator.kis = far.url
        for ran in at_once(*[lambda: operator.run(*FLAGS, KIS_RATE_LIMIT="36")] * 2):
            sees("two", ran)
        stats = requests.get(f"{far.url}/_sim/stats", timeout=10).json()
    finally:
        far.stop()
    assert stats["tokens_issued"] == 1 and stats["busiest_second"] <= 60 and "EGW00201" not in stats["codes"]
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
    """Every test with an `operator` ends with the search (`leaks`); here are the paths left."""
    operator.moment.pace = 8
    one = operator.admin[1]
    by_keys = {"DB_URL": "-", "DB_HOST": one.host, "DB_PORT": f"{one.port}", "DB_NAME": one.name,
               "DB_PASSWORD": PASSWORD, "DB_USER": one.user}  # fmt: skip
    flags = ("--symbols", "005930", "--days", "2")
    runs = [operator.run(*flags, **by_keys), operator.run(*flags, "--force"), operator.run(*flags, "--dry-run")]
    assert [ran.code for ran in runs] == [0, 0, 0], OUTPUTS
    wrong = [
        {"DB_URL": operator.database.replace("/minute_test", "/no_such")}, {**by_keys, "DB_USER": "nobody"},
        {"DB_URL": f"mysql://u:{PASSWORD}"}, {"DB_URL": f"mysqll://u:{PASSWORD}@h/x"},
        {"KIS_ENV": SECRETS["KIS_APP_KEY"], "KIS_RATE_LIMIT": SECRETS["KIS_APP_SECRET"]},
    ]  # fmt: skip
    assert {operator.run(*flags, **environ).code for environ in wrong} == {2}
    operator.run(*flags, "--force", KIS_BASE_URL="http://127.0.0.1:1")
    operator.moment.jump(NOON)
    running = operator.update(*WHICH)
    until(lambda: re.search(r"INFO - (?:✅|⚠️) \d\d:\d\d ", operator.log()))
    ended(operator.update("--status"))
    mariadb.run("RENAME TABLE stock_minute_prices TO hidden", database=one.name)
    time.sleep(0.5)
    interrupt(running, signal.SIGTERM)
    ended(operator.spawn([sys.executable, "kis_token.py"]))
    assert {"realtime_updater.log", "minute_data_collection.log"} <= {Path(name).name for name in operator.written()}
    assert any(" - DEBUG - " in text for text in OUTPUTS)
    (planted := operator.logs / "planted.json").write_text(json.dumps({"a": SECRETS["KIS_APP_SECRET"]}))
    assert len(tools.leaks(operator, [])) == 1, "the search itself"
    planted.unlink()


def test_an_impostor_with_a_certificate_of_its_own_is_sent_nothing(operator, kis) -> None:
    url, received = tools.impostor(operator.folder)
    environ = {"KIS_BASE_URL": url, "PYTHONHTTPSVERIFY": "0", "CURL_CA_BUNDLE": "", "REQUESTS_CA_BUNDLE": ""}
    sees("bad_tls", operator.run(*FLAGS, **environ), most_lines=12)
    operator.moment.jump(NOON)
    sees("bad_tls", operator.update_once("--symbols", "005930", **environ), most_lines=10)
    assert received == []


def test_no_shell_no_eval_no_unverified_tls_and_no_sql_formatted_with_values() -> None:
    """Values are parameters; only names of tables and columns stand in a statement (minute_candles/storage)."""
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in sources()}
    forbidden = (
        r"shell\s*=\s*True|os\.system|os\.popen|\bsubprocess\b|(?<![\w.])(eval|exec)\(|verify\s*=|CERT_NONE|pickle"
        r"|marshal\.|yaml\.load|__import__"
    )
    found = {(name, hit[0]) for name, text in texts.items() for hit in re.finditer(forbidden, text)}
    assert found == {("minute_candles/forecast/background.py", "subprocess")}  # our own script, without a shell
    for name, text in texts.items():
        assert not re.search(r"(execute|run)\([^)]*(\.format\(|\" %)", text), name
        if not name.startswith("minute_candles/storage/"):
            assert not re.search(r"\.execute\([^)]|cmd_query\(", text), name
