"""Rounds against today's TR as it is: fillers, late minutes, halted names; a morning healed in a few calls a symbol."""

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from backfill_tools import wrong_so_far
from updater_tools import FRIDAY, FakeDay, assert_provisional, at

from kis_simulator.faults.server_behaviour import ServerBehaviour
from minute_candles.config import symbols_file
from minute_candles.core.kst import KST
from minute_candles.kis.client import KisClient
from minute_candles.live.intraday_backfill import IntradayBackfill
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.rows import MinuteRow, MinuteRows, Reject, RejectedRow, RowFault

pytestmark = pytest.mark.usefixtures("short_week")
AS_IT_IS = ServerBehaviour(
    fillers=True, late_rows=True, past_running=True, cut_half_ticks=True, evening_daily=True, unquoted=True
)
PROFILES = {"005930": "brisk", "000660": "medium", "373220": "illiquid", "900001": "call_auction"}
USUAL = {"profiles": PROFILES, "kis": {"behaviour": AS_IT_IS}}
Make = Callable[..., FakeDay]


def test_a_day_of_it_is_whole_before_the_settle_and_equal_after_it(make: Make) -> None:
    """What showed late was fetched when it showed."""
    day = make(at(14, 30, 20), PROFILES, every={1: 2, 5: 5, 15: 15})
    lacking: list[Any] = []
    look = lambda: lacking.extend(wrong_so_far(day.url, day.kis, s, at(15, 39), ["ONE_MINUTE"]) for s in day.symbols)  # noqa: E731
    day.clock.plan(at(15, 39, 50), look)
    day.run(until=at(15, 45))
    day.assert_week()
    assert lacking == [[], [], [], []] and not day.lines("문제 시작")


def test_an_answer_with_a_row_that_cannot_be_true_heals_nothing() -> None:
    session, noon = TradingCalendar().session(FRIDAY), datetime(2026, 11, 20, 12)
    rows: MinuteRows = [MinuteRow(noon - timedelta(minutes=n), 100, 100, 100, 100, 1, 9_000) for n in range(120)]
    client = cast("KisClient", SimpleNamespace(past_minutes=lambda _symbol, _last: rows))
    heal = IntradayBackfill(client, offered=True).reader("005930", session)
    assert heal and heal(noon.replace(tzinfo=KST), noon - timedelta(minutes=100)) == rows[::-1]
    rows[5] = RejectedRow(Reject(RowFault.IMPOSSIBLE_PRICES, noon - timedelta(minutes=5)))
    assert heal(noon.replace(tzinfo=KST), noon - timedelta(minutes=100)) == []


@pytest.mark.parametrize("profile", ["suspended", "illiquid"])
def test_names_that_do_not_trade_cost_a_round_one_call_each(make: Make, profile: str) -> None:
    quiet = [f"90{number:04}" for number in range(5)]
    day = make(at(11, 0, 20), {"005930": "liquid", **dict.fromkeys(quiet, profile)})
    day.run(until=at(11, 1))
    before, rounds = day.count("today"), len(day.rounds())
    day.run(until=at(11, 31))
    visits = len(day.rounds()) - rounds
    more = 5 * 3 if profile == "illiquid" else 0  # back to the minute last seen trading, once a trade
    assert day.count("today") - before <= visits * 6 + more
    assert day.count("daily") <= 5 * 6, "asked every ten minutes whether they are kept back, once more whether known"


def test_24_symbols_are_healed_at_one_in_the_afternoon_in_four_calls_each(make: Make) -> None:
    names = list(symbols_file.choose(None, None))[:24]
    day = make(at(13, 0, 20), dict.fromkeys(names, "medium"))
    day.watcher.looks += 1
    assert day.run(until=at(14, 0), once=True) == 0
    calls = day.count("today") + day.count("past")
    assert calls <= len(names) * 4 + 5 and day.count("past")
    for name in names[::6]:
        assert_provisional(day, name, at(12, 57))
