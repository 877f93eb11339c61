"""`forecast_candles.py` as a person runs it: on a SQLite table of a made-up market, and with mistakes in the flags."""

from contextlib import closing
from datetime import timedelta
from functools import partial

import pytest
from backfill_tools import User
from chart_testing import put
from fast_clock import EVENING
from store_testing import CALENDAR, minutes, ready

from minute_candles.config.settings import Database

SYMBOLS = ("005930", "000660")


@pytest.fixture
def run(tmp_path):
    """The command over a table of its own."""
    user = User(tmp_path, "http://127.0.0.1:1", f"sqlite:///{tmp_path}/candles.db")
    return partial(user.run_here, "forecast_candles", "--symbols", ",".join(SYMBOLS))


def fill(folder, days: int) -> None:
    """Store made-up whole days."""
    with closing(ready(Database(kind="sqlite", path=folder / "candles.db"))) as store:
        for day in CALENDAR.trading_days(EVENING.date() - timedelta(days=40), EVENING.date())[-days:]:
            for symbol in SYMBOLS:
                put(store, symbol, minutes(CALENDAR.session(day), day.toordinal()), "COMPLETE")


def test_evaluate_train_and_show(tmp_path, run) -> None:
    fill(tmp_path, 10)
    evaluated = run("--evaluate", "--plot", str(tmp_path / "error.png"))
    assert evaluated.code == 0, evaluated.err
    assert len(evaluated.out.splitlines()) == 2 + 7 and "기준선보다 낫지 않음" in evaluated.out
    assert (tmp_path / "error.png").read_bytes().startswith(b"\x89PNG")
    trained = run("--train")
    assert trained.code == 0 and "10거래일" in trained.out and list(tmp_path.rglob("forecast_model.json"))
    assert run().code == 0


def test_too_few_days_and_no_model_are_one_line_and_exit_1_a_mistake_in_the_flags_is_exit_2(tmp_path, run) -> None:
    fill(tmp_path, 3)
    for flags in (["--evaluate"], ["--train"], []):
        ran = run(*flags)
        assert ran.code == 1 and len(ran.err.splitlines()) == 1, ran.err
    for flags in (["--from", "2026-11-01"], ["--evaluate", "--train"], ["--evaluate", "--from", "yesterday"],
                  ["--evaluate", "--from", "2026-11-20", "--to", "2026-11-02"]):  # fmt: skip
        assert run(*flags).code == 2
