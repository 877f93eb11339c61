"""The stream next to the rounds: proven minutes at once, all else by rounds, and a table that is true throughout."""

import logging
from datetime import datetime, timedelta
from queue import Queue
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from stream_tools import StreamDay
from ticks_testing import Trade, session, ticks_of
from updater_tools import FRIDAY, FakeClock, FakeDay, assert_provisional, at, wait_until

from minute_candles.config.integrations import Integrations
from minute_candles.config.settings import Database
from minute_candles.live.session import LiveSession
from minute_candles.live.stream.ingest import IngestSession
from minute_candles.live.stream.rest_cross_check import EVERY, RestCrossCheck
from minute_candles.live.stream.streamed_symbol import StreamedSymbol
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import Candle
from minute_candles.market.intraday import Watermark
from minute_candles.market.trade_chain import Chain, Proven
from minute_candles.storage.store import open_store

BUSY = {"005930": "brisk", "000660": "brisk", "035420": "liquid", "373220": "medium", "018880": "illiquid"}
USUAL = {"kind": StreamDay, "profiles": BUSY}
NEARLY_TEN, TEN = at(9, 58, 30), datetime(2026, 11, 20, 10)


@pytest.mark.slow
def test_proven_minutes_are_stored_with_the_windows_they_close_and_the_round_spares_their_symbols(make):
    """From the opening cross on; while KIS's REST is away, the stream stores alone. Running minutes only grow."""
    day = make(at(8, 50), streamed=4)
    with day.running():
        wait_until(lambda: day.kis.stream.connects == 1)
        assert day.clock.now() < at(9)
        wait_until(lambda: day.service.stream.status()["stored"] >= 6)
        day.wait(max(at(9, 4, 30), day.clock.now()))
        day.assert_true_so_far()
        first = day.stored("005930")["005930", "ONE_MINUTE", datetime(2026, 11, 20, 9)]
        day.wait(day.clock.now().replace(minute=day.clock.now().minute // 5 * 5 + 4, second=10))
        day.kis.down()
        closed = day.clock.now().replace(minute=day.clock.now().minute // 5 * 5, second=0, microsecond=0, tzinfo=None)
        wait_until(lambda: ("005930", "FIVE_MINUTES", closed) in day.stored("005930"), 30)
    assert first[10] is not None or day.kis.truth("005930", FRIDAY)[0].timestamp.minute, "its VWAP is proven, too"
    assert any(" · 스트림 " in line for line in day.lines("1분봉 "))
    assert min(day.count("today", symbol=s) for s in ("005930", "000660")) < day.count("today", symbol="018880")
    assert not day.lines("스트림 문제") and not day.lines("다릅니다")
    shown = [one for one in day.running_minutes if one.symbol == "005930"]
    same = [one.candle.volume for one in shown if one.candle.timestamp == shown[-1].candle.timestamp]
    assert len(shown) >= 5 and same == sorted(same)


def test_without_its_package_all_goes_by_rounds(make, monkeypatch):
    missing = Mock(side_effect=ModuleNotFoundError(name="websockets"))
    monkeypatch.setattr("minute_candles.core.extras.import_module", missing)
    integrations = Integrations(ws_url="ws://127.0.0.1:9", stream_symbols=40)
    day = make(NEARLY_TEN, ["005930"], kind=FakeDay, integrations=integrations)
    day.run(until=at(10, 2))
    assert_provisional(day, "005930", at(10))
    assert len(day.lines("requirements-extra.txt")) == 1 and not day.lines("스트림 문제")


@pytest.mark.slow
def test_a_stream_that_is_refused_is_reported_once_and_its_end_too(make):
    day = make(NEARLY_TEN)
    day.kis.add_fault("opsp0011")
    with day.running():
        wait_until(lambda: bool(day.lines("스트림 문제 시작")))
        assert day.service and "OPSP0011" in day.service.stream.status()["problem"]
        day.wait(at(10, 3))
        day.assert_true_so_far()
        day.kis.clear_faults()
        wait_until(lambda: bool(day.lines("스트림 복구")), 30)
    assert len(day.lines("스트림 문제 시작")) == 1 == len(day.lines("스트림 복구"))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_suspension_of_twenty_minutes_is_no_fault_and_costs_nothing(make):
    """One symbol does not trade from 10:00 to 10:20, four trade on. A lost trade would show with the next one."""
    day = make(at(9, 57), [*BUSY], "brisk", kis={"oddities": {("005930", FRIDAY): "paused"}})
    with day.running():
        day.wait(at(10, 19))
        assert day.kis.stream.connects == 1 and day.stored("005930")
        assert max(row[2] for row in day.stored("005930").values()) == TEN - timedelta(minutes=1)
        day.wait(at(10, 23))
        day.assert_true_so_far()
    assert not day.lines("문제") and max(row[2] for row in day.stored("005930").values()).hour == 10


def proven(minute, price=70_000, before=0):
    """A minute from 10:00 on whose first trade follows on the turnover `before`."""
    start = TEN + timedelta(minutes=minute)
    candle = Candle(start, price, price, price, price, 3, 3 * price, None)
    return Proven("005930", candle, start + timedelta(minutes=1), before, before + 3 * price)


def test_a_streamed_symbol_is_due_every_25_minutes_spread_over_the_minutes():
    now, due = at(10, 0, 5), []
    for number in range(50):
        check = RestCrossCheck(f"{number:06}", number)
        check.on_page([], now)
        due.append(next(minutes for minutes in range(60) if check.is_due(now + timedelta(minutes=minutes))))
    assert sorted(due) == sorted([*range(1, EVERY + 1)] * 2), "two a minute, not fifty at once"
    assert check.is_due(when := now + timedelta(minutes=due[-1]))
    check.on_page([], when)
    assert not check.is_due(when + timedelta(minutes=24)) and check.is_due(when + timedelta(minutes=25))


def test_a_difference_is_logged_once_and_the_symbol_is_polled_from_then_on(caplog):
    logging.getLogger("minute_candles").propagate = True
    check = RestCrossCheck("005930", 0)
    check.on_proven(proven(0)._replace(through=TEN + timedelta(minutes=4)))
    check.on_page([proven(0).candle, proven(0, 5).candle._replace(turnover=None), proven(5).candle], at(10, 5))
    assert check.is_trusted, "equal, unproven by turnover, or not streamed"
    for _ in range(2):
        check.on_page([proven(2).candle], at(10, 5))  # the stream held it for empty
    assert not check.is_trusted
    assert caplog.text.count("스트림과 REST가 다릅니다 (스트림 거래 없음, REST 70000/70000") == 1


@pytest.mark.slow
def test_rest_wins_where_both_differ_and_the_minutes_after_come_by_rounds(make, monkeypatch):
    """No captured frame lies, so the lie is planted between chain and queue."""
    real = Chain.add

    def lying(self, tick):
        return [one._replace(candle=one.candle._replace(high=one.candle.high + 1)) for one in real(self, tick)]

    monkeypatch.setattr(Chain, "add", lying)
    monkeypatch.setattr("minute_candles.live.stream.rest_cross_check.EVERY", 1)
    day = make(NEARLY_TEN, ("005930", "000660"), "brisk")
    with day.running():
        wait_until(lambda: len(day.lines("스트림과 REST가 다릅니다")) == 2, 30)
        day.wait(day.clock.now() + timedelta(minutes=2))
        day.assert_true_so_far()


@pytest.fixture
def live(tmp_path):
    """A session that knows 005930 up to 10:00 and 900 KRW, at 10:03:30; it calls no KIS."""
    clock = FakeClock(at(10, 3, 30))
    store = open_store(Database("sqlite", path=tmp_path / "minutes.db"), clock)
    store.preflight()
    kis = SimpleNamespace(skew=timedelta(0), suspected_skew=None)
    made = LiveSession(kis, store, TradingCalendar(), clock, ["005930"], [], 1)
    made.states.of("005930").watermark = Watermark(TEN, TEN - timedelta(minutes=2), 900)
    yield made
    store.close()


@pytest.mark.parametrize(("minute", "before", "stored", "read", "counted"), [
    (0, 900, True, 1, 1), (2, 900, True, 3, 1), (2, 901, True, 0, 0), (-1, 900, True, 0, 1), (-1, 300, False, 0, 0),
], ids=["the next minute", "no trade between", "a trade between", "REST behind", "REST wins"])  # fmt: skip
def test_a_day_is_known_further_only_where_turnover_leads_on(live, minute, before, stored, read, counted):
    state = live.states.of("005930")
    assert live.writer.store_proven(state, session(), proven(minute, before=before)) == stored
    day = live._store.coverage(["005930"], FRIDAY, FRIDAY).get(("005930", FRIDAY))
    assert state.watermark and (state.watermark.read.minute, day.counts[0] if day else 0) == (read, counted)
    assert bool(live._store.candles("005930", 1, TEN - timedelta(hours=1), TEN + timedelta(hours=1))) == stored


def test_what_a_stream_wrote_alone_is_not_taken_for_the_whole_day_after_a_restart(live):
    live.writer.store_proven(live.states.of("005930"), session(), proven(2, before=901))
    live.begin(session())
    state = live.states.of("005930")
    assert state.watermark is None
    state.watermark = Watermark(TEN + timedelta(minutes=2), TEN - timedelta(minutes=2), 901)
    live.writer.store_proven(state, session(), proven(2, before=901))
    live.begin(session())
    known = live.states.of("005930").watermark
    assert known and known.read == TEN + timedelta(minutes=3), "known to the minute that it was proven to, not to now"


def streamed_until(second, *, garbled=None):
    """A session that took a trade each ten seconds from 10:00 on; `garbled`: this one is stamped 15:19:59."""
    run = object.__new__(IngestSession)
    run.streamed, run._queue = {"005930": StreamedSymbol("005930", session(), 0)}, Queue(400)
    trades = [Trade(36_000 + number * 10, 70_000 + number % 7, 1 + number % 5) for number in range(second // 10)]
    for number, tick in enumerate(ticks_of(trades)):
        now = at(10, 0, number * 10)
        if number == garbled:
            tick = tick._replace(at=datetime(2026, 11, 20, 15, 19, 59), minute=datetime(2026, 11, 20, 15, 19))
        run._stream = SimpleNamespace(server_clock=SimpleNamespace(latest_now=lambda now=now: now))
        run._on_ticks([tick])
    return run, [run._queue.get_nowait() for _ in range(run._queue.qsize())]


def test_a_stamp_more_than_a_minute_ahead_of_the_clock_proves_nothing():
    _, true = streamed_until(600)
    _, found = streamed_until(600, garbled=15)  # in 10:02
    assert [one.candle for one in true if one.candle.timestamp.minute != 2] == [one.candle for one in found]


def test_an_unbroken_chain_is_polled_for_the_cross_check_alone_until_the_close():
    run, minutes = streamed_until(130)
    symbol, last = run.streamed["005930"], minutes[-1]
    symbol.on_page([], Watermark(last.through, last.candle.timestamp), at(15, 29, 30))
    known = Watermark(last.through, last.candle.timestamp, last.turnover, last.candle.timestamp)
    assert symbol.keeps_current(known, session(), at(15, 29)) and not symbol.keeps_current(known, session(), at(15, 30))
    run._on_cut()
    assert not symbol.keeps_current(known, session(), at(15, 29))


def test_a_window_that_closes_in_a_lull_is_stored_without_a_call(live):
    state, trade = live.states.of("005930"), Trade(35_880, 70_000, 3)  # 09:58
    state.watermark, early = None, TEN - timedelta(minutes=2)
    live.writer.store_proven(state, session(), proven(-2)._replace(through=TEN + timedelta(minutes=1)))
    symbol = StreamedSymbol("005930", session(), 0)
    symbol.add(ticks_of([trade])[0])
    symbol.on_page([], Watermark(early), at(10, 3, 5))
    live.states.attach({"005930": symbol})
    state.watermark = Watermark(TEN - timedelta(minutes=1), early, 210_000)
    assert live._poller.poll("005930", session(), (1, 5)) == {1: 0, 5: 1, 15: 0}, "the client here has no call at all"
    assert state.watermark == Watermark(TEN + timedelta(minutes=3), early, 210_000)
