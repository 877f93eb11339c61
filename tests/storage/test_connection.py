"""The connection: wrong settings are one clear line, a lost server is waited for, a write is whole or not at all."""

import logging
import re
import threading
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import replace

import mysql.connector
import pytest
from backfill_tools import insert, until, url_of
from servers import free_port
from store_testing import COUNTS, DAY, NOW, SESSION, SYMBOL, at_once, full_day, identities, is_whole, put, ready, stored

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, Stopped, StoreError, StoreLost
from minute_candles.storage import mysql as mysql_driver
from minute_candles.storage.store import open_store

PASSWORD = "p@ss'w\"ö:/rd%\\"


def during(store, statement, disturb) -> None:
    """Call `disturb` once, right after the store's first statement that begins so."""
    driver, done = store._connection._driver, []
    run = driver.run

    def disturbed(sql, *params):
        answer = run(sql, *params)
        if sql.startswith(statement) and not done:
            done.append(True)
            disturb()
        return answer

    driver.run = disturbed


def refusal(database) -> str:
    began = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        open_store(database, Clock())
    assert time.monotonic() - began < 5 and caught.value.__suppress_context__
    assert "\n" not in str(caught.value) and PASSWORD not in str(caught.value)
    return str(caught.value)


def test_a_setting_that_leads_nowhere_is_named_in_one_line(server, database, tmp_path) -> None:
    assert re.search("DB_HOST.*DB_PORT", refusal(replace(database, port=free_port())))
    assert "DB_HOST" in refusal(replace(database, host="no-such-host.invalid"))
    assert "DB_NAME" in refusal(replace(database, name="no_such_database"))
    (tmp_path / "text.db").write_text("not a database\n" * 100)
    for path in (tmp_path / "text.db", tmp_path / "text.db" / "below" / "x.db"):
        assert "DB_URL" in refusal(Database(kind="sqlite", path=path))
    with server.account(database, "ALL", PASSWORD) as account:
        ready(account).close()  # the password's characters are fine
        line = refusal(replace(account, name="mysql"))
        assert "DB_NAME" in line and "CREATE USER" in line and "GRANT" in line


def test_a_wrong_password_or_user(database) -> None:
    for wrong in (replace(database, password=PASSWORD), replace(database, user="nobody", password=PASSWORD)):
        line = refusal(wrong)
        assert "DB_USER" in line and "DB_PASSWORD" in line
        assert re.search(rf"'{wrong.user}'@'[\w.]+'", line) and "''@'localhost'" in line


@pytest.mark.slow
def test_a_password_that_may_travel_encrypted_only(mysql) -> None:
    """A first login by caching_sha2_password without TLS is refused with 2061; host and password are right (#26)."""
    database = mysql.fresh()
    mysql.restart("--tls-version=")
    try:
        with mysql.account(database, "ALL") as account:
            assert re.search("TLS.*2061|2061.*TLS", refusal(account))
    finally:
        mysql.restart()
        mysql.drop(database)


def test_the_session_is_strict_korean_and_reads_what_is_committed(store) -> None:
    variables = "@@time_zone, @@autocommit, @@character_set_client, @@innodb_lock_wait_timeout, @@sql_mode"
    [row] = store._read(f"SELECT {variables}")
    assert row[:4] == ("+09:00", 0, "utf8mb4", mysql_driver.LOCK_SECONDS) and "STRICT_ALL_TABLES" in row[4]


def test_the_row_alias_is_written_to_mysql_alone() -> None:
    versions = ("8.0.20", "9.7.4-2", "8.0.19", "11.4.2-MariaDB", "8.0.11-TiDB-v8.5.0", "8.0.30-Vitess")
    assert [*map(mysql_driver._mysql_dialect, versions)] == ["alias"] * 2 + ["values"] * 4


SLOW = [pytest.param(how, marks=pytest.mark.slow) for how in ("restart", "crash")]


@pytest.mark.parametrize("how", ["kill", *SLOW])
@pytest.mark.parametrize("statement", ["SELECT minute_interval, timestamp", "INSERT INTO stock_minute_prices"])
def test_a_connection_lost_in_the_middle_of_a_transaction(own_server, store, statement, how, caplog) -> None:
    caplog.set_level(logging.INFO, "minute_candles")
    put(store, seed=1)
    [[number]] = store._read("SELECT CONNECTION_ID()")
    lose = lambda: own_server.run(f"KILL {number}") if how == "kill" else own_server.restart(crash=how == "crash")  # noqa: E731
    during(store, statement, lose)
    assert put(store, seed=2) == COUNTS and is_whole(store, 2)
    assert [line for line in caplog.messages if "재연결" in line] == ["✅ 데이터베이스 재연결 성공"]


def test_a_write_that_was_cut_off_leaves_the_old_day_whole_and_patience_is_shared(own_server, store) -> None:
    put(store, seed=1)
    store._connection._patience = 1
    during(store, "INSERT INTO stock_minute_coverage", own_server.kill)
    began = time.monotonic()

    def work() -> None:
        with pytest.raises(StoreLost) as caught:
            put(store, seed=2)
        assert "\n" not in str(caught.value)

    at_once(*[work] * 6)
    own_server.start()
    assert time.monotonic() - began < 20 and is_whole(store, 1)


def test_a_stop_gets_through_while_a_lost_server_is_waited_for(own_server, store, clock) -> None:
    own_server.kill()

    def work() -> None:
        with pytest.raises(Stopped):
            put(store)

    threading.Timer(1, clock.stop.set).start()
    began = time.monotonic()
    at_once(*[work] * 4)
    assert time.monotonic() - began < 2
    own_server.start()
    clock.stop.clear()
    put(store)
    assert is_whole(store, 1)


@pytest.mark.parametrize("is_released", [True, False])
def test_a_lock_that_somebody_holds(monkeypatch, server, store, database, is_released) -> None:
    """It is waited for; one that is never given back is one clear line, and the old day stays whole."""
    monkeypatch.setattr(mysql_driver, "LOCK_SECONDS", 1)
    put(store)
    store._connection._driver.drop()
    store._connection._patience = 60 if is_released else 1.5
    with closing(server.connect(database.name, autocommit=False)) as other:
        cursor = other.cursor()
        cursor.execute("SELECT COUNT(*) FROM stock_minute_prices FOR UPDATE")
        cursor.fetchall()
        if is_released:
            threading.Timer(1.5, other.rollback).start()
            put(store, seed=2)
        else:
            with pytest.raises(StoreError, match="잠그고") as caught:
                put(store, seed=2)
            assert not isinstance(caught.value, StoreLost) and "\n" not in str(caught.value)
    assert is_whole(store, 2 if is_released else 1)


FATAL = [(1021, "가득"), (1114, "가득"), (1290, "읽기 전용"), (1836, "읽기 전용"), (1142, "권한"), (1644, "거부")]
REFUSE = "CREATE TRIGGER refuse BEFORE INSERT ON stock_minute_coverage FOR EACH ROW"
SIGNAL = "SIGNAL SQLSTATE '{}' SET MYSQL_ERRNO = {}, MESSAGE_TEXT = 'WSREP\n of two lines'"


def test_what_repeating_cannot_help_is_one_clear_line_and_leaves_the_old_day_whole(server, store, database):
    put(store)
    store._connection._patience = 0.3
    for number, word in FATAL:
        server.run("DROP TRIGGER IF EXISTS refuse", database=database.name)
        server.run(f"{REFUSE} {SIGNAL.format('HY000', number)}", database=database.name)
        with pytest.raises(StoreError, match=word) as caught:
            put(store, seed=2)
        assert "\n" not in str(caught.value) and str(number) in str(caught.value) and is_whole(store, 1)


@pytest.mark.parametrize("number", [1213, 1205, 1047, 1180, 3101, 1142])
def test_what_passes_is_repeated_or_waited_out(server, store, database, number) -> None:
    """Deadlock, lock timeout, a node without its cluster, certifications that another node won, rights taken away."""
    put(store, seed=2)
    run = lambda sql: server.run(sql, database=database.name)  # noqa: E731
    run("CREATE TABLE luck (n INT)")
    run(f"{REFUSE} BEGIN IF (SELECT COUNT(*) FROM luck) = 0 THEN {SIGNAL.format('40001', number)}; END IF; END")
    threading.Timer(0.3, run, ("INSERT INTO luck VALUES (1)",)).start()
    put(store)
    assert is_whole(store, 1)


@pytest.mark.slow
def test_too_many_connections_is_one_clear_line(own_server, database) -> None:
    with own_server.account(database, "ALL") as account, closing(own_server.connect()) as boss, ExitStack() as crowd:
        login = {"user": account.user, "password": account.password}
        connect = lambda: crowd.enter_context(closing(own_server.connect(account.name, **login)))  # noqa: E731
        limit = boss.cursor()
        limit.execute("SET GLOBAL max_connections = 10")

        def is_taken() -> bool:
            with suppress(mysql.connector.Error):
                return bool(connect())
            return False

        with pytest.raises(mysql.connector.Error):
            for _ in range(20):
                last = connect()
        threading.Timer(1, last.close).start()
        open_store(account, Clock()).close()
        until(is_taken)  # the server frees a closed connection in its own time
        with pytest.raises(StoreError, match="연결 수"):
            open_store(account, Clock())
        limit.execute("SET GLOBAL max_connections = 151")


def test_rows_that_do_not_become_what_was_wanted_are_not_committed(server, store, database) -> None:
    put(store)
    elsewhere = "FOR EACH ROW SET NEW.timestamp = NEW.timestamp + INTERVAL 1 DAY"
    server.run(f"CREATE TRIGGER elsewhere BEFORE INSERT ON stock_minute_prices {elsewhere}", database=database.name)
    with pytest.raises(StoreError, match="저장했는데"):
        store.rewrite("000660", SESSION, lambda _: full_day(), now=NOW, status="COMPLETE")
    assert store.coverage(["000660"], DAY, DAY) == {} and len(identities(store)) == 485


def test_a_row_inserted_meanwhile_is_met_when_the_transaction_is_repeated(store, database) -> None:
    found, url = [], url_of(database)
    during(store, "INSERT INTO stock_minute_prices", lambda: insert(url, SYMBOL, "2025-08-26 15:25:00"))
    store.rewrite(SYMBOL, SESSION, lambda now: [found.append(now), full_day()][1], now=NOW, status="COMPLETE")
    assert [len(now[1]) for now in found] == [0, 1] and is_whole(store, 1)


def test_two_processes_that_merge_into_one_day_lose_nothing(database) -> None:
    """Each adds its minutes one by one and recomputes the window above them: no minute and no volume may be lost."""
    ready(database).close()
    ones = full_day()[1][:15]

    def add(number, now):
        merged = sorted([*now[1], ones[number]._replace(vwap=None)], key=lambda c: c.timestamp)
        volume = sum(c.volume for c in merged)
        return {1: merged, 5: [], 15: [merged[0]._replace(timestamp=ones[0].timestamp, volume=volume)]}

    def work(first) -> None:
        with closing(open_store(database, Clock(), patience=60)) as store:
            for number in range(first, 15, 3):
                store.rewrite(SYMBOL, SESSION, lambda now, n=number: add(n, now), now=NOW)

    at_once(*[lambda first=first: work(first) for first in range(3)])
    with closing(open_store(database, Clock())) as store:
        found = stored(store)
    assert [c.timestamp for c in found[1]] == [c.timestamp for c in ones]
    assert found[15][0].volume == sum(c.volume for c in ones)
