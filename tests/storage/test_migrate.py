"""The tables found in the field: each with its outcome, decided before the first call to KIS."""

import time
from contextlib import closing
from datetime import date, datetime
from itertools import combinations
from unittest.mock import Mock

import pytest
import store_testing
from store_testing import DAY, LATER, NOW, README_DDL, SESSION, SYMBOL, at_once, identities, put, ready, rows, stored

from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, Stopped, StoreError
from minute_candles.market.day_status import COMPLETE, NO_TRADES, PROVISIONAL, UNPROVEN
from minute_candles.market.day_status import Reason as R
from minute_candles.market.rows import DailyRow
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
    """The lines of a preflight that succeeds."""
    with closing(open_store(database, Clock(), patience=60)) as store:
        return store.preflight(**how)


def complaint(database, **how) -> str:
    with pytest.raises(ConfigError) as caught:
        prepared(database, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def heal(run, line, sql="ALTER TABLE") -> None:
    """Run the SQL that a line names."""
    run(line[line.index(sql) :])


def store_a_day_twice(database, look=identities) -> None:
    """The day equals what was wanted, and the second time nothing moves."""
    with closing(ready(database)) as store:
        put(store)
        before = look(store)
        put(store, now=LATER)
        assert look(store) == before and store.counts([SYMBOL], [SESSION]) == {(SYMBOL, DAY): (381, 77, 27)}


def test_many_first_runs_at_once_make_the_tables_which_are_only_greeted_later(any_database) -> None:
    lines = []
    at_once(*[lambda: lines.extend(prepared(any_database))] * 8)
    assert set(FIRST_LINES) <= set(lines) and prepared(any_database) == [STANDS]
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


def test_the_readmes_table_gets_its_key(run, database) -> None:
    """Of many first runs at once, too; the rows stay."""
    run(README_DDL)
    insert(run, NINE, "2025-08-26 09:01:00", "2025-08-25 09:00:00")
    before, lines = run("SELECT * FROM stock_minute_prices"), []
    at_once(*[lambda: lines.extend(prepared(database))] * 8)
    assert f"✅ 고유 키를 추가했습니다: {KEY_NAME} (stock_symbol, minute_interval, timestamp)" in lines
    assert unique_keys(run)[KEY_NAME] == KEY_COLUMNS and run("SELECT * FROM stock_minute_prices") == before
    store_a_day_twice(database)


def test_duplicates_are_counted_and_dedupe_keeps_the_newest_row_of_each(run, database) -> None:
    run(README_DDL)
    for price in (1000, 2000, 3000):
        insert(run, NINE, price=price)
    insert(run, "2025-08-26 09:01:00", "2025-08-26 09:01:00", "2025-08-26 09:02:00")
    for line in (complaint(database), prepared(database, read_only=True)[-1]):
        assert "3건" in line and "--dedupe" in line and "추가됩니다" not in line
    assert "지울 행 3건" in prepared(database, read_only=True, dedupe=True)[-1]
    assert run("SELECT COUNT(*) FROM stock_minute_prices") == [(6,)] and KEY_NAME not in unique_keys(run)
    assert prepared(database, dedupe=True)[1] == "✅ 중복된 행 3건을 지웠습니다."
    found = run("SELECT id, open_price FROM stock_minute_prices ORDER BY id")
    assert [(number, int(price)) for number, price in found] == [(3, 3000), (5, 70000), (6, 70000)]
    assert unique_keys(run)[KEY_NAME] == KEY_COLUMNS
    store_a_day_twice(database)


def test_dedupe_may_be_interrupted_and_repeated(run, database, clock, monkeypatch) -> None:
    monkeypatch.setattr("minute_candles.storage.duplicates._BATCH", 10)
    run(README_DDL)
    insert(run, *(f"2025-08-26 09:{minute:02d}:00" for minute in [*range(30), *range(30)]))
    monkeypatch.setattr(clock, "check", Mock(side_effect=[None, None, Stopped("")]))
    with closing(open_store(database, clock)) as store, pytest.raises(Stopped):
        store.preflight(dedupe=True)
    assert run("SELECT COUNT(*) FROM stock_minute_prices") == [(40,)]
    prepared(database, dedupe=True)
    assert [row[0] for row in run("SELECT id FROM stock_minute_prices ORDER BY id")] == list(range(31, 61))


def test_rows_and_columns_of_others_in_hibernates_table_are_left_alone(run, database) -> None:
    run(store_testing.HIBERNATE_DDL)
    run("ALTER TABLE stock_minute_prices ADD note VARCHAR(9), ADD source VARCHAR(9) NOT NULL DEFAULT 'x'")
    insert(run, NINE, columns="created_at")
    run("UPDATE stock_minute_prices SET note = 'theirs', source = 'theirs', tick_count = 7")
    assert prepared(database) == [STANDS, FIRST_LINES[1]] and set(unique_keys(run)) == {"PRIMARY", "UKq1w2"}
    store_a_day_twice(database)
    with closing(ready(database)) as store:
        assert stored(store) == store_testing.full_day()
    columns = "id, price_change, note, source, tick_count, created_at IS NULL"
    assert run(f"SELECT {columns} FROM stock_minute_prices WHERE timestamp = '{NINE}' AND minute_interval = 3") == [
        (1, 100, "theirs", "theirs", 7, 0)
    ]


@pytest.mark.parametrize(
    "change",
    [
        "ADD UNIQUE KEY `their-key` (timestamp, stock_symbol, minute_interval)",
        f"DROP COLUMN id, ADD PRIMARY KEY ({', '.join(KEY_COLUMNS)})",
        f"ADD price_change DECIMAL(15,2) AS (close_price - open_price), ADD UNIQUE KEY ({', '.join(KEY_COLUMNS)})",
    ],
)
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
    ("MODIFY minute_interval ENUM('one_minute','five_minutes','fifteen_minutes') NOT NULL", "minute_interval", "ENUM"),
    ("MODIFY timestamp TIMESTAMP NOT NULL DEFAULT NOW() ON UPDATE NOW()", "timestamp", "MODIFY"),
    ("MODIFY timestamp DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)", "timestamp", "DATETIME NOT NULL"),
    ("MODIFY id bigint NOT NULL", "id", "AUTO_INCREMENT"),
    ("MODIFY id bigint NOT NULL, DROP PRIMARY KEY", "id", "ADD UNIQUE KEY"),
    ("MODIFY minute_interval VARCHAR(10) NOT NULL", "minute_interval", "ENUM"),
    ("MODIFY stock_symbol VARCHAR(5) NOT NULL", "stock_symbol", "VARCHAR(20)"),
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


def test_the_remedy_that_is_named_heals(run, database) -> None:
    run(README_DDL)
    run(
        "ALTER TABLE stock_minute_prices MODIFY open_price FLOAT NOT NULL, MODIFY volume INT UNSIGNED NOT NULL,"
        " MODIFY minute_interval ENUM('one_minute') NOT NULL, ADD source VARCHAR(9) NOT NULL, ENGINE=MyISAM,"
        " MODIFY timestamp TIMESTAMP NOT NULL DEFAULT NOW() ON UPDATE NOW(), MODIFY id bigint NOT NULL,"
        " DROP PRIMARY KEY"
    )
    for _ in range(12):
        try:
            prepared(database)
            break
        except ConfigError as error:
            heal(run, str(error))
    store_a_day_twice(database)


def test_a_key_that_queries_may_not_use_is_refused_with_the_sql_that_turns_it_on(run, server, database) -> None:
    run(store_testing.HIBERNATE_DDL)
    off = "INVISIBLE" if server.name == "mysql" else "IGNORED"
    run(f"ALTER TABLE stock_minute_prices ALTER INDEX UKq1w2 {off}")
    heal(run, complaint(database))
    store_a_day_twice(database)


@pytest.mark.parametrize("ddl", [README_DDL, store_testing.HIBERNATE_DDL])
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
        insert(run, "2025-08-27 09:00:00", columns="created_at" if ddl is store_testing.HIBERNATE_DDL else "")
        assert len({row[3] for row in identities(store)}) == len(before) + 1
    store_a_day_twice(database)


def test_a_month_without_its_partition_is_one_line(run, database) -> None:
    """With the partitions of docs/tables.md; what works on them shows tests/backfill/test_runner.py."""
    with closing(ready(database)) as store:
        for sql in store_testing.partition_sql():
            run(sql)
        run("ALTER TABLE stock_minute_prices DROP PARTITION future")
        with pytest.raises(StoreError, match="파티션") as caught:
            put(store, session=store_testing.CALENDAR.session(date(2026, 5, 4)))
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
    with closing(open_store(any_database, Clock())) as store:
        lines = store.preflight(read_only=True)
        assert lines == ["⚠️ stock_minute_prices 테이블이 없습니다. 수집을 실행하면 만들어집니다."]
        assert store.coverage([SYMBOL], DAY, DAY) == store.counts([SYMBOL], [SESSION]) == {}
        assert store.turnover_rank([SYMBOL], DAY) == [SYMBOL] and store.spans({SYMBOL: datetime.max}) == {}
        assert stored(store) == {1: [], 5: [], 15: []} and store.preflight(read_only=True) == lines


def test_without_a_right_the_sql_of_who_may_is_named(run, server, database) -> None:
    with server.account(database, "SELECT, INSERT, UPDATE, DELETE") as account:
        for table in ("stock_minute_prices", "stock_minute_coverage"):
            heal(run, complaint(account), f"CREATE TABLE {table}")
        assert prepared(account) == [STANDS]
        store_a_day_twice(account)
        run("DROP TABLE stock_minute_prices")
        run(README_DDL)
        heal(run, complaint(account), f"ALTER TABLE stock_minute_prices ADD UNIQUE KEY {KEY_NAME}")
        run("DROP TABLE stock_minute_coverage")
        run(OLD_DDL)
        run(f"INSERT INTO stock_minute_coverage VALUES ('{SYMBOL}', '{DAY}', 0, 0, 0, 'UNPROVEN', '{NO_DAILY}', NOW())")
        heal(run, complaint(account), "ALTER TABLE stock_minute_coverage")
        with closing(ready(account)) as store:
            assert store.coverage([SYMBOL], DAY, DAY)[SYMBOL, DAY].reasons == (R.DAILY_MISSING,)
            began = time.monotonic()
            store.keep_daily(SYMBOL, [DailyRow(DAY, 1, 2, 1, 2, 3, 4)], NOW)  # loses the daily aid, waits for nothing
            assert time.monotonic() - began < 20 and not store.daily([SYMBOL], DAY, DAY)


RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX")
SUBSETS = [some for size in range(1, len(RIGHTS) + 1) for some in combinations(RIGHTS, size)]
TELLING = [some for some in SUBSETS if len(some) in (1, 6) or some in (RIGHTS, RIGHTS[:4], RIGHTS[:5])]
TABLES = {"empty": "", "keyless": README_DDL, "full": store_testing.HIBERNATE_DDL}


@pytest.mark.parametrize("tables", TABLES)
@pytest.mark.parametrize("subsets", [TELLING, pytest.param(SUBSETS, marks=pytest.mark.load)], ids=["telling", "every"])
@pytest.mark.timeout(1200)
def test_doctor_and_the_next_command_agree_for_every_set_of_rights(run, server, database, tables, subsets) -> None:
    """What the rehearsal says, the preflight does; where a right lacks, the line names the SQL of who may (#26)."""
    columns = "table_name, index_name, column_name FROM information_schema.statistics WHERE table_schema = DATABASE()"
    found = lambda: sorted(run(f"SELECT {columns}"))  # noqa: E731
    stands = None
    for rights in subsets:
        if found() != stands:
            run("DROP TABLE IF EXISTS stock_minute_prices, stock_minute_coverage")
            for ddl in (TABLES[tables], COVERAGE_DDL) if TABLES[tables] else ():
                run(ddl)
            stands = found()
        whose = server.account(database, ", ".join(rights))
        with whose as account, closing(open_store(account, Clock(), patience=1)) as store:
            said = outcome(store.rehearse_preflight)
            assert found() == stands and said == outcome(store.preflight), rights
            assert (said == "" or "GRANT" in said) and account.password not in said


def outcome(preflight) -> str:
    try:
        preflight()
    except (ConfigError, StoreError) as error:
        return str(error)
    return ""


OLD_DDL = """
CREATE TABLE stock_minute_coverage (
    stock_symbol VARCHAR(20) NOT NULL, trade_date DATE NOT NULL, count_1min INT NOT NULL, count_5min INT NOT NULL,
    count_15min INT NOT NULL, status VARCHAR(20) NOT NULL, note VARCHAR(500) NULL, verified_at DATETIME NOT NULL,
    PRIMARY KEY (stock_symbol, trade_date))
"""
NO_DAILY = "분봉은 있는데 일봉에 이 날이 없습니다."
NOTES = [
    (COMPLETE, None, COMPLETE, ()),
    (COMPLETE, "첫 봉 라벨이 개장 1분 전(09:59)", COMPLETE, (R.EARLY_LABEL,)),
    (COMPLETE, "일봉이 비어 있어 대조하지 못함", COMPLETE, (R.DAILY_UNAVAILABLE,)),
    (COMPLETE, "10:00~16:30에 거래된 날 (CSAT_DATES)", COMPLETE, (R.CSAT_HOURS,)),
    (COMPLETE, "10:31 거래대금이 거래량보다 많음: 장내 대량·바스켓 체결로 봄", UNPROVEN, (R.TURNOVER_MISMATCH,)),
    (COMPLETE, "예고 없이 10:00~16:30에 거래된 날 (받은 행으로 알아냄)", UNPROVEN, (R.UNEXPECTED_HOURS,)),
    (COMPLETE, "과거 분봉에 없는 2분(10:03 등)을 뺌: 거래대금이 그것 없이 이어짐", COMPLETE, (R.DROPPED_MINUTES,)),
    (COMPLETE, "첫 봉(09:05) 이전 거래대금이 하루의 6%", UNPROVEN, (R.UNPROVEN_START,)),
    (COMPLETE, "종가 단일가 봉이 없고 마지막 종가 1원이 일봉 종가 2원과 다름", COMPLETE, (R.NO_CLOSING_AUCTION,)),
    (NO_TRADES, "일봉 거래량은 1,200주인데 분봉이 계속 비어 있음", NO_TRADES, (R.EMPTY_WITH_VOLUME,)),
    (PROVISIONAL, "장중: 오늘 TR이나 스트림으로 받은 임시 데이터", PROVISIONAL, ()),
    (UNPROVEN, "장중에 확인한 3분이 과거 분봉에는 끝내 없음", UNPROVEN, (R.MISSING_AT_SOURCE,)),
    (UNPROVEN, "거래대금이 맞지 않는 분이 있습니다 · 일봉 시가 8원", UNPROVEN, (R.TURNOVER_MISMATCH, R.DAILY_MISMATCH)),
    (UNPROVEN, "분봉 거래량의 합 9주가 일봉 거래량 8주보다 많습니다.", UNPROVEN, (R.DAILY_MISMATCH,)),
    (UNPROVEN, NO_DAILY, UNPROVEN, (R.DAILY_MISSING,)),
    (UNPROVEN, "분봉이 비어 있고 일봉의 이 날을 읽을 수 없어 …", UNPROVEN, (R.DAILY_UNREADABLE,)),
    (UNPROVEN, "09:12 이전 분봉이 계속 비어 있어 하루의 시작을 확인할 수 없습니다.", UNPROVEN, (R.UNPROVEN_START,)),
    (UNPROVEN, "09:12 행이 페이지마다 다른 값으로 왔습니다.", UNPROVEN, (R.CONFLICTING_ROWS,)),
    (UNPROVEN, "09:12 행의 가격이 있을 수 없는 값입니다 (0 < 저가 ≤ 시가·종가 ≤ 고가).", UNPROVEN, (R.INVALID_ROWS,)),
    (UNPROVEN, "장이 쉬는 15:20~15:29에 거래된 분이 있고 10시 전에는 없음", UNPROVEN, (R.UNEXPECTED_HOURS,)),
    (UNPROVEN, "a note of somebody else", UNPROVEN, ()),
]  # fmt: skip
SYMBOLS = [f"{number:06d}" for number in range(len(NOTES))]


def test_every_note_becomes_its_codes_and_every_day_stays_verified(any_database) -> None:
    """A coverage table of version 0.1 gets its columns, and KIS gets no request."""
    store = open_store(any_database, Clock())
    rows(store, OLD_DDL)
    for symbol, (status, note, *_) in zip(SYMBOLS, NOTES, strict=True):
        values = "(%s, '2025-08-26', 0, 0, 0, %s, %s, '2025-08-26 16:00:00')"
        rows(store, f"INSERT INTO stock_minute_coverage VALUES {values}", symbol, str(status), note)
    with closing(open_store(any_database, Clock())) as reading:
        reading.preflight(read_only=True)
        before = reading.coverage(SYMBOLS, DAY, DAY)
        assert [(row.status, row.note, row.reasons) for row in before.values()] == [(s, n, ()) for s, n, *_ in NOTES]
    assert any("reasons, evidence, adjustment" in line for line in store.preflight())
    found = store.coverage(SYMBOLS, DAY, DAY)
    assert [(found[s, DAY].status, found[s, DAY].reasons) for s in SYMBOLS] == [tuple(row[2:]) for row in NOTES]
    assert [row.note for row in found.values()] == [note for _, note, *_ in NOTES]
    verified = {key: row for key, row in found.items() if row.is_verified}
    assert len(verified) == len(NOTES) - 1 and store.missing_rows(verified, [SESSION]) == {}
    assert not any(line for line in store.preflight() if "reasons" in line)
    store.close()


@pytest.mark.parametrize("collation", ["utf8mb4_unicode_ci", "latin1_swedish_ci"])
def test_an_older_table_in_another_collation_is_named_with_the_sql_that_mends_it(run, database, collation) -> None:
    """The README's JOIN failed with 1267 where the database's collation is not the default of its charset (#26)."""
    join = (
        "SELECT COUNT(*) FROM stock_minute_prices p JOIN stock_minute_coverage c"
        " ON c.stock_symbol = p.stock_symbol AND c.trade_date = DATE(p.timestamp)"
    )
    run(f"ALTER DATABASE {database.name} COLLATE {collation}")
    run(README_DDL)
    prepared(database)
    tables = "information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND COLUMN_NAME = 'stock_symbol'"
    assert run(join) == [(0,)] and {row[0] for row in run(f"SELECT COLLATION_NAME FROM {tables}")} == {collation}
    run("DROP TABLE stock_minute_coverage")
    run(f"{OLD_DDL} DEFAULT CHARSET=utf8mb4 COLLATE utf8mb4_general_ci")
    for how in ({"read_only": True}, {}):
        [line] = [line for line in prepared(database, **how) if "ALTER TABLE stock_minute_coverage" in line]
    heal(run, line)
    assert run(join) == [(0,)] and not any("ALTER TABLE" in line for line in prepared(database))
