"""Trades to minutes: what KIS was seen sending, the chain that proves a minute, and everything that can break it."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticks_testing import FRAMES, FRIDAY, Trade, captured, record, records_of, session, ticks_of, true_minutes

from minute_candles.kis.parse import trade_tick
from minute_candles.market.intraday import Watermark
from minute_candles.market.rows import TradeTick
from minute_candles.market.trade_chain import Chain, Proven

TEN = 10 * 3600


def at(hour, minute, second=0):
    return datetime(2026, 11, 20, hour, minute, second)


def proven(ticks, chain=None):
    chain = chain or Chain("005930", session())
    return [one for tick in ticks for one in chain.add(tick)]


def candles(ticks):
    return [one.candle for one in proven(ticks)]


TRADES = [
    Trade(TEN + 60 * minute + 9 * n, 70_000 + 100 * ((7 * n + minute) % 5), 1 + n + 10 * minute)
    for minute in range(40)
    for n in range(4)
]
"""Four a minute from ten o'clock on, their prices and volumes all different."""
TICKS, TRUE = ticks_of(TRADES), true_minutes(TRADES)


@pytest.mark.skipif(not FRAMES.exists(), reason=f"{FRAMES} is not here")
def test_captured_records_are_ticks_that_hold_the_chain_in_and_across_frames():
    across = [records_of(frame)[0] for frame in captured("0|H0STCNT0|001|000660^103925")]
    together = [*map(records_of, captured("0|H0STCNT0|")), across]
    assert sum(len(records) - 1 for records in together) >= 15
    for records in together:
        ticks = [trade_tick(fields) for fields in records]
        for tick, fields in zip(ticks, records, strict=True):
            assert (tick.symbol, f"{tick.at:%Y%m%d%H%M%S}") == (fields[0], fields[33] + fields[1])
            numbers = tick.price, tick.volume, tick.all_volume, tick.all_turnover
            assert numbers == tuple(int(fields[index]) for index in (2, 12, 13, 14))
            assert tick.is_first == (fields[21] == "") and not tick.is_off_hours
        chain = Chain("005930", session(ticks[0].at.date()))
        proven(ticks, chain)
        assert chain.running.candle.volume == sum(tick.volume for tick in ticks)


@pytest.mark.parametrize(
    ("index", "value"),
    [(1, "246000"), (1, "10000"), (2, "0"), (2, "7\ufffd000"), (2, ""), (2, "-70000"), (12, "0"), (12, "9999999"),
     (13, "١٢٣"), (14, "x"), (33, "20261320"), (33, "")],
)  # fmt: skip
def test_a_record_that_cannot_be_one_is_passed_over(index, value):
    fields = record(Trade(TEN, 70_000, 5), [])
    fields[index] = value
    assert trade_tick(fields) is None and trade_tick(fields[:20]) is None


@pytest.mark.parametrize("market_class", ["1", "2", "3", "5", ""])
def test_pre_and_after_market_trades_are_off_hours_the_closing_cross_never(market_class):
    trade, before = Trade(TEN, 70_000, 5), [Trade(TEN - 60, 70_000, 5)]
    is_off_hours = market_class in ("1", "3")
    expected = TradeTick("005930", at(10, 0), at(10, 0), 70_000, 5, 10, 700_000, False, is_off_hours)
    for width in (47, 48):
        assert trade_tick(record(trade, before, width=width, market_class=market_class)) == expected
    assert trade_tick(record(trade, before, width=46)) == expected._replace(is_off_hours=False)


def test_a_minute_is_proven_by_the_first_trade_after_it_and_no_sooner():
    chain, totals = Chain("005930", session()), (TICKS[3].all_turnover, TICKS[7].all_turnover)
    assert proven(TICKS[:8], chain) == [Proven("005930", TRUE[at(10, 0)], at(10, 1), 0, totals[0])]
    assert proven(TICKS[8:9], chain) == [Proven("005930", TRUE[at(10, 1)], at(10, 2), *totals)]


@pytest.mark.parametrize("number", range(1, 9))
def test_a_lost_record_leaves_its_minute_to_rest_and_doubled_and_swapped_ones_cost_nothing(number):
    head, one, tail = TICKS[:number], TICKS[number], TICKS[number + 1 : 20]
    found, swapped = candles(head + tail), candles([*head, tail[0], one, *tail[1:]])
    assert TRUE[one.minute] not in found and TRUE[at(10, 3)] in found
    assert all(candle == TRUE[candle.timestamp] for candle in found + swapped)
    assert candles([*head, one, one, *tail]) == list(TRUE.values())[:4] and swapped[-1] == TRUE[at(10, 3)]


def test_turnover_that_the_price_does_not_explain_an_after_market_trade_or_a_time_that_goes_back_break_it():
    ticks = TICKS[:20]
    odd = [*ticks[:5], *(tick._replace(all_turnover=tick.all_turnover + 1) for tick in ticks[5:])]
    late = [*ticks[:5], ticks[5]._replace(is_off_hours=True), *ticks[6:]]
    for changed in (odd, late):
        assert [candle.timestamp.minute for candle in candles(changed)] == [0, 2, 3]
    ticks[6] = ticks[6]._replace(at=at(10, 0, 59), minute=at(10, 0))
    assert [candle.timestamp for candle in candles(ticks[:16])] == [at(10, 0)], "the trade may be the first of 10:02"


def test_a_stamp_behind_the_chain_contradicts_what_was_proven_between():
    """A trade of 10:01 stamped 10:02:10 proves 10:01 too early; the next one at 10:01 takes that back."""
    ticks, chain = TICKS[:16], Chain("005930", session())
    ticks[6] = ticks[6]._replace(at=at(10, 2, 10), minute=at(10, 2))
    early = [one.candle.timestamp for one in proven(ticks[:7], chain)]
    assert early == [at(10, 0), at(10, 1)] and not chain.contradicts(at(10, 1))
    assert at(10, 2) not in [one.candle.timestamp for one in proven(ticks[7:], chain)]
    assert chain.contradicts(at(10, 1)) and not chain.contradicts(at(10, 0))


@pytest.mark.parametrize("place", [0, 20], ids=["the first record", "in the middle"])
def test_an_absurd_volume_costs_minutes_and_not_the_day(place):
    found = candles([*TICKS[:place], TICKS[place]._replace(all_volume=9 * 10**12), *TICKS[place + 1 :]])
    assert all(TRUE[candle.timestamp] == candle for candle in found)
    assert [candle.timestamp for candle in found][-20:] == [at(10, minute) for minute in range(19, 39)]


def test_a_chain_continues_while_no_record_is_lost_and_its_past_is_known():
    chain = Chain("005930", session())
    minutes = proven(TICKS[:12], chain)
    known = Watermark(at(10, 2), at(10, 1), minutes[-1].turnover)
    assert chain.continues(known), "all before the running minute is known, and that one from its first trade on"
    assert not chain.continues(known._replace(turnover=known.turnover - 1)), "something before it is not"
    assert not chain.continues(known._replace(is_explained=False)), "KIS does not show one of the minutes yet"
    chain.interrupt()
    assert not chain.continues(known), "the connection was cut"
    chain.add(ticks_of([*TRADES[:12], TRADES[11]._replace(volume=2)])[-1])
    assert chain.continues(known), "the next trade shows that none was lost"


def test_half_tick_prices_count_exactly_and_a_cheap_one_that_is_printed_cut_by_its_turnover():
    dear = [Trade(TEN - 60, 71_900, 1), Trade(TEN, 71_950, 3), Trade(TEN + 60, 71_900, 1)]
    assert candles(ticks_of(dear))[-1].turnover == 3 * 71_950
    cheap = ticks_of([Trade(TEN - 60, 4_215, 1), Trade(TEN, 4_217, 4), Trade(TEN + 60, 4_215, 1)])
    moved = lambda by: [cheap[0], *(tick._replace(all_turnover=tick.all_turnover + by) for tick in cheap[1:])]  # noqa: E731
    candle = candles(moved(2))[-1]
    assert candles(moved(4)) == [], "a whole KRW more is no half tick"
    assert (candle.close, candle.turnover, str(candle.vwap)) == (4_217, 4 * 4_217 + 2, "4217.50")


@pytest.mark.parametrize("second", [9 * 3600 + 7, 9 * 3600 + 180])
def test_the_first_minute_is_whole_from_the_opening_cross_on_however_late(second):
    """Off-hours trades before it are in no minute; a trade of the same second and price is not the cross."""
    trades = [Trade(second, 70_000, 5_000), Trade(second, 70_000, 3), Trade(second + 70, 70_000, 1)]
    early = [Trade(8 * 3600 + 1800, 69_000, 10)]
    ticks = ticks_of([*early, *trades])
    assert candles(ticks) == list(true_minutes(trades).values())[:1]
    alone = ticks_of(trades, before=(124, 124 * 69_000))
    assert [tick.is_first for tick in alone] == [True, False, False]
    assert candles(alone[1:]) == [], "the cross was lost"
    assert proven(ticks, Chain("005930", session(FRIDAY + timedelta(days=3)))) == [], "records of another day"


def test_a_trade_at_15_20_and_the_closing_cross_are_minutes_of_their_own():
    known = [(1080, 69_000, 1), (1190, 70_000, 1), (1201, 70_100, 2), (1814, 70_300, 900), (3605, 70_500, 7)]
    trades = [Trade(15 * 3600 + second, price, volume) for second, price, volume in known]
    chain = Chain("005930", session())
    found, true = proven(ticks_of(trades), chain)[1:], true_minutes(trades)
    assert [one.candle for one in found] == [true[at(15, 19)], true[at(15, 20)], true[at(15, 30)]]
    assert found[1].through == at(15, 30) and chain.running is None, "the after-market runs in no candle"


def test_a_row_of_the_turnover_after_its_last_or_before_its_first_trade_proves_a_minute_too():
    chain, before, total = Chain("005930", session()), TICKS[3].all_turnover, TICKS[7].all_turnover
    proven(TICKS[:8], chain)
    assert chain.confirm(at(10, 1), total - 1) == ()
    assert chain.confirm(at(10, 0), total) == (), "the minute still ran then"
    assert chain.confirm(at(10, 2), total) == (Proven("005930", TRUE[at(10, 1)], at(10, 2), before, total),)
    assert chain.confirm(at(10, 2), total) == (), "once"
    assert candles(TICKS[2:12]) == [TRUE[at(10, 1)]], "the first is not whole"
    chain = Chain("005930", session())
    proven(TICKS[4:8], chain)
    chain.confirm(at(10, 0), TICKS[3].all_turnover)
    assert [one.candle for one in proven(TICKS[8:12], chain)] == [TRUE[at(10, 1)]]


END = 15 * 3600 + 39 * 60 + 59
"""What trades later is the after-market's."""


@st.composite
def days(draw):
    """Trades of some minutes, several in a second at times."""
    second, found = draw(st.sampled_from([9 * 3600 + 7, TEN, 15 * 3600 + 17 * 60])), []
    for _ in range(draw(st.integers(2, 25))):
        second = min(second + draw(st.sampled_from([0, 0, 0, 1, 1, 5, 20, 45, 130])), END)
        found.append(Trade(second, draw(st.sampled_from([70_000, 70_050, 70_100, 69_900])), draw(st.integers(1, 9))))
    return found


@given(days(), st.randoms(use_true_random=False), st.floats(0, 0.3), st.integers(0, 6))
def test_whatever_order_loss_or_repetition_a_candle_is_true_or_left_to_rest(trades, dice, loss, far):
    ticks, true = ticks_of(trades, before=(7, 99)), true_minutes(trades)
    assert candles(ticks) == list(true.values())[:-1], "without any fault"
    sent = [(at + dice.randint(0, far), tick) for at, tick in enumerate(ticks)]
    sent += [(at + dice.randint(0, far), tick) for at, tick in sent if dice.random() < loss]
    found = proven(tick for _, tick in sorted(sent, key=lambda pair: pair[0]) if dice.random() >= loss)
    assert len({one.candle.timestamp for one in found}) == len(found)
    for one in found:
        assert one.candle == true[one.candle.timestamp] and one.turnover - one.before == one.candle.turnover
        assert one.before == 99 + sum(c.turnover for c in true.values() if c.timestamp < one.candle.timestamp)
        assert not [minute for minute in true if one.candle.timestamp < minute < one.through], "known to be empty"
