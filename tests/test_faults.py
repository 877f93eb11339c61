"""Nothing lost, nobody in: both commands against every fault of KIS, of the store and of the host; `make test-all`.

Each fault is a row of `fault_table.py`: `sees` holds the run to what the table says, and afterwards every symbol-day is
stored as it traded or not at all; a run without the fault completes it.
"""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import requests
import servers
from backfill_tools import FarSimulator, interrupt, until
from fault_table import FAULTS, GROUPS, MACHINES, markdown
from fault_tools import (
    EVENING,
    FIRST,
    FLAGS,
    LAST,
    NOON,
    PASSWORD,
    SECRETS,
    SYMBOLS,
    Impostor,
    Moment,
    Operator,
    Ran,
    Watched,
    assert_true,
    count_days,
    days,
    end_often,
    ended,
    execute,
    fill,
    holds,
    kis_at,
    present,
    secrets_told,
    sees,
    small_disk,
    texts_in,
    together,
    url_of,
    whole_or_absent,
)
from places import ROOT, sources
from servers import Server
from switchboard import Switchboard

from kis_simulator.faults.faults import ROWS
from kis_simulator.simulator import Simulator
from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.storage.store import open_store

HURT = "000660", FIRST
"""The symbol-day that lasting faults strike."""
SLOWLY = {"KIS_RATE_LIMIT": "12"}
"""Nine symbol-days take three seconds then."""


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
def kis(moment: Moment) -> Iterator[Simulator]:
    with kis_at(moment, profiles=dict.fromkeys(SYMBOLS, "liquid")) as sim:
        yield sim


@pytest.fixture
def operator(tmp_path: Path, kis: Simulator, mariadb: Server, moment: Moment) -> Iterator[Operator]:
    database = mariadb.fresh()
    with mariadb.account(database, "ALL", PASSWORD) as account:
        operator = Operator(tmp_path, kis.url, url_of(account), moment=moment)
        with nothing_told(operator, kis):
            yield operator
    mariadb.drop(database)


@contextmanager
def nothing_told(operator: Operator, kis: Simulator) -> Iterator[None]:
    """Whatever happens meanwhile, no secret stands where somebody could read it, nor in a call's address."""
    with Watched() as watched:
        yield
    assert secrets_told(operator, kis.tokens.known, watched.lines) == []
    asked = "".join(str(request.params) for request in kis.requests if request.tr_id)
    assert not [secret for secret in (*SECRETS.values(), PASSWORD) if len(secret) > 2 and secret in asked]


def completes(operator: Operator, kis: Simulator) -> None:
    """The table is whole; if not, a run without any fault makes it so."""
    kis.clear_faults()
    if len(whole_or_absent(operator.database, kis, SYMBOLS, days(kis))) < 9:
        ran = operator.run(*FLAGS)
        assert ran.code == 0, ran.all
    assert_true(operator.database, kis, SYMBOLS, days(kis))


# --- the table ---


def test_every_row_of_the_table_is_proved_here_and_nothing_is_lost() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert not [key for key in FAULTS if f'"{key}"' not in source and key not in LASTING]
    assert {fault.lost for fault in FAULTS.values()} == {"없음"}


def test_every_row_of_the_other_table_names_a_test() -> None:
    for row in MACHINES:
        file, function = row.test.split("::")
        assert f"def {function}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), row.test


def test_every_test_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named, known = set(re.findall(r"`(test_\w+)`", page)), set(re.findall(r"def (test_\w+)\(", text))
    assert len(named) > 40 and named <= known, named - known


def test_the_table_is_well_formed_markdown() -> None:
    lines = markdown().splitlines()
    assert len(lines) == 2 + len(FAULTS) and sum(map(len, GROUPS.values())) == len(FAULTS)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {7}


# --- KIS: passing faults are asked away ---

GATEWAY = ["egw00202", "egw00203", "egw00215", "egw00300", "egw00316", "90020000"]
SHAPES = ["shape_missing", "shape_numbers", "shape_list", "empty", "wrong_day"]
PRICES = ["negative_price", "absurd_price", "low_above_open", "duplicate_conflict", "missing_rows"]
TIDIED = ["unordered", "duplicate_same", "other_date"]
PASSING: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "reset": ("reset", [{"kind": "reset"}]),
    "reset amid a body": ("reset_amid", [{"kind": "reset_amid"}]),
    "truncated": ("truncated", [{"kind": "truncated"}]),
    "non-JSON": ("non_json", [{"kind": "non_json"}]),
    "500 without a code": ("http500_empty", [{"kind": "http500_empty"}]),
    "gateway": ("gateway", [{"kind": kind, "rate": 0.05} for kind in GATEWAY]),
    "rows of another date": ("other_date", [{"kind": "other_date", "path": "past", "rate": 0.3}]),
    "over limit": ("over_limit", [{"kind": "egw00201", "status": n, "rate": 0.08} for n in (500, 200, 429)]),
    **{
        f"spoilt {kinds[0]}": (
            "spoilt",
            [{"kind": kind, "path": path, "rate": 0.05} for kind in kinds for path in ("past", "daily")],
        )
        for kinds in (SHAPES, PRICES, TIDIED)
    },
}


@pytest.mark.parametrize("key, faults", PASSING.values(), ids=PASSING)
def test_a_passing_fault_of_kis_is_asked_away(operator: Operator, kis: Simulator, key: str, faults: Any) -> None:
    met = [kis.add_fault(**{"rate": 0.15, **fault}) for fault in faults]
    ran = operator.run(*FLAGS)
    assert sum(fault.fired for fault in met) > 0
    if (
        key in ("spoilt", "other_date") and ran.code == 1
    ):  # the same day struck at every try: named, and had by the next run
        assert "다시 실행하면 이것만 다시 받습니다" in ran.out
        whole_or_absent(operator.database, kis, SYMBOLS, days(kis))
        kis.clear_faults()
        ran = operator.run(*FLAGS)
    sees(key, ran)
    assert_true(operator.database, kis, SYMBOLS, days(kis))


def test_a_hanging_kis_is_asked_again(operator: Operator, kis: Simulator) -> None:
    kis.add_fault("hang", times=3, path="past", seconds=30)
    ran = operator.run(*FLAGS)
    sees("hang", ran)
    assert ran.seconds < 25
    completes(operator, kis)


def test_an_over_limit_storm_slows_the_run_down_and_loses_nothing(operator: Operator, kis: Simulator) -> None:
    kis.rate = 10
    ran = operator.run(*FLAGS, KIS_RATE_LIMIT="30")
    assert sum(request.code == "EGW00201" for request in kis.requests) > 5
    sees("storm", ran)
    completes(operator, kis)


@pytest.mark.parametrize("kind", ["egw00121", "egw00123"])
def test_a_dead_token_is_renewed_once(operator: Operator, kis: Simulator, kind: str) -> None:
    assert operator.run("--symbols", SYMBOLS[0], "--days", "1").code == 0
    operator.moment.jump(EVENING + timedelta(minutes=5))  # KIS issues one a minute
    if kind == "egw00123":
        kis.expire_tokens()
    else:
        kis.add_fault(kind, times=1, path="past")
    ran = operator.run(*FLAGS)
    sees("token_dead", ran)
    assert ran.err.count("토큰을 갱신합니다") == 1
    assert kis.tokens.issued <= 2
    completes(operator, kis)


def test_a_token_asked_for_too_soon_is_waited_for(operator: Operator, kis: Simulator) -> None:
    operator.moment.pace = 20
    kis.add_fault("egw00133", path="token", times=1)
    sees("token_too_soon", operator.run(*FLAGS))
    completes(operator, kis)


@pytest.mark.slow
def test_a_token_that_kis_itself_refuses_ends_the_run(operator: Operator, kis: Simulator) -> None:
    kis.add_fault("egw00121", path="past")
    kis.add_fault("egw00121", path="daily")
    sees("token_refused", operator.run(*FLAGS), most_lines=20)
    assert kis.calls("token") <= 2 and kis.calls("past") < 40
    completes(operator, kis)


KEYS = {
    "EGW00103": ("bad_key", "egw00103", "*"),
    "EGW00105": ("bad_secret", "egw00105", "token"),
    "EGW00304": ("bad_secret", "egw00304", "past"),
    "EGW02004": ("wrong_host", "egw02004", "*"),
    "EGW02007": ("wrong_host", "egw02007", "past"),
    "EGW02006": ("not_offered", "egw02006", "past"),
}


LONGER = {"EGW00304", "EGW02007"}
"""The second ones of their rows."""


@pytest.mark.parametrize(
    "key, kind, path",
    [pytest.param(*how, id=code, marks=[pytest.mark.slow] * (code in LONGER)) for code, how in KEYS.items()],
)
def test_a_refused_key_ends_the_run_with_one_line(
    operator: Operator, kis: Simulator, key: str, kind: str, path: str
) -> None:
    kis.add_fault(kind, path=path)
    ran = operator.run(*FLAGS)
    sees(key, ran, most_lines=12)
    assert ran.all.count("❌") == 1
    assert len(kis.requests) < 60
    completes(operator, kis)


# --- KIS: lasting faults name their symbol-day ---

LASTING = [kind for kind in ROWS if kind not in ("unordered", "duplicate_same", "other_date", "empty", "wrong_day")]
CELLS = [(symbol, day) for symbol in (*SYMBOLS, "035420") for day in (date(2026, 11, n) for n in (18, 19, 20))]


def test_days_that_kis_cannot_tell_are_named_and_not_stored(operator: Operator, kis: Simulator) -> None:
    """Every kind of wrong answer at once, each to a symbol-day of its own; the rest of the run is not hurt."""
    operator.moment.pace = 4
    hurt = dict(zip(LASTING, CELLS, strict=False))
    for kind, (symbol, day) in hurt.items():
        kis.add_fault(kind, path="past", symbol=symbol, day=day)
    flags = ("--symbols", ",".join(dict(CELLS)), "--from", f"{FIRST}")
    ran = operator.run(*flags)
    for kind, (symbol, day) in hurt.items():
        says = FAULTS[kind].says.replace(f"{HURT[0]} {HURT[1]}", f"{symbol} {day}")
        sees(kind, ran, says=says, most_lines=60)
        assert f"   {symbol} {day} " in ran.out, "named in the summary"
    assert whole_or_absent(operator.database, kis, dict(CELLS), days(kis)) == {*CELLS} - {*hurt.values()}
    kis.clear_faults()
    before = kis.calls("past")
    assert operator.run(*flags).code == 0
    assert kis.calls("past") - before <= 4 * len(hurt), "only what was missing"
    assert_true(operator.database, kis, list(dict(CELLS)), days(kis))


@pytest.mark.parametrize("kind", ["empty", "wrong_day"])
def test_a_day_that_comes_back_empty_is_told_and_can_be_had_again(
    operator: Operator, kis: Simulator, kind: str
) -> None:
    """Law 8: volume but no minutes after several refetches is NO_TRADES with a note; the user hears of it."""
    operator.moment.pace = 4
    kis.add_fault(kind, path="past", symbol=HURT[0], day=HURT[1])
    ran = operator.run(*FLAGS)
    sees("empty", ran)
    assert holds(ran.err, f"{HURT[0]} {HURT[1]}: 일봉 거래량은 …주인데")
    note = execute(operator.database, "SELECT note FROM stock_minute_coverage WHERE status = 'NO_TRADES'")
    assert len(note) == 1 and "비어 있음" in note[0][0]
    kis.clear_faults()
    assert operator.run("--symbols", HURT[0], "--from", f"{HURT[1]}", "--to", f"{HURT[1]}", "--force").code == 0
    assert_true(operator.database, kis, SYMBOLS, days(kis))


@pytest.mark.parametrize("kind", ["unordered", "duplicate_same"])
def test_answers_that_are_only_untidy_are_tidied(operator: Operator, kis: Simulator, kind: str) -> None:
    kis.add_fault(kind)
    sees("harmless", operator.run(*FLAGS))
    assert_true(operator.database, kis, SYMBOLS, days(kis))


def test_a_format_that_changed_for_all_is_told_without_a_flood(operator: Operator, kis: Simulator) -> None:
    """KIS sends numbers for strings everywhere: sixty symbol-days fail, and the screen stays readable."""
    kis.add_fault("shape_numbers", path="past")
    ran = operator.run("--symbols", "005930,000660,373220,035420,105560,012330", "--from", "2026-11-09")
    assert ran.code == 1
    assert "실패: 행의 날짜나 시각이 없거나 숫자가 아닙니다" in ran.err  # twenty days of sixty, whichever end first
    assert len(ran.all.splitlines()) <= 60 and "Traceback" not in ran.all
    assert execute(operator.database, "SELECT COUNT(*) FROM stock_minute_prices") == [(0,)]


# --- KIS: away ---


@pytest.mark.slow
def test_maintenance_is_waited_for(operator: Operator, kis: Simulator) -> None:
    process = operator.start(*FLAGS, **SLOWLY)
    until(lambda: kis.calls("past") > 8)
    kis.down()
    time.sleep(8)
    kis.down(False)
    sees("maintenance", ended(process))
    completes(operator, kis)


@pytest.mark.slow
def test_an_outage_of_minutes_ends_the_run(operator: Operator, kis: Simulator) -> None:
    operator.moment.pace = 40
    process = operator.start(*FLAGS, KIS_RATE_LIMIT="0.3")
    until(lambda: kis.calls("past") > 8)
    kis.down()
    sees("outage", ended(process), most_lines=35)
    kis.down(False)
    completes(operator, kis)


def test_a_kis_that_was_never_there_ends_the_run(operator: Operator, kis: Simulator) -> None:
    kis.down()
    operator.moment.pace = 10
    ran = operator.run(*FLAGS)
    sees("nobody", ran, most_lines=20)
    kis.down(False)
    completes(operator, kis)


# --- KIS: answers that come and say nothing, or the wrong thing about today ---


def test_a_session_of_yesterdays_rows_is_told(operator: Operator, kis: Simulator) -> None:
    operator.moment.jump(NOON)
    for path in ("today", "past"):
        kis.add_fault("wrong_day", path=path)
    process = operator.update("--symbols", ",".join(SYMBOLS))
    until(lambda: present_in_log(operator, "KIS 분봉 문제 시작"), 60)
    assert ended(operator.start("--status", script="realtime_updater")).code == 1
    sees("silent", interrupt(process, signal.SIGTERM))
    kis.clear_faults()
    settles(operator, kis)


def test_a_day_that_kis_calls_closed_while_it_trades(
    operator: Operator, kis: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = kis.endpoints.open_days
    told = {f"{LAST:%Y%m%d}": "N"}

    def open_days(first: date) -> Any:
        return [{**row, "opnd_yn": told.get(row["bass_dt"], row["opnd_yn"])} for row in truth(first)]

    monkeypatch.setattr(kis.endpoints, "open_days", open_days)
    operator.moment.jump(NOON)
    sees("closed", interrupt(trading(operator), signal.SIGTERM))
    settles(operator, kis)


def present_in_log(operator: Operator, text: str) -> bool:
    log = operator.logs / "realtime_updater.log"
    return log.exists() and text in operator.log(log.name)


# --- the store ---


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A MariaDB that may be killed."""
    server = servers.mariadb()
    assert server is not None, servers.MISSING
    server.start()
    yield server
    server.remove()


@pytest.fixture
def keeper(tmp_path: Path, kis: Simulator, own_server: Server, moment: Moment) -> Iterator[Operator]:
    """An operator with an account of few rights on a server that may be killed."""
    database = own_server.fresh()
    with own_server.account(database, "ALL", PASSWORD) as limited:
        keeper = Operator(tmp_path, kis.url, url_of(limited), moment=moment)
        keeper.admin = own_server, limited
        with nothing_told(keeper, kis):
            yield keeper
        own_server.restart()
    own_server.drop(database)


def at_work(keeper: Operator, symbol_days: int = 2) -> "subprocess.Popen[str]":
    """A backfill that has stored some days and has some to go."""
    process = keeper.start(*FLAGS, **SLOWLY)
    server, database = keeper.admin
    root = f"mysql://root@127.0.0.1:{server.port}/{database.name}"
    until(lambda: count_days(root) >= symbol_days)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("key, how", [("killed", Server.kill), ("restarted", Server.stop)])
def test_a_server_that_goes_and_comes_back(
    keeper: Operator, own_server: Server, kis: Simulator, key: str, how: Callable[[Server], None]
) -> None:
    process = at_work(keeper)
    how(own_server)
    time.sleep(2)
    own_server.start()
    sees(key, ended(process))
    assert_true(keeper.database, kis, SYMBOLS, days(kis))


def test_a_server_that_stays_away(keeper: Operator, own_server: Server, kis: Simulator) -> None:
    keeper.moment.pace = 30
    process = at_work(keeper, 0)
    until(lambda: kis.calls("past") > 6)
    own_server.kill()
    ran = ended(process)
    sees("gone", ran)
    own_server.start()
    completes(keeper, kis)


@pytest.mark.slow
def test_a_new_primary_behind_the_same_address(keeper: Operator, own_server: Server, kis: Simulator) -> None:
    """The old one stays up and refuses writes; what it had stored and the new one lacks, the next run brings."""
    second = servers.mariadb()
    assert second is not None
    second.start()
    try:
        _, limited = keeper.admin
        name, user = limited.name, limited.user
        second.run(f"CREATE DATABASE {name}")
        second.run(f"CREATE USER {user}@'%' IDENTIFIED BY %s", limited.password)
        second.run(f"GRANT ALL ON {name}.* TO {user}@'%'")
        promoted = open_store(replace(limited, port=second.port), Clock())
        promoted.preflight()
        promoted.close()
        with Switchboard(own_server.port) as address:
            keeper.database = url_of(replace(limited, port=address.port))
            process = at_work(keeper)
            address.target = second.port
            own_server.run("SET GLOBAL read_only = ON")
            sees("failover", ended(process))
            own_server.run("SET GLOBAL read_only = OFF")
            completes(keeper, kis)
    finally:
        second.remove()


@pytest.mark.slow
def test_a_server_that_becomes_read_only(keeper: Operator, own_server: Server, kis: Simulator) -> None:
    keeper.moment.pace = 30
    process = at_work(keeper, 1)
    own_server.run("SET GLOBAL read_only = ON")
    sees("read_only", ended(process))
    again = keeper.run(*FLAGS)
    sees("read_only", again, says="읽기 전용", most_lines=12)
    own_server.run("SET GLOBAL read_only = OFF")
    completes(keeper, kis)


def test_a_server_whose_disk_is_full(keeper: Operator, own_server: Server, kis: Simulator) -> None:
    """Its tables lie in one space that must not grow any more: ER_RECORD_FILE_FULL, as on a full disk."""
    own_server.restart("--innodb-file-per-table=OFF", "--innodb-data-file-path=ibdata1:12M:autoextend:max:20M")
    own_server.run("CREATE TABLE filler (text LONGTEXT) ENGINE=InnoDB", database=keeper.admin[1].name)
    assert keeper.run("--symbols", "005930", "--days", "1").code == 0
    for size in (1_000_000, 100_000, 10_000):
        with pytest.raises(Exception, match="full"):
            for _ in range(200):
                own_server.run(f"INSERT INTO filler VALUES (REPEAT('x', {size}))", database=keeper.admin[1].name)
    ran = keeper.run(*FLAGS)
    sees("full", ran)
    whole_or_absent(keeper.database, kis, SYMBOLS, days(kis))
    own_server.restart()
    completes(keeper, kis)


def test_rows_locked_by_another_are_waited_for(keeper: Operator, own_server: Server, kis: Simulator) -> None:
    assert keeper.run(*FLAGS).code == 0
    execute(keeper.database, "DELETE FROM stock_minute_prices WHERE minute_interval = 'FIVE_MINUTES'")
    with closing(own_server.connect(keeper.admin[1].name, autocommit=False)) as other:
        other.cursor().execute("UPDATE stock_minute_prices SET volume = volume + 0, updated_at = NOW()")
        process = keeper.start(*FLAGS)
        time.sleep(8)
        assert process.poll() is None, "waits"
        other.rollback()
        sees("slow", ended(process))
    assert_true(keeper.database, kis, SYMBOLS, days(kis))


@pytest.mark.slow
def test_rows_locked_for_ever_end_the_run(keeper: Operator, own_server: Server, kis: Simulator) -> None:
    keeper.moment.pace = 15
    assert keeper.run(*FLAGS).code == 0
    execute(keeper.database, "DELETE FROM stock_minute_prices WHERE minute_interval = 'FIVE_MINUTES'")
    with closing(own_server.connect(keeper.admin[1].name, autocommit=False)) as other:
        other.cursor().execute("UPDATE stock_minute_prices SET updated_at = NOW()")
        sees("locked", keeper.run(*FLAGS))
        other.rollback()
    assert keeper.run(*FLAGS).code == 0
    assert_true(keeper.database, kis, SYMBOLS, days(kis))


@contextmanager
def crowded(server: Server, account: Database) -> Iterator[None]:
    """Ten connections, each taken by others as often as it is free."""
    held: list[Any] = []
    stop = threading.Event()

    def take() -> None:
        while not stop.wait(0.01):
            with suppress(Exception):
                held.append(server.connect(user=account.user, password=account.password))

    others = threading.Thread(target=take)
    server.run("SET GLOBAL max_connections = 10")
    others.start()
    try:
        yield
    finally:
        stop.set()
        others.join()
        for connection in held:
            connection.close()
        server.run("SET GLOBAL max_connections = 151")


def test_a_server_without_a_free_connection(keeper: Operator, kis: Simulator) -> None:
    with crowded(*keeper.admin):
        time.sleep(1)
        sees("crowded", keeper.run(*FLAGS), most_lines=6)
    assert kis.requests == []
    completes(keeper, kis)


def test_a_connection_lost_to_a_crowd_comes_back(keeper: Operator, kis: Simulator) -> None:
    process = at_work(keeper)
    server, account = keeper.admin
    with crowded(server, account):
        sql = "SELECT id FROM information_schema.PROCESSLIST WHERE user = %s AND db IS NOT NULL"
        for (number,) in server.run(sql, account.user):
            server.run(f"KILL {number}")
        time.sleep(4)
    sees("crowded_later", ended(process))
    assert_true(keeper.database, kis, SYMBOLS, days(kis))


@pytest.mark.slow
def test_a_privilege_revoked_in_the_middle(keeper: Operator, own_server: Server, kis: Simulator) -> None:
    """Rights on the tables: a right on the whole database would hold until the session ends."""
    server, account = keeper.admin
    assert keeper.run("--symbols", "005930", "--days", "1").code == 0
    tables = [f"{account.name}.{name}" for name in ("stock_minute_prices", "stock_minute_coverage")]
    server.run(f"REVOKE ALL ON {account.name}.* FROM {account.user}@'%'")
    for table in tables:
        server.run(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {account.user}@'%'")
    keeper.moment.pace = 30
    process = at_work(keeper, 2)
    server.run(f"REVOKE INSERT ON {tables[0]} FROM {account.user}@'%'")
    sees("revoked", ended(process))
    server.run(f"GRANT INSERT ON {tables[0]} TO {account.user}@'%'")
    completes(keeper, kis)


# --- the store under the updater ---


def trading(operator: Operator, *flags: str, rounds: int = 1, **environ: str) -> "subprocess.Popen[str]":
    """An updater in the middle of its session that has done so many rounds."""
    process = operator.update("--symbols", ",".join(SYMBOLS), *flags, **environ)
    log = operator.logs / "realtime_updater.log"
    until(lambda: log.exists() and len(re.findall(r"INFO - (?:✅|⚠️) \d\d:\d\d ", operator.log(log.name))) >= rounds, 60)
    return process


def settles(operator: Operator, kis: Simulator) -> None:
    """In the evening one run makes the day equal to the authority's."""
    operator.moment.jump(EVENING)
    ran = operator.update_once("--symbols", ",".join(SYMBOLS))
    assert ran.code == 0, ran.all
    assert_true(operator.database, kis, SYMBOLS, days(kis, date(2026, 11, 13)))


@pytest.mark.slow
def test_a_store_that_dies_under_the_updater(keeper: Operator, own_server: Server, kis: Simulator) -> None:
    keeper.moment.jump(NOON)
    keeper.moment.pace = 6
    process = trading(keeper)
    own_server.kill()
    time.sleep(15)  # a minute and a half on their clock
    own_server.start()
    until(lambda: "DB 복구" in keeper.log("realtime_updater.log"), 40)
    time.sleep(2)
    now = keeper.moment.now()
    until(lambda: len(re.findall("1분봉", keeper.log("realtime_updater.log"))) >= 3, 40)
    ran = interrupt(process, signal.SIGTERM)
    sees("updater_store", ran, most_lines=60)
    assert "DB 문제 시작" in ran.err
    present(keeper.database, kis, SYMBOLS, now - timedelta(minutes=2))
    keeper.moment.pace = 1
    settles(keeper, kis)


# --- the host: processes that end ---


SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM}
EARLY = -signal.SIGTERM
"""The exit code of a command that got SIGTERM before it listened."""


def was_ended(key: str, runs: list[Ran]) -> None:
    """Each of these was at work, and ended at once as the table says."""
    for ran in runs:
        if ran.code == EARLY:
            assert ran.all == ""
        else:
            sees(key, ran)
        assert ran.seconds < 5
    assert sum(ran.code != EARLY for ran in runs) > len(runs) * 0.7


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("key", ["kill", "term"])
def test_ended_at_fifty_random_instants_of_a_backfill(operator: Operator, kis: Simulator, key: str) -> None:
    """Two lines of runs on one growing table, each ended after a random moment; then one run completes it."""
    halves = [("005930", "000660", "373220"), ("035420", "105560", "012330")]
    span = ("--from", "2026-10-05", "--workers", "1")
    assert operator.run("--symbols", "005930", "--days", "1").code == 0

    def line(symbols: tuple[str, ...], seed: int) -> list[Ran]:
        flags = ("--symbols", ",".join(symbols), *span)
        asked = lambda: sum(request.params.get("FID_INPUT_ISCD") in symbols for request in kis.requests)  # noqa: E731
        start = lambda: operator.start(*flags, KIS_RATE_LIMIT="60")  # noqa: E731
        return end_often(start, SIGNALS[key], 25, calls=asked, most=30, dice=Random(seed))

    runs = sum(together(*(lambda half=half, seed=seed: line(half, seed) for seed, half in enumerate(halves))), [])
    assert len(runs) == 50
    was_ended(key, runs)
    symbols = [*halves[0], *halves[1]]
    wanted = days(kis, date(2026, 10, 5))
    kept = whole_or_absent(operator.database, kis, symbols, wanted)
    assert 3 < len(kept) < len(symbols) * len(wanted), f"{len(kept)}: ended at work"
    ran = operator.run("--symbols", ",".join(symbols), *span[:2])
    assert ran.code == 0, ran.all
    assert_true(operator.database, kis, symbols, wanted)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("key, flags", [("kill_updater", ("--once",)), ("term_updater", ())])
def test_ended_at_twenty_random_instants_of_a_round(
    operator: Operator, kis: Simulator, key: str, flags: tuple[str, ...]
) -> None:
    operator.moment.jump(NOON)
    which = ("--symbols", ",".join(SYMBOLS))
    start = lambda: operator.update(*flags, *which, KIS_RATE_LIMIT="15")  # noqa: E731
    how = SIGNALS[key.removesuffix("_updater")]
    was_ended(key, end_often(start, how, 20, calls=kis.calls, most=5, dice=Random(5)))
    present(operator.database, kis, SYMBOLS, NOON.replace(hour=0)) if count_days(operator.database) else None
    now = operator.moment.now()
    ran = operator.update_once(*which)
    assert ran.code == 0, ran.all
    assert present(operator.database, kis, SYMBOLS, now) > 300
    settles(operator, kis)


# --- the host: disks, files, clocks, twins ---


def test_no_space_for_log_and_result(operator: Operator, kis: Simulator) -> None:
    with small_disk(operator.logs) as disk:
        fill(disk)
        ran = operator.run(*FLAGS)
        operator.output += texts_in(disk).values()
    sees("no_space", ran)
    assert ran.err.count("로그 파일에 쓰지 못했습니다") == 1
    assert_true(operator.database, kis, SYMBOLS, days(kis))


def test_no_space_for_log_and_status(operator: Operator, kis: Simulator) -> None:
    operator.moment.jump(NOON)
    with small_disk(operator.logs) as disk:
        fill(disk)
        now = operator.moment.now()
        ran = operator.update_once("--symbols", ",".join(SYMBOLS))
        operator.output += texts_in(disk).values()
    sees("no_space_updater", ran)
    assert ran.err.count("로그 파일에 쓰지 못했습니다") == 1
    present(operator.database, kis, SYMBOLS, now)


@pytest.mark.parametrize("script", ["fetch_minute_data", "realtime_updater"])
def test_a_log_folder_that_cannot_be_written_ends_it_before_anything(
    operator: Operator, kis: Simulator, script: str
) -> None:
    (operator.folder / "file").write_text("in the way")
    for folder in (operator.folder / "file", operator.folder / "file" / "logs", Path("/proc"), Path("/dev/null/logs")):
        ran = ended(operator.start("--symbols", "005930", script=script, LOG_DIR=str(folder)))
        sees("no_log_dir", ran, most_lines=1)
    assert kis.requests == []
    assert execute(operator.database, "SHOW TABLES") == []


BAD_TOKENS = [b'{"access_token": "eyJ0eXAiOiJ', b"[" * 50_000]
"""Other kinds: tests/kis/test_token.py."""


@pytest.mark.slow
def test_a_garbage_token_file_is_replaced(operator: Operator, kis: Simulator) -> None:
    file = operator.folder / "kis_rest_token.json"
    for number, content in enumerate(BAD_TOKENS, 1):
        operator.moment.jump(EVENING + timedelta(minutes=5 * number))  # KIS issues one a minute
        file.write_bytes(content)
        file.chmod(0o644)
        ran = operator.run("--symbols", "005930", "--days", "1", "--force")
        sees("bad_token_file", ran, most_lines=25)
        assert len(json.loads(file.read_text())["access_token"]) > 20
        assert file.stat().st_mode & 0o777 == 0o600
    assert_true(operator.database, kis, ["005930"], [LAST])


JUMPS = {"forward": timedelta(hours=3), "back": timedelta(hours=-3), "a day back": timedelta(days=-1)}


@pytest.mark.slow
@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
def test_a_clock_that_jumps_in_mid_run(operator: Operator, kis: Simulator, jump: timedelta) -> None:
    process = operator.spawn(
        operator.command("fetch_minute_data", *FLAGS), TEST_JUMP=f"1.5 {jump.total_seconds()}", **SLOWLY
    )
    ran = ended(process, 40)
    sees("clock_jump", ran)
    assert_true(operator.database, kis, SYMBOLS, days(kis))
    assert operator.run(*FLAGS, timeout=20).code == 0, "stamps of the other time hold nobody up"


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [90, -90])
def test_a_clock_that_is_wrong_stores_only_what_kis_has_closed(
    operator: Operator, kis: Simulator, seconds: int
) -> None:
    """The updater's clock differs from KIS's: candles are closed by KIS's clock, and the user is told."""
    operator.moment.jump(NOON)
    kis._now = lambda: operator.moment.now() - timedelta(seconds=seconds)
    for _ in range(2):
        ran = operator.update_once("--symbols", ",".join(SYMBOLS))
    sees("clock_wrong", ran)
    present(operator.database, kis, SYMBOLS, operator.moment.now() - timedelta(seconds=abs(seconds) + 90))
    newest = execute(
        operator.database, "SELECT MAX(timestamp) FROM stock_minute_prices WHERE minute_interval = 'ONE_MINUTE'"
    )
    assert newest[0][0] + timedelta(minutes=1) <= kis.now()


@pytest.mark.slow
@pytest.mark.parametrize("hours", [10.5, 29])
def test_a_clock_hours_ahead_settles_no_day_that_still_runs_at_kis(
    operator: Operator, kis: Simulator, hours: float
) -> None:
    """Dual boot, a clock in local time: what KIS has not closed, or not begun, is neither COMPLETE nor NO_TRADES."""
    kis._now = lambda: operator.moment.now() - timedelta(hours=hours)
    ran = operator.run(*FLAGS)
    sees("clock_ahead", ran)
    before = [day for day in days(kis) if day < LAST] if hours < 24 else [FIRST]
    assert whole_or_absent(operator.database, kis, SYMBOLS, days(kis)) == {(s, day) for s in SYMBOLS for day in before}
    assert execute(operator.database, "SELECT COUNT(*) FROM stock_minute_coverage") == [(len(SYMBOLS) * len(before),)]
    kis._now = operator.moment.now
    completes(operator, kis)


def test_two_backfills_at_once(operator: Operator) -> None:
    """The simulated KIS is a process of its own: beside the test it would stamp calls late, and then in a bunch."""
    far = FarSimulator("--rate", "40", "--latency-ms", "0")
    try:
        operator.kis = far.url
        for ran in together(*[lambda: operator.run(*FLAGS, KIS_RATE_LIMIT="36")] * 2):
            sees("two", ran)
        stats = requests.get(f"{far.url}/_sim/stats", timeout=10).json()
    finally:
        far.stop()
    assert stats["tokens_issued"] == 1
    assert stats["busiest_second"] <= 40 and "EGW00201" not in stats["codes"]
    truth = kis_at(operator.moment)
    assert_true(operator.database, truth, SYMBOLS, days(truth))


def test_two_updaters_at_once(operator: Operator, kis: Simulator) -> None:
    operator.moment.jump(NOON)
    first = trading(operator)
    second = ended(operator.update("--symbols", "005930"))
    sees("two_updaters", second, most_lines=2)
    assert str(first.pid) in second.err
    assert interrupt(first, signal.SIGTERM).code == 0


# --- the host: terminals ---


@pytest.mark.slow
@pytest.mark.parametrize("redirect", ["<&- >&- 2>&-", ">/dev/full"])
def test_streams_that_are_closed(operator: Operator, kis: Simulator, redirect: str) -> None:
    """Each stream alone: tests/console."""
    command = ["sh", "-c", f'exec "$@" {redirect}', "sh", *operator.command("fetch_minute_data", *FLAGS)]
    sees("no_stdin", ended(operator.spawn(command)))
    assert_true(operator.database, kis, SYMBOLS, days(kis))
    assert "✅" in operator.log()


def test_a_pipe_whose_reader_leaves(operator: Operator, kis: Simulator) -> None:
    command = [
        "sh",
        "-c",
        '( "$@"; echo "code $?" >&3 ) 3>&2 2>&1 | head -1',
        "sh",
        *operator.command("fetch_minute_data", *FLAGS),
    ]
    ran = ended(operator.spawn(command))
    assert ran.err.strip() == "code 0", ran.err
    sees("head", ran, most_lines=3)
    assert_true(operator.database, kis, SYMBOLS, days(kis))


LOCALES = {
    "C": {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "HOME": "/nonexistent"},
    "cp949": {"PYTHONIOENCODING": "cp949"},
}


@pytest.mark.slow
@pytest.mark.parametrize("environ", LOCALES.values(), ids=LOCALES)
def test_any_locale_and_console(operator: Operator, kis: Simulator, environ: dict[str, str]) -> None:
    """Other consoles: tests/console."""
    ran = operator.run("--symbols", "005930,373220", "--days", "1", **environ)
    sees("locale", ran)
    assert "UnicodeEncodeError" not in ran.all and "Logging error" not in ran.all
    assert "✅" in operator.log(), "the log is UTF-8 whatever the console is"
    operator.moment.jump(NOON)
    sees("locale", operator.update_once("--symbols", "005930", **environ))


# --- nobody in ---


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_no_secret_is_told_where_settings_are_wrong_either(operator: Operator, kis: Simulator, mariadb: Server) -> None:
    """Every test with an `operator` or a `keeper` ends with the search (`nothing_told`); here are the paths left."""
    operator.moment.pace = 8
    parts = operator.database.split("@")[-1].split("/")
    by_keys = {
        "DB_URL": "-",
        "DB_HOST": "127.0.0.1",
        "DB_PORT": parts[0].split(":")[1],
        "DB_NAME": parts[1],
        "DB_PASSWORD": PASSWORD,
        "DB_USER": operator.database.split("//")[1].split(":")[0],
    }
    flags = ("--symbols", "005930", "--days", "2")
    assert [operator.run(*flags, **by_keys).code, operator.run(*flags, "--force").code] == [0, 0], operator.output
    for flag in ("--check", "--dry-run"):
        operator.run(*flags, flag)
    wrong = [
        {"DB_URL": operator.database.replace("/minute_test", "/no_such")},
        {**by_keys, "DB_USER": "nobody"},
        {"DB_URL": f"mysql://u:{PASSWORD}@127.0.0.1:1/x"},
        {"DB_URL": f"mysql://u:{PASSWORD}"},
        {"DB_URL": f"mysqll://u:{PASSWORD}@h/x"},
        {"KIS_ENV": SECRETS["KIS_APP_KEY"], "KIS_RATE_LIMIT": SECRETS["KIS_APP_SECRET"]},
    ]
    assert {operator.run(*flags, **environ).code for environ in wrong} == {2}
    operator.run(*flags, "--force", KIS_BASE_URL="http://127.0.0.1:1")
    operator.moment.jump(NOON)
    operator.update_once("--symbols", "005930,000660")
    ended(operator.update("--status"))
    running = trading(operator)
    execute(url_of_root(mariadb, parts[1]), "RENAME TABLE stock_minute_prices TO hidden")
    time.sleep(0.5)
    interrupt(running, signal.SIGTERM)
    ended(operator.spawn([sys.executable, "kis_token.py"]))
    assert {"realtime_updater.log", "minute_data_collection.log"} <= {Path(name).name for name in operator.written()}


def test_a_secret_that_is_told_is_found(operator: Operator, kis: Simulator) -> None:
    """The search itself: it hears DEBUG lines and looks into every file and at every process."""
    kis.add_fault("http500_empty", path="past", times=1)
    ran = operator.run("--symbols", "005930", "--days", "1")
    token = next(iter(kis.tokens.known))
    assert secrets_told(operator, [token], []) == []
    assert any(" - DEBUG - " in text for text in operator.output) and " - DEBUG - " not in ran.all
    assert secrets_told(operator, [token], [f"python x.py {PASSWORD}"])
    for secret in (SECRETS["KIS_APP_SECRET"], token):
        told = operator.logs / "told.json"
        told.write_text(json.dumps({"a": secret}))
        assert secrets_told(operator, [token], [])
        told.unlink()
    operator.output.append(f"2026-11-20 21:00:00 - DEBUG - {SECRETS['KIS_ACCOUNT_CODE']}")
    assert secrets_told(operator, [], [])
    operator.output.pop()


def url_of_root(server: Server, name: str) -> str:
    return f"mysql://root@{server.host}:{server.port}/{name}"


def test_an_impostor_with_a_certificate_of_its_own_is_sent_nothing(operator: Operator, kis: Simulator) -> None:
    impostor = Impostor(operator.folder)
    environ = {"KIS_BASE_URL": impostor.url, "PYTHONHTTPSVERIFY": "0", "CURL_CA_BUNDLE": "", "REQUESTS_CA_BUNDLE": ""}
    ran = operator.run(*FLAGS, **environ)
    sees("bad_tls", ran, most_lines=12)
    operator.moment.jump(NOON)
    sees("bad_tls", operator.update_once("--symbols", "005930", **environ), most_lines=10)
    impostor.close()
    assert impostor.visits > 0 and impostor.received == b""


def test_a_symbols_file_with_sql_in_it_is_refused(operator: Operator, kis: Simulator) -> None:
    file = operator.folder / "symbols.csv"
    for line in (
        "'; DROP TABLE stock_minute_prices; --",
        "00593' OR '1'='1",
        "005930'",
        "%s%s%s",
        "１２３４５６",
        "005930\x00",
    ):
        file.write_text(f"{line}\n", encoding="utf-8")
        for script in ("fetch_minute_data", "realtime_updater"):
            sees("bad_symbols", ended(operator.start("--symbols-file", str(file), script=script)), most_lines=1)
    assert kis.requests == [] and execute(operator.database, "SHOW TABLES") == []


def test_names_in_a_symbols_file_are_only_told(operator: Operator, kis: Simulator) -> None:
    """A name is no key of anything: whatever it holds goes to the result file and nowhere else."""
    file = operator.folder / "symbols.csv"
    name = "'; DROP TABLE stock_minute_prices; -- %s {x} \x1b[31m"
    file.write_text(f"005930,{name}\n", encoding="utf-8")
    assert operator.run("--symbols-file", str(file), "--days", "1").code == 0
    assert "\x1b[31m" not in operator.run("--symbols-file", str(file), "--days", "1", "--check").out
    assert_true(operator.database, kis, ["005930"], [LAST])


def product_sources() -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in sources()}


FORBIDDEN = (
    r"shell\s*=\s*True|os\.system|os\.popen|\bsubprocess\b|(?<![\w.])eval\(|(?<![\w.])exec\("
    r"|verify\s*=|CERT_NONE|pickle|marshal\.|yaml\.load|__import__"
)


def test_no_shell_no_eval_no_unverified_tls() -> None:
    found = {(name, hit) for name, text in product_sources().items() for hit in re.findall(FORBIDDEN, text)}
    assert found == {("minute_candles/forecast/background.py", "subprocess")}  # our own script, without a shell


def test_sql_text_is_never_formatted_with_values() -> None:
    """Values are parameters; only names of tables and columns stand in a statement (minute_candles/storage)."""
    for name, text in product_sources().items():
        assert not re.search(r"(execute|run)\([^)]*(\.format\(|\" %)", text), name
        if not name.startswith("minute_candles/storage/"):
            assert not re.search(r"\.execute\([^)]|cmd_query\(", text), name
