"""Answers that KIS really gave (2025-08-26, 15:01–15:30), replayed over HTTP, through client and candles."""

import json
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

import pytest
from kis_testing import FakeClock, Listening, client_of, settings_for
from places import SHARED

from minute_candles.core.kst import KST
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.session_rows import session_rows
from minute_candles.market.turnover_proof import prove
from minute_candles.market.windows import derive

RECORDED = SHARED / "data" / "kis_today_20250826.json"
pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason=f"{RECORDED} is not here")
SESSION = TradingCalendar().session(date(2025, 8, 26))
SYMBOLS = ["005930", "000660", "035420", "034020", "069500", "008930", "006650", "180640", "033780", "326030"]
PRICES = ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_prpr")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    clock = FakeClock(datetime(2025, 8, 26, 16, tzinfo=KST))
    with Listening(clock, replay=RECORDED) as sim:
        yield client_of(settings_for(sim.url, tmp_path_factory.mktemp("token")), clock)


def candles(client, symbol: str):
    proof = prove(session_rows(client.today_minutes(symbol, SESSION.end), SESSION, fillers=True), SESSION)
    assert proof.doubts == []
    return proof.candles


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_what_was_sent_is_what_is_stored_but_the_fillers_and_half_the_auction(client, symbol):
    sent = json.loads(RECORDED.read_text(encoding="utf-8"))["symbols"][symbol]["output2"][::-1]
    traded = [row for row in sent if row["cntg_vol"] != "0"]
    found = candles(client, symbol)
    *session, auction = found
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
        assert (
            candle.vwap == exact.quantize(Decimal("0.01"), ROUND_HALF_UP) and candle.low <= candle.vwap <= candle.high
        )


def test_samsung_has_nineteen_minutes_and_an_auction_of_half_of_what_was_sent(client):
    found = candles(client, "005930")
    times = [f"{candle.timestamp:%H:%M}" for candle in found]
    assert times == [*(f"15:{minute:02}" for minute in range(1, 20)), "15:30"]
    assert found[-1][1:6] == (70_300, 70_300, 70_300, 70_300, 2_950_689)
    assert found[-1].turnover == 2_950_689 * 70_300 and found[-1].vwap == Decimal("70300.00")
    windows = derive(found)
    assert [f"{candle.timestamp:%H:%M}" for candle in windows[5]] == ["15:00", "15:05", "15:10", "15:15", "15:30"]
    assert [f"{candle.timestamp:%H:%M}" for candle in windows[15]] == ["15:00", "15:15", "15:30"]
    assert len({sum(candle.volume for candle in of) for of in windows.values()}) == 1


def test_without_its_witnesses_the_auction_alone_is_not_corrected(client):
    alone = [row for row in client.today_minutes("005930", SESSION.end) if row.minute == datetime(2025, 8, 26, 15, 30)]
    only = prove(session_rows(alone, SESSION, fillers=True), SESSION).candles[0]
    assert (only.volume, only.vwap) == (5_901_378, None)
