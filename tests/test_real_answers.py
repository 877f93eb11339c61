"""Answers that KIS really gave, through client, candles and calendar: an afternoon, a future hour, holidays."""

import json
from contextlib import contextmanager
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

import pytest
from kis_testing import FakeClock, Listening, Scripted, client_of, said, settings_for
from places import SHARED

from minute_candles.core.errors import SourceError
from minute_candles.core.kst import KST
from minute_candles.live.today_pages import read_day
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.intraday import Watermark
from minute_candles.market.session_rows import session_rows
from minute_candles.market.turnover_proof import prove

DATA = SHARED / "data"
RECORDED = DATA / "kis_today_20250826.json"
"""15:01–15:30."""
pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason=f"{RECORDED} is not here")
CALENDAR = TradingCalendar()
SESSION = CALENDAR.session(date(2025, 8, 26))
SYMBOLS = ["005930", "000660", "035420", "034020", "069500", "008930", "006650", "180640", "033780", "326030"]
PRICES = ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_prpr")
NOW = datetime(2026, 5, 27, 15, 8, 30, tzinfo=KST)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    clock = FakeClock(datetime(2025, 8, 26, 16, tzinfo=KST))
    with Listening(clock, replay=RECORDED) as sim:
        yield client_of(settings_for(sim.url, tmp_path_factory.mktemp("token")), clock)


@contextmanager
def captured(name, folder):
    """A client that is given a captured answer."""
    body = {"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "", **json.loads((DATA / name).read_text(encoding="utf-8"))}
    with Scripted(said(json.dumps(body, ensure_ascii=False).encode())) as kis:
        yield client_of(settings_for(kis.url, folder), FakeClock(NOW))


def candles(client, symbol: str):
    proof = prove(session_rows(client.today_minutes(symbol, SESSION.end), SESSION, fillers=True), SESSION)
    assert proof.doubts == []
    return proof.candles


def times(candles):
    return [f"{candle.timestamp:%H:%M}" for candle in candles]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_what_was_sent_is_what_is_stored_but_the_fillers_and_half_the_auction(client, symbol):
    sent = json.loads(RECORDED.read_text(encoding="utf-8"))["symbols"][symbol]["output2"][::-1]
    traded = [row for row in sent if row["cntg_vol"] != "0"]
    *session, auction = found = candles(client, symbol)
    assert len(sent) - len(traded) >= 10
    assert [(f"{candle.timestamp:%H%M00}", *candle[1:5]) for candle in found] == [
        (row["stck_cntg_hour"], *(int(row[name]) for name in PRICES)) for row in traded
    ]
    assert [candle.volume for candle in session] == [int(row["cntg_vol"]) for row in traded[:-1]]
    before, closing, first = (int(sent[at]["acml_tr_pbmn"]) for at in (-2, -1, 0))
    assert auction.volume * auction.close == closing - before and auction.volume * 2 == int(sent[-1]["cntg_vol"])
    assert sum(candle.turnover or 0 for candle in found) == closing - first
    assert found[0].vwap is None
    for candle in found[1:]:
        exact = Decimal(candle.turnover) / candle.volume
        assert candle.low <= candle.vwap == exact.quantize(Decimal("0.01"), ROUND_HALF_UP) <= candle.high


def test_samsung_has_nineteen_minutes_and_an_auction_of_half_of_what_was_sent_which_alone_is_not_corrected(client):
    found = candles(client, "005930")
    assert times(found) == [*(f"15:{minute:02}" for minute in range(1, 20)), "15:30"]
    assert found[-1][1:6] == (70_300, 70_300, 70_300, 70_300, 2_950_689)
    assert found[-1].turnover == 2_950_689 * 70_300 and found[-1].vwap == Decimal("70300.00")
    alone = [row for row in client.today_minutes("005930", SESSION.end) if row.minute == datetime(2025, 8, 26, 15, 30)]
    only = prove(session_rows(alone, SESSION, fillers=True), SESSION).candles[0]
    assert (only.volume, only.vwap) == (5_901_378, None)


def test_an_hour_in_the_future_brings_nothing_of_the_future_into_the_table(tmp_path) -> None:
    """At 15:08: the row labelled 15:30 carries the running minute, what lies between is filler (§5)."""
    session = CALENDAR.session(NOW.date())
    with captured("kis_today_future_hour_a.json", tmp_path) as client:
        mark = Watermark(datetime(2026, 5, 27, 15, 2), datetime(2026, 5, 27, 15, 1))
        reading = read_day(client, "005930", session, NOW, mark)
    assert times(reading.candles) == [f"15:0{minute}" for minute in range(1, 8)]
    assert all(candle.vwap for candle in reading.candles[1:])
    assert reading.watermark.traded == datetime(2026, 5, 27, 15, 7)
    for which in "bc":
        name = f"kis_today_future_hour_{which}.json"
        with captured(name, tmp_path) as client, pytest.raises(SourceError):
            read_day(client, "005930", session, NOW.replace(minute=0), None)


def test_the_holidays_of_kis_are_those_of_the_calendar(tmp_path) -> None:
    with captured("kis_holidays.json", tmp_path) as client:
        opened = dict(client.holidays(date(2026, 10, 8)))
    assert len(opened) == 5 and opened[date(2026, 10, 9)] is False
    assert all(CALENDAR.is_trading_day(day) == is_open for day, is_open in opened.items())
