"""Hours are announced, not guessed: rows that contradict them leave a mark until `CSAT_DATES` is right."""

from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from backfill_tools import User, assert_true, coverage, now, stored_rows, true_rows
from kis_testing import Twisted
from updater_tools import FRIDAY, FakeDay, at

from kis_simulator.simulator import Simulator

pytestmark = pytest.mark.usefixtures("short_week")
PROFILES = {"005930": "liquid", "000660": "medium"}
THIN, THIN_SEED = "373220", 13
"""It has no trade before ten nor in the pause of an ordinary day."""
FLAGS = ("--from", f"{FRIDAY}")
SETTING = f"CSAT_DATES={FRIDAY}"


def test_an_unannounced_day_is_marked_and_whole_once_it_is_announced(tmp_path: Path) -> None:
    """The thin symbol shows no hours: it is COMPLETE by the wrong ones, and collected again all the same."""
    symbols, user_flags = [*PROFILES, THIN], (*FLAGS, "--symbols", ",".join([*PROFILES, THIN]))
    profiles = {**PROFILES, THIN: "illiquid"}
    with Simulator(now=now, rate=100_000, profiles=profiles, csat=[FRIDAY], seed=THIN_SEED) as kis:
        user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/minutes.db")
        ran = user.run(*user_flags)
        assert ran.code == 0 and ran.err.count(SETTING) == 1, ran.all
        unproven = {(symbol, f"{FRIDAY}"): "UNPROVEN" for symbol in PROFILES}
        assert coverage(user.database) == unproven | {(THIN, f"{FRIDAY}"): "COMPLETE"}
        before = len(kis.requests)
        assert user.run(*user_flags).code == 0 and len(kis.requests) == before, "a verified day is not planned"
        assert user.run(*user_flags, CSAT_DATES=f"{FRIDAY}").code == 0
        assert_true(user.database, kis, symbols, [FRIDAY])
        assert set(coverage(user.database).values()) == {"COMPLETE"}
        before = len(kis.requests)
        assert user.run(*user_flags, CSAT_DATES=f"{FRIDAY}").code == 0 and len(kis.requests) == before


@pytest.mark.parametrize("times", [4, 10**9])
def test_one_odd_symbol_is_marked_alone_and_only_where_kis_repeats_it(tmp_path: Path, times: int) -> None:
    """On an ordinary day it starts at 10:05 and has a row in the pause, in so many answers."""
    answers = count()

    def odd(name: str, params: dict[str, str], rows: list[dict[str, str]]) -> list[dict[str, str]]:
        if name not in ("past", "today") or params["FID_INPUT_ISCD"] != "000660" or next(answers) >= times:
            return rows
        mine = [row for row in rows if row["stck_bsop_date"] != f"{FRIDAY:%Y%m%d}" or row["stck_cntg_hour"] >= "1005"]
        return [{**row, "stck_cntg_hour": "152500"} if row["stck_cntg_hour"] == "153000" else row for row in mine]

    with Twisted(now=now, profiles=PROFILES) as kis:
        kis.twist = odd
        user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/minutes.db")
        assert user.run(*FLAGS, "--symbols", ",".join(PROFILES)).code == 0
        assert stored_rows(user.database, "005930") == true_rows(kis, "005930", [FRIDAY])
        marked = "COMPLETE" if times == 4 else "UNPROVEN"
        assert coverage(user.database) == {("005930", f"{FRIDAY}"): "COMPLETE", ("000660", f"{FRIDAY}"): marked}


def test_the_updater_settles_such_a_day_with_the_mark_and_says_once_what_to_set(tmp_path: Path) -> None:
    day = FakeDay(tmp_path, at(16, 0), PROFILES, kis={"csat": [FRIDAY]})
    with closing(day):
        day.run(until=at(20, 0))
    assert coverage(day.url)["005930", f"{FRIDAY}"] == "UNPROVEN" and len(day.lines(SETTING)) == 1
