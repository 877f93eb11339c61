"""A CSAT day that nobody announced (10:00–16:30): the rows show it, nothing of it is lost, the user is told once."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import User, assert_true, coverage, execute, now, stored_rows, true_rows
from updater_tools import FRIDAY, FakeDay, at

from kis_simulator.simulator import Simulator
from minute_candles.market.calendar import BELIEVED_HOURS
from minute_candles.verification.day_collector import LACKS

pytestmark = pytest.mark.usefixtures("short_week")
PROFILES = {"373220": "illiquid", "005930": "liquid", "000660": "medium"}
Make = Callable[..., FakeDay]
TOLD = "달력과 달리 10:00~16:30"
ODD = "373220"
THIN, THIN_SEED = "373220", 13
"""It has no trade before ten nor in the pause of an ordinary day."""
FLAGS = ("--from", f"{FRIDAY}", "--symbols", ",".join(PROFILES), "--workers", "1")


class Odd(Simulator):
    """On an ordinary day one symbol starts at 10:05 and has a row in the pause; `times`: in so many answers."""

    times = 10**9

    def _rows(self, name: str, symbol: str, params: dict[str, str], now: Any) -> list[dict[str, str]]:
        rows = super()._rows(name, symbol, params, now)
        if symbol != ODD or name not in ("past", "today") or self.times <= 0:
            return rows
        self.times -= 1
        mine = [row for row in rows if row["stck_bsop_date"] != f"{FRIDAY:%Y%m%d}" or row["stck_cntg_hour"] >= "1005"]
        return [{**row, "stck_cntg_hour": "152500"} if row["stck_cntg_hour"] == "153000" else row for row in mine]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[FakeDay] = []

    def make(start: datetime, **options: Any) -> FakeDay:
        made.append(FakeDay(tmp_path, start, PROFILES, kis={"csat": [FRIDAY]}, **options))
        return made[-1]

    yield make
    for day in made:
        day.close()


def test_the_updater_goes_on_to_half_past_four(make: Make) -> None:
    day = make(at(8, 50), every={1: 4, 5: 5, 15: 15})
    halves: list[Any] = []

    def look() -> None:
        halves.extend(row for row in stored_rows(day.url, "005930") if str(row[2])[11:16] >= "15:30")

    day.clock.plan(at(15, 41), look)
    day.run(until=at(17, 0))
    assert [row for row in halves if row[1] == "FIFTEEN_MINUTES"] == [], "the window of 15:30 runs until 15:45"
    assert len([row for row in halves if row[1] == "ONE_MINUTE"]) >= 8, "and the rounds go on"
    day.assert_week()
    assert len(day.lines(TOLD)) == 1


@pytest.mark.parametrize("start", [at(15, 50), at(16, 35), at(20, 0)], ids=["running", "in its last minutes", "over"])
def test_the_updater_started_late_believes_the_rows(make: Make, start: datetime) -> None:
    day = make(start)
    day.run(until=max(start, at(17, 0)).replace(minute=30))
    day.assert_week()
    assert len(day.lines(TOLD)) == 1


@pytest.mark.parametrize("labels", ["plain", "shifted"])
def test_the_backfill_of_such_a_day_is_whole_and_the_next_run_asks_nobody(tmp_path: Path, labels: str) -> None:
    """Where labels begin at 09:59, the windows of 09:55 and 09:45 are no morning trades."""
    oddities = {(symbol, FRIDAY): labels for symbol in PROFILES}
    with Simulator(now=now, rate=100_000, profiles=PROFILES, csat=[FRIDAY], oddities=oddities) as kis:
        user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/minutes.db")
        flags = ("--from", f"{FRIDAY}", "--symbols", ",".join(PROFILES))
        ran = user.run(*flags, "--workers", "1")
        assert ran.code == 0, ran.all
        assert_true(user.database, kis, list(PROFILES), [FRIDAY])
        assert ran.err.count(TOLD) == 1 and "검증 실패" not in ran.err
        assert set(coverage(user.database).values()) == {"COMPLETE"}
        before = len(kis.requests)
        assert user.run(*flags).code == 0
        assert len(kis.requests) == before


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[tuple[Odd, User]]:
    with Odd(now=now, rate=100_000, profiles={**PROFILES, ODD: "medium"}) as kis:
        yield kis, User(tmp_path, kis.url, f"sqlite:///{tmp_path}/minutes.db")


def test_one_odd_symbol_moves_nobodys_hours(odd: tuple[Odd, User]) -> None:
    """It comes first, and again and again; the others end with the truth, it with what was told and a mark."""
    kis, user = odd
    ran = user.run(*FLAGS)
    assert ran.code == 0 and TOLD not in ran.all, ran.all
    for symbol in ("005930", "000660"):
        assert stored_rows(user.database, symbol) == true_rows(kis, symbol, [FRIDAY])
    assert len(stored_rows(user.database, ODD)) > 100
    marks = {symbol: status for (symbol, _), status in coverage(user.database).items()}
    assert marks == {"005930": "COMPLETE", "000660": "COMPLETE", ODD: "UNPROVEN"}
    before = len(kis.requests)
    assert user.run(*FLAGS).code == 0 and len(kis.requests) == before


def test_rows_that_are_odd_the_first_time_only_leave_no_mark(odd: tuple[Odd, User]) -> None:
    kis, user = odd
    kis.times = 4
    ran = user.run(*FLAGS)
    assert ran.code == 0 and TOLD not in ran.all
    assert_true(user.database, kis, list(PROFILES), [FRIDAY])
    assert set(coverage(user.database).values()) == {"COMPLETE"}


@pytest.mark.parametrize("others", ["stored", "not yet"])
def test_a_note_that_was_wrong_is_taken_back(odd: tuple[Odd, User], others: str) -> None:
    """Rows before ten of another symbol say so, in the table as in an answer."""
    kis, user = odd
    kis.times = 0
    assert user.run(*FLAGS).code == 0
    execute(user.database, "UPDATE stock_minute_coverage SET note = %s WHERE stock_symbol = %s", BELIEVED_HOURS, ODD)
    if others == "not yet":
        for table in ("stock_minute_prices", "stock_minute_coverage"):
            execute(user.database, f"DELETE FROM {table} WHERE stock_symbol <> %s", ODD)
    before = len(kis.requests)
    assert user.run(*FLAGS).code == 0
    assert len(kis.requests) - before <= (8 if others == "stored" else 24)
    assert_true(user.database, kis, list(PROFILES), [FRIDAY])
    assert execute(user.database, "SELECT stock_symbol, note FROM stock_minute_coverage WHERE note IS NOT NULL") == []


@pytest.mark.parametrize("symbol", ["005930", "000660"])
def test_the_only_symbol_tells_such_a_day(tmp_path: Path, symbol: str) -> None:
    with Simulator(now=now, rate=100_000, profiles=PROFILES, csat=[FRIDAY]) as kis:
        user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/minutes.db")
        assert user.run("--from", f"{FRIDAY}", "--symbols", symbol).code == 0
        assert_true(user.database, kis, [symbol], [FRIDAY])


def test_who_had_no_trades_before_the_hours_were_known_is_asked_once_more(tmp_path: Path) -> None:
    profiles = {**PROFILES, "018880": "suspended"}
    flags = ("--from", f"{FRIDAY}", "--symbols", ",".join(profiles))
    with Simulator(now=now, rate=100_000, profiles=profiles, csat=[FRIDAY]) as kis:
        user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/minutes.db")
        assert user.run(*flags).code == 0
        for symbol in ("373220", "018880"):
            execute(user.database, "DELETE FROM stock_minute_prices WHERE stock_symbol = %s", symbol)
            cleared = "status = 'NO_TRADES', note = NULL, count_1min = 0, count_5min = 0, count_15min = 0"
            execute(user.database, f"UPDATE stock_minute_coverage SET {cleared} WHERE stock_symbol = %s", symbol)
        assert user.run(*flags).code == 0
        assert_true(user.database, kis, list(PROFILES), [FRIDAY])
        before = len(kis.requests)
        assert user.run(*flags).code == 0 and len(kis.requests) == before, "nobody is planned for ever"


def test_the_only_symbol_tells_the_updater_such_a_day(tmp_path: Path) -> None:
    day = FakeDay(tmp_path, at(8, 50), {"005930": "liquid"}, kis={"csat": [FRIDAY]})
    try:
        day.run(until=at(17, 0))
        day.assert_week()
        assert len(day.lines(TOLD)) == 1
    finally:
        day.close()


@pytest.mark.parametrize("told_by", ["this run", "the next run"])
def test_hours_seen_at_last_are_everybody_s(tmp_path: Path, told_by: str) -> None:
    """The thin symbol, which shows no hours, comes first and is stored short; the other is believed in the last pass,
    or in a run that was not asked for the thin one's sake.
    """
    profiles = {THIN: "illiquid", "005930": "liquid"}
    with Simulator(now=now, rate=100_000, profiles=profiles, csat=[FRIDAY], seed=THIN_SEED) as kis:
        user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/minutes.db")
        flags = ("--from", f"{FRIDAY}", "--symbols", ",".join(profiles), "--workers", "1")
        if told_by == "the next run":
            assert user.run("--from", f"{FRIDAY}", "--symbols", THIN).code == 0
            assert coverage(user.database) == {(THIN, f"{FRIDAY}"): "COMPLETE"}
        ran = user.run(*flags)
        assert ran.code == 0 and ran.err.count(TOLD) == 1, ran.all
        assert_true(user.database, kis, list(profiles), [FRIDAY])
        before = len(kis.requests)
        assert user.run(*flags).code == 0 and len(kis.requests) == before


def test_what_was_given_up_keeps_its_mark_when_the_hours_change(odd: tuple[Odd, User]) -> None:
    kis, user = odd
    kis.times = 0
    assert user.run(*FLAGS).code == 0
    note = f"{BELIEVED_HOURS} · 장중에 확인한 11분{LACKS}"
    mark = "UPDATE stock_minute_coverage SET status = 'UNPROVEN', note = %s WHERE stock_symbol = '005930'"
    execute(user.database, mark, note)
    assert user.run(*FLAGS).code == 0
    kept = "SELECT status, note FROM stock_minute_coverage WHERE stock_symbol = '005930'"
    assert execute(user.database, kept) == [("UNPROVEN", f"장중에 확인한 11분{LACKS}")]
    before = len(kis.requests)
    assert user.run(*FLAGS).code == 0 and len(kis.requests) == before, "nobody is planned for ever"


def test_a_day_that_the_user_announces_later_is_fetched_once_more(tmp_path: Path) -> None:
    """Its hours were not known when it was stored; once they are told, nobody is planned for ever."""
    with Simulator(now=now, rate=100_000, profiles={THIN: "illiquid"}, csat=[FRIDAY], seed=THIN_SEED) as kis:
        user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/minutes.db")
        flags = ("--from", f"{FRIDAY}", "--symbols", THIN)
        assert user.run(*flags).code == 0
        assert coverage(user.database) == {(THIN, f"{FRIDAY}"): "COMPLETE"}
        assert user.run(*flags, CSAT_DATES=f"{FRIDAY}").code == 0
        assert_true(user.database, kis, [THIN], [FRIDAY])
        before = len(kis.requests)
        assert user.run(*flags, CSAT_DATES=f"{FRIDAY}").code == 0 and len(kis.requests) == before
        assert user.run(*flags, CSAT_DATES="2027-11-18").code == 0 and len(kis.requests) > before, "not announced now"
