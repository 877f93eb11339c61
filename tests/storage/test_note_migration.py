"""A coverage table of version 0.1 gets its columns, its Korean notes become codes, and KIS gets no request."""

from contextlib import closing

import pytest
from store_testing import DAY, README_DDL, SESSION, SYMBOL, ready, rows

from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.market.day_status import COMPLETE, NO_TRADES, PROVISIONAL, UNPROVEN, Reason
from minute_candles.storage.store import open_store

OLD_DDL = """
CREATE TABLE stock_minute_coverage (
    stock_symbol VARCHAR(20) NOT NULL, trade_date DATE NOT NULL, count_1min INT NOT NULL, count_5min INT NOT NULL,
    count_15min INT NOT NULL, status VARCHAR(20) NOT NULL, note VARCHAR(500) NULL, verified_at DATETIME NOT NULL,
    PRIMARY KEY (stock_symbol, trade_date))
"""
R, NO_DAILY = Reason, "분봉은 있는데 일봉에 이 날이 없습니다."
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
    (UNPROVEN, ("거래대금이 맞지 않는 분이 있습니다 (10:03 …): 빠졌거나 틀린 행 · "
                "첫 시가 7원이 일봉 시가 8원과 다릅니다."),
     UNPROVEN, (R.TURNOVER_MISMATCH, R.DAILY_MISMATCH)),
    (UNPROVEN, "분봉 거래량의 합 9주가 일봉 거래량 8주보다 많습니다.", UNPROVEN, (R.DAILY_MISMATCH,)),
    (UNPROVEN, NO_DAILY, UNPROVEN, (R.DAILY_MISSING,)),
    (UNPROVEN, "분봉이 비어 있고 일봉의 이 날을 읽을 수 없어 거래가 없었는지 알 수 없습니다.",
     UNPROVEN, (R.DAILY_UNREADABLE,)),
    (UNPROVEN, "09:12 이전 분봉이 계속 비어 있어 하루의 시작을 확인할 수 없습니다.", UNPROVEN, (R.UNPROVEN_START,)),
    (UNPROVEN, "09:12 행이 페이지마다 다른 값으로 왔습니다.", UNPROVEN, (R.CONFLICTING_ROWS,)),
    (UNPROVEN, "09:12 행의 가격이 있을 수 없는 값입니다 (0 < 저가 ≤ 시가·종가 ≤ 고가).", UNPROVEN, (R.INVALID_ROWS,)),
    (UNPROVEN, "장이 쉬는 15:20~15:29에 거래된 분이 있고 10시 전에는 없음: 다른 종목은 그렇지 않음",
     UNPROVEN, (R.UNEXPECTED_HOURS,)),
    (UNPROVEN, "a note of somebody else", UNPROVEN, ()),
]  # fmt: skip
SYMBOLS = [f"{number:06d}" for number in range(len(NOTES))]


def test_every_note_becomes_its_codes_and_every_day_stays_verified(any_database) -> None:
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


def test_without_the_right_to_alter_the_sql_is_named_and_then_enough(server, database) -> None:
    run = lambda sql: server.run(sql, database=database.name)  # noqa: E731
    run(OLD_DDL)
    run(f"INSERT INTO stock_minute_coverage VALUES ('{SYMBOL}', '{DAY}', 0, 0, 0, 'UNPROVEN', '{NO_DAILY}', NOW())")
    rights = server.account(database, "SELECT, INSERT, UPDATE, DELETE, CREATE")
    with rights as account, closing(open_store(account, Clock())) as store:
        with pytest.raises(ConfigError) as caught:
            store.preflight()
        run(str(caught.value)[str(caught.value).index("ALTER TABLE stock_minute_coverage") :])
        store.preflight()
        assert store.coverage([SYMBOL], DAY, DAY)[SYMBOL, DAY].reasons == (R.DAILY_MISSING,)


JOIN = (
    "SELECT COUNT(*) FROM stock_minute_prices p JOIN stock_minute_coverage c"
    " ON c.stock_symbol = p.stock_symbol AND c.trade_date = DATE(p.timestamp)"
)


@pytest.mark.parametrize("collation", ["utf8mb4_unicode_ci", "latin1_swedish_ci"])
def test_the_new_table_joins_with_the_prices_in_any_collation(server, database, collation) -> None:
    """The README's JOIN failed with 1267 where the database's collation is not the default of its charset (#26)."""
    server.run(f"ALTER DATABASE {database.name} COLLATE {collation}")
    server.run(README_DDL, database=database.name)
    tables = "information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND COLUMN_NAME = 'stock_symbol'"
    with closing(ready(database)) as store:
        assert rows(store, JOIN) == [(0,)]
        assert {row[0] for row in rows(store, f"SELECT COLLATION_NAME FROM {tables}")} == {collation}


def test_an_older_table_in_another_collation_is_named_with_the_sql_that_mends_it(server, database) -> None:
    server.run(f"ALTER DATABASE {database.name} COLLATE utf8mb4_unicode_ci")
    server.run(README_DDL, database=database.name)
    server.run(f"{OLD_DDL} DEFAULT CHARSET=utf8mb4 COLLATE utf8mb4_general_ci", database=database.name)
    with closing(open_store(database, Clock())) as store:
        for lines in (store.preflight(read_only=True), store.preflight()):
            [line] = [line for line in lines if "ALTER TABLE stock_minute_coverage" in line]
        server.run(line[line.index("ALTER TABLE") :], database=database.name)
        assert rows(store, JOIN) == [(0,)] and not any("ALTER TABLE" in line for line in store.preflight())
