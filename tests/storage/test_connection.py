"""The connection: wrong settings are one clear line, a lost server is waited for, a write is whole or not at all."""

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import mysql.connector
import pytest
from backfill_tools import until
from servers import Server, free_port
from store_testing import (
    DAY,
    HIBERNATE_DDL,
    LATER,
    NAMES,
    NOW,
    SESSION,
    SYMBOL,
    at_once,
    full_day,
    identities,
    ready,
    stored,
)

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, Stopped, StoreError, StoreLost
from minute_candles.market.candles import Candles
from minute_candles.storage import mysql as mysql_driver
from minute_candles.storage.store import Store, open_store

PASSWORD = "p@ss'w\"ö:/rd%\\"


def put(store: Store, seed: int = 1, now: datetime = NOW) -> tuple[int, int, int]:
    return store.rewrite(SYMBOL, SESSION, lambda _: full_day(seed=seed), now=now, status="COMPLETE")


def is_whole(store: Store, seed: int) -> bool:
    """The day equals the truth, and its coverage row tells so."""
    covered = store.coverage([SYMBOL], DAY, DAY)[SYMBOL, DAY]
    return stored(store) == full_day(seed=seed) and covered.counts == (381, 77, 27)


def during(store: Store, statement: str, disturb: Callable[[], object]) -> None:
    """Call `disturb` once, right after the store's first statement that begins so."""
    driver: Any = store._connection._driver
    run, done = driver.run, []

    def disturbed(sql: str, *params: Any) -> Any:
        answer = run(sql, *params)
        if sql.startswith(statement) and not done:
            done.append(True)
            disturb()
        return answer

    driver.run = disturbed


def refusal(database: Database) -> str:
    began = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        open_store(database, Clock())
    assert time.monotonic() - began < 5
    line = str(caught.value)
    assert "\n" not in line and PASSWORD not in line
    assert caught.value.__suppress_context__
    return line


def test_a_server_that_is_down(database: Database) -> None:
    line = refusal(replace(database, port=free_port()))
    assert "DB_HOST" in line and "DB_PORT" in line


def test_a_host_that_does_not_exist(database: Database) -> None:
    assert "DB_HOST" in refusal(replace(database, host="no-such-host.invalid"))


def test_a_wrong_password_or_user(database: Database) -> None:
    for wrong in (replace(database, password=PASSWORD), replace(database, user="nobody", password=PASSWORD)):
        line = refusal(wrong)
        assert "DB_USER" in line and "DB_PASSWORD" in line
        assert re.search(rf"'{wrong.user}'@'[\w.]+'", line) and "''@'localhost'" in line


@pytest.mark.slow
def test_a_password_that_may_travel_encrypted_only(mysql: Server) -> None:
    """A first login by caching_sha2_password without TLS is refused with 2061; host and password are right (#26)."""
    database = mysql.fresh()
    mysql.restart("--tls-version=")
    try:
        with mysql.account(database, "ALL") as account:
            line = refusal(account)
        assert "TLS" in line and "2061" in line
    finally:
        mysql.restart()
        mysql.drop(database)


def test_a_database_that_does_not_exist_or_is_not_ours(server: Server, database: Database) -> None:
    assert "DB_NAME" in refusal(replace(database, name="no_such_database"))
    with server.account(database, "ALL") as account:
        line = refusal(replace(account, name="mysql"))
        assert "DB_NAME" in line and "CREATE USER" in line and "GRANT" in line


def test_a_password_with_special_characters(server: Server, database: Database) -> None:
    with server.account(database, "ALL", PASSWORD) as account:
        ready(account).close()


def test_something_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database\n" * 100)
    assert "DB_URL" in refusal(Database(kind="sqlite", path=tmp_path / "text.db"))
    assert "DB_URL" in refusal(Database(kind="sqlite", path=tmp_path / "text.db" / "below" / "x.db"))


def test_the_session_is_strict_korean_and_reads_what_is_committed(store: Store) -> None:
    variables = "@@time_zone, @@autocommit, @@character_set_client, @@innodb_lock_wait_timeout, @@sql_mode"
    [row] = store._read(f"SELECT {variables}")
    assert row[:4] == ("+09:00", 0, "utf8mb4", mysql_driver.LOCK_SECONDS)
    assert "STRICT_ALL_TABLES" in row[4]


VERSIONS = {
    "8.0.20": "alias", "9.7.4-2": "alias", "8.0.19": "values", "11.4.2-MariaDB": "values",
    "8.0.11-TiDB-v8.5.0": "values", "8.0.30-Vitess": "values",
}  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_the_row_alias_is_written_to_mysql_alone(version: str) -> None:
    assert mysql_driver._mysql_dialect(version) == VERSIONS[version]


def test_without_the_c_extension_the_reason_is_told(database, monkeypatch, caplog) -> None:
    monkeypatch.setattr(mysql.connector, "HAVE_CEXT", False)
    open_store(database, Clock()).close()
    assert any("C 확장" in line for line in caplog.messages)


@pytest.mark.slow
@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("statement", ["SELECT minute_interval, timestamp", "INSERT INTO stock_minute_prices"])
def test_the_server_restarts_in_the_middle_of_a_transaction(own_server, store, statement, crash, caplog) -> None:
    caplog.set_level(logging.INFO, "minute_candles")
    put(store, seed=1)
    during(store, statement, lambda: own_server.restart(crash=crash))
    assert put(store, seed=2) == (381, 77, 27)
    assert is_whole(store, 2)
    assert [line for line in caplog.messages if "재연결" in line] == ["✅ 데이터베이스 재연결 성공"]


def test_a_write_that_was_cut_off_leaves_the_old_day_whole(own_server: Server, store: Store) -> None:
    put(store, seed=1)
    store._connection._patience = 0.5
    during(store, "INSERT INTO stock_minute_coverage", own_server.kill)
    with pytest.raises(StoreLost) as caught:
        put(store, seed=2)
    assert "\n" not in str(caught.value)
    own_server.start()
    assert is_whole(store, 1)


@pytest.mark.parametrize("statement", ["", "INSERT INTO stock_minute_prices"])
def test_a_killed_connection(server: Server, store: Store, statement: str) -> None:
    [[number]] = store._read("SELECT CONNECTION_ID()")
    if statement:
        during(store, statement, lambda: server.run(f"KILL {number}"))
    else:
        server.run(f"KILL {number}")
    put(store, seed=2)
    assert is_whole(store, 2)


def test_a_stop_gets_through_while_a_lost_server_is_waited_for(own_server: Server, store: Store, clock: Clock) -> None:
    own_server.kill()
    stopped: list[float] = []

    def work() -> None:
        with pytest.raises(Stopped):
            put(store)
        stopped.append(time.monotonic())

    threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    asked = time.monotonic()
    clock.stop.set()
    for thread in threads:
        thread.join()
    own_server.start()
    clock.stop.clear()
    assert max(stopped) - asked < 1
    put(store)
    assert is_whole(store, 1)


def test_patience_is_shared_by_all_threads(own_server: Server, store: Store) -> None:
    own_server.kill()
    store._connection._patience = 1
    began, lost = time.monotonic(), []

    def work() -> None:
        with pytest.raises(StoreLost):
            put(store)
        lost.append(True)

    at_once(*[work] * 6)
    own_server.start()
    assert len(lost) == 6 and time.monotonic() - began < 20
    put(store)
    assert is_whole(store, 1)


@pytest.fixture
def short_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mysql_driver, "LOCK_SECONDS", 1)


@contextmanager
def locked(server: Server, store: Store, database: Database) -> Iterator[Any]:
    """A stored day whose rows another connection has locked."""
    put(store)
    store._connection._driver.drop()
    with closing(server.connect(database.name, autocommit=False)) as other:
        cursor = other.cursor()
        cursor.execute("SELECT COUNT(*) FROM stock_minute_prices FOR UPDATE")
        cursor.fetchall()
        yield other


def test_a_lock_that_somebody_holds_is_waited_for(short_locks, server, store, database) -> None:
    with locked(server, store, database) as other:
        release = threading.Timer(1.5, other.rollback)
        release.start()
        put(store, seed=2)
        release.join()
    assert is_whole(store, 2)


def test_a_lock_that_is_never_given_back_is_one_clear_line(short_locks, server, store, database) -> None:
    store._connection._patience = 1.5
    with locked(server, store, database), pytest.raises(StoreError, match="잠그고") as caught:
        put(store, seed=2)
    assert not isinstance(caught.value, StoreLost) and "\n" not in str(caught.value)
    assert is_whole(store, 1)


FATAL = [(1021, "가득"), (1114, "가득"), (1290, "읽기 전용"), (1836, "읽기 전용"), (1142, "권한"), (1644, "거부")]


@pytest.mark.parametrize(("number", "word"), FATAL)
def test_what_repeating_cannot_help_is_one_clear_line_and_leaves_the_old_day_whole(
    server, store, database, number, word
):
    put(store)
    store._connection._patience = 0.3
    refuse = f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'as\n told'"
    server.run(
        f"CREATE TRIGGER refuse BEFORE INSERT ON stock_minute_coverage FOR EACH ROW {refuse}", database=database.name
    )
    with pytest.raises(StoreError, match=word) as caught:
        put(store, seed=2)
    assert "\n" not in str(caught.value) and str(number) in str(caught.value)
    assert is_whole(store, 1)


@pytest.mark.parametrize("number", [1213, 1205, 1047, 1180, 3101])
def test_what_passes_is_repeated_or_waited_out(server: Server, store: Store, database: Database, number: int) -> None:
    """A deadlock, a lock timeout, a node that left its cluster, certifications that another node won."""
    put(store, seed=2)
    refuse = f"SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'WSREP'"
    server.run("CREATE TABLE luck (n INT)", database=database.name)
    server.run(
        "CREATE TRIGGER refuse BEFORE INSERT ON stock_minute_coverage FOR EACH ROW"
        f" BEGIN IF (SELECT COUNT(*) FROM luck) = 0 THEN {refuse}; END IF; END",
        database=database.name,
    )
    threading.Timer(0.3, lambda: server.run("INSERT INTO luck VALUES (1)", database=database.name)).start()
    put(store)
    assert is_whole(store, 1)


def roomy(server: Server) -> bool:
    """Whether all may connect again: the administrator's own connection, too, has to find a place."""
    with suppress(mysql.connector.Error):
        server.run("SET GLOBAL max_connections = 151")
        return True
    return False


def test_too_many_connections_is_one_clear_line(own_server: Server, database: Database) -> None:
    with own_server.account(database, "ALL") as account:
        own_server.run("SET GLOBAL max_connections = 10")
        crowd = []
        try:
            with pytest.raises(mysql.connector.Error):
                for _ in range(20):
                    crowd.append(own_server.connect(account.name, user=account.user, password=account.password))
            threading.Timer(1, crowd.pop().close).start()
            open_store(account, Clock()).close()
            crowd.append(own_server.connect(account.name, user=account.user, password=account.password))
            with pytest.raises(StoreError, match="연결 수"):
                open_store(account, Clock())
        finally:
            for connection in crowd:
                connection.close()
            until(lambda: roomy(own_server))


def test_rows_that_do_not_become_what_was_wanted_are_not_committed(server, store, database) -> None:
    put(store)
    server.run(
        "CREATE TRIGGER elsewhere BEFORE INSERT ON stock_minute_prices FOR EACH ROW"
        " SET NEW.timestamp = NEW.timestamp + INTERVAL 1 DAY",
        database=database.name,
    )
    with pytest.raises(StoreError, match="저장했는데"):
        store.rewrite("000660", SESSION, lambda _: full_day(), now=NOW, status="COMPLETE")
    assert store.coverage(["000660"], DAY, DAY) == {} and len(identities(store)) == 485


UPSERT = (
    "INSERT INTO stock_minute_prices (stock_symbol, minute_interval, timestamp, open_price, high_price, low_price,"
    " close_price, volume, created_at, updated_at) VALUES (%s, %s, %s, 1, 1, 1, 1, 1, NOW(6), NOW(6))"
    " ON DUPLICATE KEY UPDATE open_price = 1, high_price = 1, low_price = 1, close_price = 1, volume = volume + 1"
)


@pytest.mark.slow
def test_another_writer_on_the_same_rows_neither_corrupts_a_day_nor_is_felt(server: Server, database: Database) -> None:
    """A backend upserts running minutes of the same day in transactions of three rows in any order."""
    server.run(HIBERNATE_DDL, database=database.name)
    ended, commits, dice = threading.Event(), [], random.Random(7)

    def hammer() -> None:
        with closing(server.connect(database.name, autocommit=False)) as connection:
            cursor = connection.cursor()
            while not ended.is_set():
                try:
                    for _ in range(3):
                        when = datetime(2025, 8, 26, 9) + timedelta(minutes=dice.randrange(0, 400))
                        cursor.execute(UPSERT, (SYMBOL, NAMES[dice.choice([1, 5, 15])], when))
                    connection.commit()
                    commits.append(True)
                except mysql.connector.Error:  # a deadlock
                    connection.rollback()

    thread = threading.Thread(target=hammer, daemon=True)
    thread.start()
    store, longest = ready(database), 0.0
    for seed in range(20):
        began = time.monotonic()
        assert put(store, seed=seed % 2) == (381, 77, 27)
        longest = max(longest, time.monotonic() - began)
    ended.set()
    thread.join()
    put(store, seed=5, now=LATER)
    assert is_whole(store, 5) and len(commits) > 10 and longest < 5
    store.close()


def test_a_row_that_somebody_inserts_meanwhile_is_seen_when_the_transaction_is_repeated(server, store, database):
    def backend_inserts() -> None:
        server.run(UPSERT, SYMBOL, NAMES[1], datetime(2025, 8, 26, 15, 25), database=database.name)

    seen: list[Candles] = []
    during(store, "INSERT INTO stock_minute_prices", backend_inserts)
    store.rewrite(SYMBOL, SESSION, lambda now: [seen.append(now), full_day()][1], now=NOW, status="COMPLETE")
    assert [len(now[1]) for now in seen] == [0, 1]
    assert is_whole(store, 1)


def test_two_processes_that_merge_into_one_day_lose_nothing(server: Server, database: Database) -> None:
    """Each adds its minutes one by one and recomputes the window above them: no minute and no volume may be lost."""
    open_store(database, Clock()).preflight()
    ones = full_day()[1][:15]

    def add(store: Store, number: int) -> None:
        def change(now: Candles) -> Candles:
            merged = sorted([*now[1], ones[number]._replace(vwap=None)], key=lambda c: c.timestamp)
            volume = sum(c.volume for c in merged)
            return {1: merged, 5: [], 15: [merged[0]._replace(timestamp=ones[0].timestamp, volume=volume)]}

        store.rewrite(SYMBOL, SESSION, change, now=NOW)

    def work(first: int) -> None:
        store = open_store(database, Clock(), patience=60)
        for number in range(first, 15, 3):
            add(store, number)
        store.close()

    at_once(*[lambda first=first: work(first) for first in range(3)])
    store = open_store(database, Clock())
    found = stored(store)
    assert [c.timestamp for c in found[1]] == [c.timestamp for c in ones]
    assert found[15][0].volume == sum(c.volume for c in ones)
    store.close()
