"""The tables found in the field: each with its outcome, decided before the first call to KIS."""

from contextlib import closing
from datetime import date, datetime
from itertools import combinations

import pytest
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
    put,
    ready,
    stored,
)

from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, Stopped, StoreError
from minute_candles.storage.ddl import COVERAGE_DDL, ID_KEY_NAME, KEY_NAME
from minute_candles.storage.store import open_store

KEY_COLUMNS = ["stock_symbol", "minute_interval", "timestamp"]
FIRST_LINES = ["✅ stock_minute_prices 테이블을 만들었습니다.", "✅ stock_minute_coverage 테이블을 만들었습니다."]
STANDS = "✅ stock_minute_prices 테이블이 존재합니다."
NINE = "2025-08-26 09:00:00"


@pytest.fixture
def run(server, database):
    """One statement as administrator, in the test's database."""
    return lambda sql, *params: server.run(sql, *params, database=database.name)


def insert(run, *whens, price=70000, columns="") -> None:
    extra, now = (", created_at", ", NOW()") if columns else ("", "")
    values = [f"('005930', 'ONE_MINUTE', '{when}', {price}, 71000, 69000, 70500, 10{now})" for when in whens]
    names = "stock_symbol, minute_interval, timestamp, open_price, high_price, low_price, close_price, volume"
    run(f"INSERT INTO stock_minute_prices ({names}{extra}) VALUES {', '.join(values)}")


def unique_keys(run):
    keys = {}
    for row in run("SHOW INDEX FROM stock_minute_prices WHERE Non_unique = 0"):
        keys.setdefault(row[2], []).append(row[4])
    return keys


def prepared(database, **how):
    store = open_store(database, Clock(), patience=60)
    try:
        return store, store.preflight(**how)
    except BaseException:
        store.close()
        raise


def complaint(database, **how) -> str:
    with pytest.raises(ConfigError) as caught:
        prepared(database, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def store_a_day_twice(database, rows=identities) -> None:
    """The day equals what was wanted, and the second time nothing moves."""
    with closing(ready(database)) as store:
        put(store)
        before = rows(store)
        put(store, now=LATER)
        assert rows(store) == before and store.counts([SYMBOL], [SESSION]) == {(SYMBOL, DAY): (381, 77, 27)}


def test_many_first_runs_at_once_make_the_tables_which_are_only_greeted_later(any_database) -> None:
    lines = []
    at_once(*[lambda: lines.extend(prepared(any_database)[1])] * 8)
    assert set(FIRST_LINES) <= set(lines) and prepared(any_database)[1] == [STANDS]
    store_a_day_twice(any_database)


def test_our_table_is_the_readmes_with_the_key_and_the_optional_columns(run, database) -> None:
    """Whatever the character set of the database: notes are Korean."""
    run(f"ALTER DATABASE {database.name} CHARACTER SET latin1")
    with closing(ready(database)) as store:
        store.rewrite(SYMBOL, SESSION, lambda _: {}, now=NOW, status="NO_TRADES", note="거래 없음")
        assert store.coverage([SYMBOL], DAY, DAY)[SYMBOL, DAY].note == "거래 없음"
    assert [row[0] for row in run("SHOW COLUMNS FROM stock_minute_prices")] == [
        "id", "stock_symbol", "timestamp", "minute_interval", "open_price", "high_price", "low_price", "close_price",
        "volume", "price_change", "price_change_percent", "vwap", "tick_count", "created_at", "updated_at",
    ]  # fmt: skip
    assert unique_keys(run) == {"PRIMARY": KEY_COLUMNS, ID_KEY_NAME: ["id"]}


@pytest.mark.parametrize("filled", [False, True])
def test_the_readmes_table_gets_its_key(run, database, filled) -> None:
    """Of many first runs at once, too; the rows stay."""
    run(README_DDL)
    insert(run, NINE, "2025-08-26 09:01:00", "2025-08-25 09:00:00") if filled else None
    before, lines = run("SELECT * FROM stock_minute_prices"), []
    at_once(*[lambda: lines.extend(prepared(database)[1])] * 8)
    assert f"✅ 고유 키를 추가했습니다: {KEY_NAME} (stock_symbol, minute_interval, timestamp)" in lines
    assert unique_keys(run)[KEY_NAME] == KEY_COLUMNS and run("SELECT * FROM stock_minute_prices") == before
    store_a_day_twice(database)


def test_duplicates_are_counted_and_dedupe_keeps_the_newest_row_of_each(run, database) -> None:
    run(README_DDL)
    for price in (1000, 2000, 3000):
        insert(run, NINE, price=price)
    insert(run, "2025-08-26 09:01:00", "2025-08-26 09:01:00", "2025-08-26 09:02:00")
    with closing(
        open_store(database, Clock())
    ) as reading:  # --check and --dry-run promise no more than collecting does
        for line in (complaint(database), reading.preflight(read_only=True)[-1]):
            assert "3건" in line and "--dedupe" in line and "추가됩니다" not in line
        assert "지울 행 3건" in reading.preflight(read_only=True, dedupe=True)[-1]
        assert reading.counts([SYMBOL], [SESSION]) == {(SYMBOL, DAY): (6, 0, 0)}
    assert run("SELECT COUNT(*) FROM stock_minute_prices") == [(6,)] and KEY_NAME not in unique_keys(run)
    store, lines = prepared(database, dedupe=True)
    assert lines[1] == "✅ 중복된 행 3건을 지웠습니다."
    found = run("SELECT id, open_price FROM stock_minute_prices ORDER BY id")
    assert [(number, int(price)) for number, price in found] == [(3, 3000), (5, 70000), (6, 70000)]
    assert unique_keys(run)[KEY_NAME] == KEY_COLUMNS
    assert store.preflight(dedupe=True)[-1] == "✅ 고유 키가 있어 중복된 행이 없습니다."
    store.close()
    store_a_day_twice(database)


def test_dedupe_may_be_interrupted_and_repeated(run, database, monkeypatch) -> None:
    monkeypatch.setattr("minute_candles.storage.duplicates._BATCH", 10)
    run(README_DDL)
    insert(run, *(f"2025-08-26 09:{minute:02d}:00" for minute in [*range(30), *range(30)]))
    clock = Clock()
    store = open_store(database, clock)
    own, deletes = store._connection._driver.run, []

    def counting(sql, *params):
        deletes.append(sql) if sql.startswith("DELETE FROM stock_minute_prices WHERE id") else None
        clock.stop.set() if len(deletes) == 2 else None
        return own(sql, *params)

    monkeypatch.setattr(store._connection._driver, "run", counting)
    with closing(store), pytest.raises(Stopped):
        store.preflight(dedupe=True)
    assert run("SELECT COUNT(*) FROM stock_minute_prices") == [(40,)]
    prepared(database, dedupe=True)[0].close()
    assert [row[0] for row in run("SELECT id FROM stock_minute_prices ORDER BY id")] == list(range(31, 61))


def test_rows_and_columns_of_others_in_hibernates_table_are_left_alone(run, database) -> None:
    run(HIBERNATE_DDL)
    run("ALTER TABLE stock_minute_prices ADD note VARCHAR(9), ADD source VARCHAR(9) NOT NULL DEFAULT 'x'")
    insert(run, NINE, columns="created_at")
    run("UPDATE stock_minute_prices SET note = 'theirs', source = 'theirs', tick_count = 7")
    assert prepared(database)[1] == [STANDS, FIRST_LINES[1]] and set(unique_keys(run)) == {"PRIMARY", "UKq1w2"}
    store_a_day_twice(database)
    with closing(ready(database)) as store:
        assert stored(store) == full_day()
    columns = "id, price_change, note, source, tick_count, created_at IS NULL"
    assert run(f"SELECT {columns} FROM stock_minute_prices WHERE timestamp = '{NINE}' AND minute_interval = 3") == [
        (1, 100, "theirs", "theirs", 7, 0)
    ]


GOOD = [
    "ADD UNIQUE KEY `their-key` (timestamp, stock_symbol, minute_interval)",
    "ADD UNIQUE KEY `their-key` (minute_interval, timestamp, stock_symbol)",
    f"DROP COLUMN id, ADD PRIMARY KEY ({', '.join(KEY_COLUMNS)})",
    f"ADD price_change DECIMAL(15,2) AS (close_price - open_price) VIRTUAL, ADD UNIQUE KEY ({', '.join(KEY_COLUMNS)})",
]


@pytest.mark.parametrize("change", GOOD)
def test_a_table_that_will_do_is_used_as_it_is(run, database, change) -> None:
    """A key of another name and order, no `id`, a generated column."""
    run(README_DDL)
    run(f"ALTER TABLE stock_minute_prices {change}")
    before = unique_keys(run)
    store_a_day_twice(database, stored if "DROP COLUMN id" in change else identities)
    assert unique_keys(run) == before


MISFITS = [
    ("ADD COLUMN source VARCHAR(9) NOT NULL", "source", "NOT NULL"),
    ("MODIFY minute_interval ENUM('ONE_MINUTE','FIVE_MINUTES') NOT NULL", "minute_interval", "FIFTEEN_MINUTES"),
    ("MODIFY minute_interval TINYINT NOT NULL", "minute_interval", "ENUM"),
    ("MODIFY minute_interval ENUM('one_minute','five_minutes','fifteen_minutes') NOT NULL", "minute_interval", "ENUM"),
    ("MODIFY timestamp TIMESTAMP NOT NULL DEFAULT NOW() ON UPDATE NOW()", "timestamp", "MODIFY"),
    ("MODIFY timestamp DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)", "timestamp", "DATETIME NOT NULL"),
    ("MODIFY id bigint NOT NULL", "id", "AUTO_INCREMENT"),
    ("MODIFY id bigint NOT NULL, DROP PRIMARY KEY", "id", "ADD UNIQUE KEY"),
    ("MODIFY minute_interval VARCHAR(10) NOT NULL", "minute_interval", "ENUM"),
    ("MODIFY stock_symbol VARCHAR(5) NOT NULL", "stock_symbol", "VARCHAR(20)"),
    ("MODIFY stock_symbol INT NOT NULL", "stock_symbol", "VARCHAR(20)"),
    ("MODIFY close_price DECIMAL(7,2) NOT NULL", "close_price", "DECIMAL(15,2)"),
    ("MODIFY open_price FLOAT NOT NULL", "open_price", "DECIMAL(15,2)"),
    ("MODIFY volume MEDIUMINT NOT NULL", "volume", "BIGINT"),
    ("MODIFY timestamp DATE NOT NULL", "timestamp", "DATETIME"),
    ("ADD COLUMN vwap DECIMAL(15,0)", "vwap", "DECIMAL(15,2)"),
    ("ADD COLUMN vwap DECIMAL(15,2) NOT NULL DEFAULT 0", "vwap", "NULL"),
    ("DROP COLUMN volume", "volume", "없습니다"),
    ("ADD UNIQUE KEY one_a_minute (stock_symbol, timestamp)", "one_a_minute", "DROP INDEX"),
    ("ENGINE=MyISAM", "MyISAM", "ENGINE=InnoDB"),
]


@pytest.mark.parametrize(("change", "named", "remedy"), MISFITS, ids=[change for change, *_ in MISFITS])
def test_a_table_that_cannot_hold_the_truth_is_refused_by_name(run, database, change, named, remedy) -> None:
    run(README_DDL)
    run(f"ALTER TABLE stock_minute_prices {change}")
    before = run("SHOW CREATE TABLE stock_minute_prices")
    for how in ({}, {"read_only": True}):
        line = complaint(database, **how)
        assert named in line and remedy in line
    assert run("SHOW CREATE TABLE stock_minute_prices") == before


@pytest.mark.parametrize("drop", ["", ", DROP PRIMARY KEY"])
def test_the_remedy_that_is_named_heals(run, database, drop) -> None:
    run(README_DDL)
    run(
        "ALTER TABLE stock_minute_prices MODIFY open_price FLOAT NOT NULL, MODIFY volume INT UNSIGNED NOT NULL,"
        " MODIFY minute_interval ENUM('one_minute') NOT NULL, ADD source VARCHAR(9) NOT NULL, ENGINE=MyISAM,"
        f" MODIFY timestamp TIMESTAMP NOT NULL DEFAULT NOW() ON UPDATE NOW(), MODIFY id bigint NOT NULL{drop}"
    )
    for _ in range(12):
        try:
            prepared(database)[0].close()
            break
        except ConfigError as error:
            run(str(error)[str(error).index("ALTER TABLE") :])
    store_a_day_twice(database)


def test_a_key_that_queries_may_not_use_is_refused_with_the_sql_that_turns_it_on(run, server, database) -> None:
    run(HIBERNATE_DDL)
    off = "INVISIBLE" if server.name == "mysql" else "IGNORED"
    run(f"ALTER TABLE stock_minute_prices ALTER INDEX UKq1w2 {off}")
    line = complaint(database)
    run(line[line.index("ALTER TABLE") :])
    store_a_day_twice(database)


@pytest.mark.parametrize("ddl", [README_DDL, HIBERNATE_DDL])
def test_the_alter_that_the_doctor_names_clusters_an_older_table(run, database, ddl) -> None:
    """`id` stays what Hibernate's entity takes it for: filled by the server, unique (#30)."""
    run(ddl)
    with closing(ready(database)) as store:
        put(store)
        before = identities(store)
        run(store.advice().cluster_sql)
    assert unique_keys(run) == {"PRIMARY": KEY_COLUMNS, ID_KEY_NAME: ["id"]}
    with closing(ready(database)) as store:
        assert identities(store) == before and store.advice().cluster_sql is None
        insert(run, "2025-08-27 09:00:00", columns="created_at" if ddl is HIBERNATE_DDL else "")
        assert len({row[3] for row in identities(store)}) == len(before) + 1
    store_a_day_twice(database)


def test_hibernates_entity_works_on_the_new_table(server, database) -> None:
    """It inserts without `id`, finds the row by the `id` it was given, and updates and deletes by it (#30)."""
    store_a_day_twice(database)
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
    store_a_day_twice(database)


def test_a_month_without_its_partition_is_one_line(run, database) -> None:
    """With the partitions of docs/tables.md; what works on them shows tests/backfill/test_runner.py."""
    with closing(ready(database)) as store:
        for sql in partition_sql():
            run(sql)
        run("ALTER TABLE stock_minute_prices DROP PARTITION future")
        with pytest.raises(StoreError, match="파티션") as caught:
            put(store, session=CALENDAR.session(date(2026, 5, 4)))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_server_that_logs_statements_takes_a_day(own_server, database) -> None:
    """READ COMMITTED is refused there with 1665 (#26)."""
    own_server.restart("--log-bin=statements", "--server-id=7", "--binlog-format=STATEMENT")
    try:
        store_a_day_twice(database)
    finally:
        own_server.restart()


def test_a_view_or_a_coverage_table_of_somebody_else_is_refused(run, database) -> None:
    run("CREATE TABLE stock_minute_coverage (stock_symbol VARCHAR(20))")
    assert "trade_date" in complaint(database)
    run("DROP TABLE IF EXISTS stock_minute_prices")
    run(README_DDL.replace("stock_minute_prices", "elsewhere"))
    run("CREATE VIEW stock_minute_prices AS SELECT * FROM elsewhere")
    assert "뷰" in complaint(database)


def test_read_only_makes_nothing_and_knows_of_nothing(any_database) -> None:
    store, lines = prepared(any_database, read_only=True)
    assert lines == ["⚠️ stock_minute_prices 테이블이 없습니다. 수집을 실행하면 만들어집니다."]
    assert store.coverage([SYMBOL], DAY, DAY) == store.counts([SYMBOL], [SESSION]) == {}
    assert store.turnover_rank([SYMBOL], DAY) == [SYMBOL] and store.spans({SYMBOL: datetime.max}) == {}
    assert stored(store) == {1: [], 5: [], 15: []} and store.preflight(read_only=True) == lines
    store.close()


def test_without_a_right_the_sql_of_who_may_is_named(run, server, database) -> None:
    with server.account(database, "SELECT, INSERT, UPDATE, DELETE") as account:
        for table in ("stock_minute_prices", "stock_minute_coverage"):
            line = complaint(account)
            assert f"CREATE TABLE {table}" in line
            run(line[line.index("CREATE TABLE") :])
        assert prepared(account)[1] == [STANDS]
        store_a_day_twice(account)
        run("DROP TABLE stock_minute_prices")
        run(README_DDL)
        line = complaint(account)
        assert f"ALTER TABLE stock_minute_prices ADD UNIQUE KEY {KEY_NAME}" in line
        run(line[line.index("ALTER TABLE") :])
        prepared(account)[0].close()


RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX")
SUBSETS = [some for size in range(1, len(RIGHTS) + 1) for some in combinations(RIGHTS, size)]
TELLING = [some for some in SUBSETS if len(some) in (1, 6) or some in (RIGHTS, RIGHTS[:4], RIGHTS[:5])]
TABLES = {"empty": "", "keyless": README_DDL, "full": HIBERNATE_DDL}


@pytest.mark.parametrize("tables", TABLES)
@pytest.mark.parametrize("subsets", [TELLING, pytest.param(SUBSETS, marks=pytest.mark.slow)], ids=["telling", "every"])
@pytest.mark.timeout(1200)
def test_doctor_and_the_next_command_agree_for_every_set_of_rights(run, server, database, tables, subsets) -> None:
    """What the rehearsal says, the preflight does; where a right lacks, the line names the SQL of who may (#26)."""
    sql = (
        "SELECT table_name, index_name, column_name FROM information_schema.statistics WHERE table_schema = DATABASE()"
    )
    stands = None
    for rights in subsets:
        if sorted(run(sql)) != stands:
            for table in ("stock_minute_prices", "stock_minute_coverage"):
                run(f"DROP TABLE IF EXISTS {table}")
            for ddl in (TABLES[tables], COVERAGE_DDL) if TABLES[tables] else ():
                run(ddl)
            stands = sorted(run(sql))
        with (
            server.account(database, ", ".join(rights)) as account,
            closing(open_store(account, Clock(), patience=1)) as store,
        ):
            said = outcome(store.rehearse_preflight)
            assert sorted(run(sql)) == stands and said == outcome(store.preflight), rights
            assert (said == "" or "GRANT" in said) and account.password not in said


def outcome(preflight) -> str:
    try:
        preflight()
    except (ConfigError, StoreError) as error:
        return str(error)
    return ""
