"""The tables found in the field: each with its outcome, decided before the first call to KIS."""

from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from itertools import combinations
from typing import Any

import pytest
from servers import Server
from store_testing import (
    CALENDAR,
    DAY,
    HIBERNATE_DDL,
    LATER,
    NOW,
    README_DDL,
    SESSION,
    SYMBOL,
    at_once,
    full_day,
    identities,
    partition_sql,
    stored,
)

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, Stopped, StoreError
from minute_candles.storage.ddl import COVERAGE_DDL, ID_KEY_NAME, KEY_NAME
from minute_candles.storage.store import Store, open_store

KEY_COLUMNS = ["stock_symbol", "minute_interval", "timestamp"]
FIRST_LINES = ["✅ stock_minute_prices 테이블을 만들었습니다.", "✅ stock_minute_coverage 테이블을 만들었습니다."]
STANDS = "✅ stock_minute_prices 테이블이 존재합니다."


def insert(server: Server, database: Database, *whens: str, price: str = "70000", columns: str = "") -> None:
    extra, now = (", created_at", ", NOW()") if columns else ("", "")
    values = [f"('005930', 'ONE_MINUTE', '{when}', {price}, 71000, 69000, 70500, 10{now})" for when in whens]
    names = "stock_symbol, minute_interval, timestamp, open_price, high_price, low_price, close_price, volume"
    server.run(f"INSERT INTO stock_minute_prices ({names}{extra}) VALUES {', '.join(values)}", database=database.name)


def unique_keys(server: Server, database: Database) -> dict[str, list[str]]:
    keys: dict[str, list[str]] = {}
    for row in server.run("SHOW INDEX FROM stock_minute_prices WHERE Non_unique = 0", database=database.name):
        keys.setdefault(row[2], []).append(row[4])
    return keys


def prepared(database: Database, **how: bool) -> tuple[Store, list[str]]:
    store = open_store(database, Clock(), patience=60)
    try:
        return store, store.preflight(**how)
    except BaseException:
        store.close()
        raise


def complaint(database: Database, **how: bool) -> str:
    with pytest.raises(ConfigError) as caught:
        prepared(database, **how)
    line = str(caught.value)
    assert "\n" not in line
    return line


def store_a_day_twice(store: Store) -> None:
    """The day equals what was wanted, and the second time nothing moves."""
    for now in (NOW, LATER):
        before = identities(store)
        store.rewrite(SYMBOL, SESSION, lambda _: full_day(), now=now, status="COMPLETE")
    assert identities(store) == before
    store.close()


def test_no_table_both_are_made_and_the_second_time_only_greeted(any_database: Database) -> None:
    store, lines = prepared(any_database)
    assert lines == FIRST_LINES
    assert store.preflight() == [STANDS]
    store_a_day_twice(store)


def test_our_table_is_the_readmes_with_the_key_and_the_optional_columns(server: Server, database: Database) -> None:
    prepared(database)[0].close()
    columns = [row[0] for row in server.run("SHOW COLUMNS FROM stock_minute_prices", database=database.name)]
    assert columns == [
        "id", "stock_symbol", "timestamp", "minute_interval", "open_price", "high_price", "low_price", "close_price",
        "volume", "price_change", "price_change_percent", "vwap", "tick_count", "created_at", "updated_at",
    ]  # fmt: skip
    assert unique_keys(server, database) == {"PRIMARY": KEY_COLUMNS, ID_KEY_NAME: ["id"]}


def test_a_database_with_an_old_character_set_still_keeps_korean_notes(server: Server, database: Database) -> None:
    server.run(f"ALTER DATABASE {database.name} CHARACTER SET latin1")
    store, _ = prepared(database)
    store.rewrite(SYMBOL, SESSION, lambda _: {}, now=NOW, status="NO_TRADES", note="거래 없음")
    assert store.coverage([SYMBOL], DAY, DAY)[SYMBOL, DAY].note == "거래 없음"
    store.close()


@pytest.mark.parametrize("filled", [False, True])
def test_the_readmes_table_gets_its_key(server: Server, database: Database, filled: bool) -> None:
    server.run(README_DDL, database=database.name)
    if filled:
        insert(server, database, "2025-08-26 09:00:00", "2025-08-26 09:01:00", "2025-08-25 09:00:00")
    before = server.run("SELECT * FROM stock_minute_prices", database=database.name)
    store, lines = prepared(database)
    assert lines[:2] == [STANDS, f"✅ 고유 키를 추가했습니다: {KEY_NAME} (stock_symbol, minute_interval, timestamp)"]
    assert unique_keys(server, database)[KEY_NAME] == KEY_COLUMNS
    assert server.run("SELECT * FROM stock_minute_prices", database=database.name) == before
    store_a_day_twice(store)


def test_the_readmes_table_with_duplicates_stops_says_how_many_and_names_dedupe(
    server: Server, database: Database
) -> None:
    server.run(README_DDL, database=database.name)
    insert(server, database, *["2025-08-26 09:00:00"] * 3, *["2025-08-26 09:01:00"] * 2, "2025-08-26 09:02:00")
    line = complaint(database)
    assert "3건" in line and "--dedupe" in line
    reading = open_store(database, Clock())
    said = reading.preflight(read_only=True)[-1]  # --check and --dry-run promise no more than collecting would do
    assert "3건" in said and "--dedupe" in said and "추가됩니다" not in said
    assert "지울 행 3건" in reading.preflight(read_only=True, dedupe=True)[-1]
    reading.close()
    assert server.run("SELECT COUNT(*) FROM stock_minute_prices", database=database.name) == [(6,)]
    assert KEY_NAME not in unique_keys(server, database)


def test_dedupe_keeps_the_newest_row_of_each_and_adds_the_key(server: Server, database: Database) -> None:
    server.run(README_DDL, database=database.name)
    for price in ("1000", "2000", "3000"):
        insert(server, database, "2025-08-26 09:00:00", price=price)
    insert(server, database, "2025-08-26 09:01:00", "2025-08-26 09:01:00", "2025-08-26 09:02:00")
    store, lines = prepared(database, dedupe=True)
    assert lines[1] == "✅ 중복된 행 3건을 지웠습니다."
    found = server.run("SELECT id, open_price FROM stock_minute_prices ORDER BY id", database=database.name)
    assert [(number, int(price)) for number, price in found] == [(3, 3000), (5, 70000), (6, 70000)]
    assert unique_keys(server, database)[KEY_NAME] == KEY_COLUMNS
    assert store.preflight(dedupe=True)[-1] == "✅ 고유 키가 있어 중복된 행이 없습니다."
    store_a_day_twice(store)


def test_dedupe_may_be_interrupted_and_repeated(
    server: Server, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minute_candles.storage.duplicates._BATCH", 10)
    server.run(README_DDL, database=database.name)
    insert(server, database, *(f"2025-08-26 09:{minute:02d}:00" for minute in [*range(30), *range(30)]))
    clock = Clock()
    store = open_store(database, clock)
    run, deletes = store._connection._driver.run, []

    def counting(sql: str, *params: Any) -> Any:
        deletes.append(sql) if sql.startswith("DELETE FROM stock_minute_prices WHERE id") else None
        clock.stop.set() if len(deletes) == 2 else None
        return run(sql, *params)

    monkeypatch.setattr(store._connection._driver, "run", counting)
    with pytest.raises(Stopped):
        store.preflight(dedupe=True)
    store.close()
    assert server.run("SELECT COUNT(*) FROM stock_minute_prices", database=database.name) == [(40,)]
    prepared(database, dedupe=True)[0].close()
    found = server.run("SELECT id FROM stock_minute_prices ORDER BY id", database=database.name)
    assert [row[0] for row in found] == list(range(31, 61))


def test_hibernates_table_is_used_as_it_is(server: Server, database: Database) -> None:
    server.run(HIBERNATE_DDL, database=database.name)
    insert(server, database, "2025-08-26 09:00:00", columns="created_at")
    store, lines = prepared(database)
    assert lines == [STANDS, FIRST_LINES[1]]
    assert set(unique_keys(server, database)) == {"PRIMARY", "UKq1w2"}
    store.rewrite(SYMBOL, SESSION, lambda _: full_day(), now=NOW)
    assert stored(store) == full_day()
    first = server.run(
        "SELECT id, price_change, tick_count, timestamp, created_at IS NULL FROM stock_minute_prices WHERE id = 1",
        database=database.name,
    )
    assert [(row[0], int(row[1]), row[2], str(row[3]), row[4]) for row in first] == [
        (1, 100, None, "2025-08-26 09:00:00", 0)
    ]
    store_a_day_twice(store)


ORDERS = ["timestamp, stock_symbol, minute_interval", "minute_interval, timestamp, stock_symbol"]


@pytest.mark.parametrize("order", ORDERS)
def test_a_key_of_another_name_and_order_will_do(server: Server, database: Database, order: str) -> None:
    server.run(README_DDL, database=database.name)
    server.run(f"ALTER TABLE stock_minute_prices ADD UNIQUE KEY `their-key` ({order})", database=database.name)
    store, lines = prepared(database)
    assert lines == [STANDS, FIRST_LINES[1]]
    assert store.counts([SYMBOL], [SESSION]) == {}
    store_a_day_twice(store)


def test_the_three_columns_may_be_the_primary_key(server: Server, database: Database) -> None:
    server.run(README_DDL, database=database.name)
    server.run(
        f"ALTER TABLE stock_minute_prices DROP COLUMN id, ADD PRIMARY KEY ({', '.join(KEY_COLUMNS)})",
        database=database.name,
    )
    store, _ = prepared(database)
    store.rewrite(SYMBOL, SESSION, lambda _: full_day(), now=NOW)
    assert store.counts([SYMBOL], [SESSION]) == {(SYMBOL, DAY): (381, 77, 27)}
    store.close()


@pytest.mark.parametrize("column", ["note VARCHAR(9)", "source VARCHAR(9) NOT NULL DEFAULT 'x'"])
def test_columns_that_we_do_not_know_are_left_alone(server: Server, database: Database, column: str) -> None:
    server.run(HIBERNATE_DDL, database=database.name)
    server.run(f"ALTER TABLE stock_minute_prices ADD COLUMN {column}", database=database.name)
    insert(server, database, "2025-08-26 09:00:00", columns="created_at")
    server.run(
        f"UPDATE stock_minute_prices SET {column.split(maxsplit=1)[0]} = 'theirs', tick_count = 7",
        database=database.name,
    )
    store_a_day_twice(prepared(database)[0])
    found = server.run(
        f"SELECT {column.split(maxsplit=1)[0]}, tick_count FROM stock_minute_prices WHERE id = 1",
        database=database.name,
    )
    assert found == [("theirs", 7)]


def test_a_generated_column_is_not_written(server: Server, database: Database) -> None:
    server.run(README_DDL, database=database.name)
    server.run(
        "ALTER TABLE stock_minute_prices ADD price_change DECIMAL(15,2) AS (close_price - open_price) VIRTUAL",
        database=database.name,
    )
    store_a_day_twice(prepared(database)[0])


MISFITS: list[tuple[str, str, str]] = [
    ("ADD COLUMN source VARCHAR(9) NOT NULL", "source", "NOT NULL"),
    ("MODIFY minute_interval ENUM('ONE_MINUTE','FIVE_MINUTES') NOT NULL", "minute_interval", "FIFTEEN_MINUTES"),
    ("MODIFY minute_interval TINYINT NOT NULL", "minute_interval", "ENUM"),
    ("MODIFY minute_interval ENUM('one_minute','five_minutes','fifteen_minutes') NOT NULL", "minute_interval", "ENUM"),
    (
        "MODIFY timestamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
        "timestamp",
        "MODIFY",
    ),
    ("MODIFY timestamp DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)", "timestamp", "DATETIME NOT NULL"),
    ("MODIFY id bigint NOT NULL", "id", "AUTO_INCREMENT"),
    ("MODIFY id bigint NOT NULL, DROP PRIMARY KEY", "id", "ADD UNIQUE KEY"),
    ("MODIFY minute_interval VARCHAR(10) NOT NULL", "minute_interval", "ENUM"),
    ("MODIFY stock_symbol VARCHAR(5) NOT NULL", "stock_symbol", "VARCHAR(20)"),
    ("MODIFY stock_symbol INT NOT NULL", "stock_symbol", "VARCHAR(20)"),
    ("MODIFY close_price DECIMAL(7,2) NOT NULL", "close_price", "DECIMAL(15,2)"),
    ("MODIFY open_price FLOAT NOT NULL", "open_price", "DECIMAL(15,2)"),
    ("MODIFY high_price DOUBLE NOT NULL", "high_price", "DECIMAL(15,2)"),
    ("MODIFY volume MEDIUMINT NOT NULL", "volume", "BIGINT"),
    ("MODIFY timestamp DATE NOT NULL", "timestamp", "DATETIME"),
    ("ADD COLUMN vwap DECIMAL(15,0)", "vwap", "DECIMAL(15,2)"),
    ("ADD COLUMN vwap DECIMAL(15,2) NOT NULL DEFAULT 0", "vwap", "NULL"),
    ("DROP COLUMN volume", "volume", "없습니다"),
    ("ADD UNIQUE KEY one_a_minute (stock_symbol, timestamp)", "one_a_minute", "DROP INDEX"),
    ("ENGINE=MyISAM", "MyISAM", "ENGINE=InnoDB"),
]


@pytest.mark.parametrize(("change", "named", "remedy"), MISFITS, ids=[change for change, *_ in MISFITS])
def test_a_table_that_cannot_hold_the_truth_is_refused_by_name(
    server: Server, database: Database, change: str, named: str, remedy: str
) -> None:
    server.run(README_DDL, database=database.name)
    server.run(f"ALTER TABLE stock_minute_prices {change}", database=database.name)
    before = server.run("SHOW CREATE TABLE stock_minute_prices", database=database.name)
    for how in ({}, {"read_only": True}):
        line = complaint(database, **how)
        assert named in line and remedy in line
    assert server.run("SHOW CREATE TABLE stock_minute_prices", database=database.name) == before


@pytest.mark.parametrize("drop", ["", ", DROP PRIMARY KEY"])
def test_the_remedy_that_is_named_heals(server: Server, database: Database, drop: str) -> None:
    server.run(README_DDL, database=database.name)
    server.run(
        "ALTER TABLE stock_minute_prices MODIFY open_price FLOAT NOT NULL, MODIFY volume INT UNSIGNED NOT NULL,"
        " MODIFY minute_interval ENUM('one_minute') NOT NULL, ADD source VARCHAR(9) NOT NULL, ENGINE=MyISAM,"
        f" MODIFY timestamp TIMESTAMP NOT NULL DEFAULT NOW() ON UPDATE NOW(), MODIFY id bigint NOT NULL{drop}",
        database=database.name,
    )
    for _ in range(12):
        try:
            store, _lines = prepared(database)
            break
        except ConfigError as error:
            server.run(str(error)[str(error).index("ALTER TABLE") :], database=database.name)
    store_a_day_twice(store)


def test_a_key_that_queries_may_not_use_is_refused_with_the_sql_that_turns_it_on(
    server: Server, database: Database
) -> None:
    server.run(HIBERNATE_DDL, database=database.name)
    off = "INVISIBLE" if server.name == "mysql" else "IGNORED"
    server.run(f"ALTER TABLE stock_minute_prices ALTER INDEX UKq1w2 {off}", database=database.name)
    line = complaint(database)
    server.run(line[line.index("ALTER TABLE") :], database=database.name)
    store_a_day_twice(prepared(database)[0])


def test_the_alter_that_the_doctor_names_clusters_an_older_table(server: Server, database: Database) -> None:
    """`id` stays what Hibernate's entity takes it for: filled by the server, unique (#30)."""
    for ddl in (README_DDL, HIBERNATE_DDL):
        server.run("DROP TABLE IF EXISTS stock_minute_prices", database=database.name)
        server.run(ddl, database=database.name)
        store, _ = prepared(database)
        store.rewrite(SYMBOL, SESSION, lambda _: full_day(), now=NOW, status="COMPLETE")
        before = identities(store)
        sql = store.advice().cluster_sql
        store.close()
        assert sql is not None
        server.run(sql, database=database.name)
        assert unique_keys(server, database) == {"PRIMARY": KEY_COLUMNS, ID_KEY_NAME: ["id"]}
        store, _ = prepared(database)
        assert identities(store) == before and store.advice().cluster_sql is None
        insert(server, database, "2025-08-27 09:00:00", columns="created_at" if ddl is HIBERNATE_DDL else "")
        assert len({row[3] for row in identities(store)}) == len(before) + 1
        store_a_day_twice(store)


def test_hibernates_entity_works_on_the_new_table(server: Server, database: Database) -> None:
    """It inserts without `id`, finds the row by the `id` it was given, and updates and deletes by it (#30)."""
    store, _ = prepared(database)
    store.rewrite(SYMBOL, SESSION, lambda _: full_day(), now=NOW, status="COMPLETE")
    with closing(server.connect(database.name)) as backend:
        cursor = backend.cursor()
        cursor.execute(
            "INSERT INTO stock_minute_prices (close_price, created_at, high_price, low_price, minute_interval, "
            "open_price, price_change, price_change_percent, stock_symbol, tick_count, timestamp, updated_at, volume, "
            "vwap) VALUES (1, NOW(6), 1, 1, 'ONE_MINUTE', 1, 0, 0, '000660', 7, '2025-08-26 09:00:00', NOW(6), 1, 1)"
        )
        key = (cursor.lastrowid,)
        cursor.execute("UPDATE stock_minute_prices SET volume = 2, tick_count = 8 WHERE id = %s", key)
        cursor.execute("SELECT stock_symbol, volume, tick_count FROM stock_minute_prices WHERE id = %s", key)
        assert cursor.fetchall() == [("000660", 2, 8)]
        cursor.execute("DELETE FROM stock_minute_prices WHERE id = %s", key)
        assert cursor.rowcount == 1 and key[0] > 485
    store_a_day_twice(store)


def test_a_month_without_its_partition_is_one_line(server: Server, database: Database) -> None:
    """With the partitions of docs/tables.md; what works on them shows tests/backfill/test_runner.py."""
    store, _ = prepared(database)
    for sql in partition_sql():
        server.run(sql, database=database.name)
    server.run("ALTER TABLE stock_minute_prices DROP PARTITION future", database=database.name)
    later = CALENDAR.session(date(2026, 5, 4))
    with pytest.raises(StoreError, match="파티션") as caught:
        store.rewrite(SYMBOL, later, lambda _: full_day(later), now=NOW, status="COMPLETE")
    assert "\n" not in str(caught.value)
    store.close()


def test_a_server_that_logs_statements_takes_a_day(own_server: Server, database: Database) -> None:
    """READ COMMITTED is refused there with 1665 (#26)."""
    own_server.restart("--log-bin=statements", "--server-id=7", "--binlog-format=STATEMENT")
    try:
        store_a_day_twice(prepared(database)[0])
    finally:
        own_server.restart()


def test_a_view_is_refused(server: Server, database: Database) -> None:
    server.run(README_DDL.replace("stock_minute_prices", "elsewhere"), database=database.name)
    server.run("CREATE VIEW stock_minute_prices AS SELECT * FROM elsewhere", database=database.name)
    assert "뷰" in complaint(database)


def test_a_coverage_table_of_somebody_else_is_refused(server: Server, database: Database) -> None:
    server.run("CREATE TABLE stock_minute_coverage (stock_symbol VARCHAR(20))", database=database.name)
    assert "trade_date" in complaint(database)


def test_read_only_makes_nothing_and_knows_of_nothing(any_database: Database) -> None:
    store, lines = prepared(any_database, read_only=True)
    assert lines == ["⚠️ stock_minute_prices 테이블이 없습니다. 수집을 실행하면 만들어집니다."]
    assert store.coverage([SYMBOL], DAY, DAY) == {}
    assert store.counts([SYMBOL], [SESSION]) == {}
    assert store.turnover_rank([SYMBOL], DAY) == [SYMBOL]
    assert store.spans({SYMBOL: datetime.max}) == {}
    assert stored(store) == {1: [], 5: [], 15: []}
    assert store.preflight(read_only=True) == lines
    store.close()


def test_read_only_tells_of_a_missing_key_and_counts_all_the_same(server: Server, database: Database) -> None:
    server.run(README_DDL, database=database.name)
    insert(server, database, *["2025-08-26 09:00:00"] * 2)
    store, [stands, keyless] = prepared(database, read_only=True)
    assert stands == STANDS
    assert "고유 키가 없고 중복된 행이 1건 있어 수집은 시작되지 않습니다" in keyless and "--dedupe" in keyless
    assert store.counts([SYMBOL], [SESSION]) == {(SYMBOL, DAY): (2, 0, 0)}
    store.close()


def test_without_the_right_to_create_the_sql_is_named(server: Server, database: Database) -> None:
    with server.account(database, "SELECT, INSERT, UPDATE, DELETE") as account:
        line = complaint(account)
        assert "CREATE TABLE stock_minute_prices" in line and "PRIMARY KEY" in line
        server.run(line[line.index("CREATE TABLE") :], database=database.name)
        line = complaint(account)
        assert "CREATE TABLE stock_minute_coverage" in line
        server.run(line[line.index("CREATE TABLE") :], database=database.name)
        store, lines = prepared(account)
        assert lines == [STANDS]
        store_a_day_twice(store)


def test_without_the_right_to_alter_the_sql_for_the_key_is_named(server: Server, database: Database) -> None:
    server.run(README_DDL, database=database.name)
    with server.account(database, "SELECT, INSERT, UPDATE, DELETE, CREATE") as account:
        line = complaint(account)
        assert f"ALTER TABLE stock_minute_prices ADD UNIQUE KEY {KEY_NAME}" in line
        server.run(line[line.index("ALTER TABLE") :], database=database.name)
        prepared(account)[0].close()


RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX")
SUBSETS = [some for size in range(1, len(RIGHTS) + 1) for some in combinations(RIGHTS, size)]
TELLING = [some for some in SUBSETS if len(some) in (1, 6) or some in (RIGHTS, RIGHTS[:4], RIGHTS[:5])]
TABLES = {"empty": "", "keyless": README_DDL, "full": HIBERNATE_DDL}


@pytest.mark.parametrize("tables", TABLES)
@pytest.mark.parametrize("subsets", [TELLING, pytest.param(SUBSETS, marks=pytest.mark.slow)], ids=["telling", "every"])
@pytest.mark.timeout(1200)
def test_doctor_and_the_next_command_agree_for_every_set_of_rights(
    server: Server, database: Database, tables: str, subsets: list[tuple[str, ...]]
) -> None:
    """What the rehearsal says, the preflight does; where a right lacks, the line names the SQL of who may (#26)."""
    stands = None
    for rights in subsets:
        if layout(server, database) != stands:
            remake(server, database, TABLES[tables])
            stands = layout(server, database)
        with server.account(database, ", ".join(rights)) as account:
            store = open_store(account, Clock(), patience=1)
            said = outcome(store.rehearse_preflight)
            assert layout(server, database) == stands
            assert said == outcome(store.preflight), rights
            assert said == "" or "GRANT" in said
            assert account.password not in said
            store.close()


def layout(server: Server, database: Database) -> list[Any]:
    sql = "SELECT table_name, index_name, column_name FROM information_schema.statistics WHERE table_schema = %s"
    return sorted(server.run(sql, database.name))


def remake(server: Server, database: Database, ddl: str) -> None:
    for table in ("stock_minute_prices", "stock_minute_coverage"):
        server.run(f"DROP TABLE IF EXISTS {table}", database=database.name)
    if ddl:
        server.run(ddl, database=database.name)
        server.run(COVERAGE_DDL, database=database.name)


def outcome(preflight: Callable[[], object]) -> str:
    try:
        preflight()
    except (ConfigError, StoreError) as error:
        return str(error)
    return ""


def test_a_read_only_server_is_noticed_before_the_first_call(server: Server, database: Database) -> None:
    if server.name == "given":
        pytest.skip("would disturb a server that is not ours")
    prepared(database)[0].close()
    with server.account(database, "ALL") as account:
        server.run("SET GLOBAL read_only = 1")
        try:
            with pytest.raises(StoreError, match="읽기 전용"):
                prepared(account)
        finally:
            server.run("SET GLOBAL read_only = 0")


def test_many_first_runs_at_once_all_succeed(any_database: Database) -> None:
    at_once(*[lambda: prepared(any_database)[0].close()] * 8)
    assert prepared(any_database)[1] == [STANDS]


def test_many_first_runs_at_once_all_succeed_on_the_readmes_table(server: Server, database: Database) -> None:
    server.run(README_DDL, database=database.name)
    at_once(*[lambda: prepared(database)[0].close()] * 8)
    assert unique_keys(server, database)[KEY_NAME] == KEY_COLUMNS
