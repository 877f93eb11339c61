"""Answers that KIS really gave (2025-08-26, 15:01–15:30), replayed over HTTP, through client and candles."""

import json
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

import pytest
from kis_testing import FakeClock, Listening, client_of, settings_for
from places import SHARED

from minute_candles.core.kst import KST
from minute_candles.kis.client import KisClient
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import Candle
from minute_candles.market.session_rows import session_rows
from minute_candles.market.turnover_proof import prove
from minute_candles.market.windows import derive

RECORDED = SHARED / "data" / "kis_today_20250826.json"
pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason=f"{RECORDED} is not here")

DAY = date(2025, 8, 26)
SESSION = TradingCalendar().session(DAY)
SYMBOLS = ["005930", "000660", "035420", "034020", "069500", "008930", "006650", "180640", "033780", "326030"]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    clock = FakeClock(datetime(2025, 8, 26, 16, tzinfo=KST))
    with Listening(clock, replay=RECORDED) as sim:
        yield client_of(settings_for(sim.url, tmp_path_factory.mktemp("token")), clock)


@pytest.fixture(params=SYMBOLS)
def symbol(request) -> str:
    return request.param


def sent(symbol: str) -> list[dict[str, str]]:
    """The recorded rows, oldest first, read here without the code under test."""
    return json.loads(RECORDED.read_text(encoding="utf-8"))["symbols"][symbol]["output2"][::-1]


def candles(client: KisClient, symbol: str) -> list[Candle]:
    rows = session_rows(client.today_minutes(symbol, SESSION.end), SESSION, fillers=True)
    proof = prove(rows, SESSION)
    assert proof.doubts == []
    return proof.candles


def test_ten_symbols_were_recorded():
    assert sorted(json.loads(RECORDED.read_text(encoding="utf-8"))["symbols"]) == sorted(SYMBOLS)


def test_samsung_has_nineteen_minutes_and_the_auction(client):
    times = [f"{candle.timestamp:%H:%M}" for candle in candles(client, "005930")]
    assert times == [*(f"15:{minute:02}" for minute in range(1, 20)), "15:30"]


def test_samsungs_auction_is_half_of_what_was_sent(client):
    auction = candles(client, "005930")[-1]
    assert sent("005930")[-1]["cntg_vol"] == "5901378"
    assert auction[1:6] == (70_300, 70_300, 70_300, 70_300, 2_950_689)
    assert auction.turnover == 2_950_689 * 70_300 and auction.vwap == Decimal("70300.00")


def test_filler_rows_are_no_candles(client, symbol):
    fillers = [row["stck_cntg_hour"] for row in sent(symbol) if row["cntg_vol"] == "0"]
    assert len(fillers) >= 10
    assert not {f"{candle.timestamp:%H%M00}" for candle in candles(client, symbol)} & set(fillers)


def test_every_minute_with_a_trade_is_a_candle(client, symbol):
    traded = [row["stck_cntg_hour"] for row in sent(symbol) if row["cntg_vol"] != "0"]
    assert [f"{candle.timestamp:%H%M00}" for candle in candles(client, symbol)] == traded


def test_prices_are_those_that_were_sent(client, symbol):
    names = ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_prpr")
    traded = [tuple(int(row[name]) for name in names) for row in sent(symbol) if row["cntg_vol"] != "0"]
    assert [candle[1:5] for candle in candles(client, symbol)] == traded


def test_the_auctions_volume_is_its_turnover_over_its_price(client, symbol):
    auction = candles(client, symbol)[-1]
    moved = int(sent(symbol)[-1]["acml_tr_pbmn"]) - int(sent(symbol)[-2]["acml_tr_pbmn"])
    assert auction.volume * auction.close == moved
    assert auction.volume * 2 == int(sent(symbol)[-1]["cntg_vol"])


def test_all_other_volumes_are_left_as_sent(client, symbol):
    volumes = [int(row["cntg_vol"]) for row in sent(symbol)[:-1] if row["cntg_vol"] != "0"]
    assert [candle.volume for candle in candles(client, symbol)[:-1]] == volumes


def test_turnovers_add_up_to_what_the_day_moved_by(client, symbol):
    moved = int(sent(symbol)[-1]["acml_tr_pbmn"]) - int(sent(symbol)[0]["acml_tr_pbmn"])
    assert sum(candle.turnover or 0 for candle in candles(client, symbol)) == moved


def test_every_minute_but_the_first_has_its_exact_vwap(client, symbol):
    first, *others = candles(client, symbol)
    assert first.vwap is None
    for candle in others:
        exact = Decimal(candle.turnover) / candle.volume
        assert candle.vwap == exact.quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert candle.low <= candle.vwap <= candle.high


def test_windows_are_five_and_three(client):
    windows = derive(candles(client, "005930"))
    assert [f"{candle.timestamp:%H:%M}" for candle in windows[5]] == ["15:00", "15:05", "15:10", "15:15", "15:30"]
    assert [f"{candle.timestamp:%H:%M}" for candle in windows[15]] == ["15:00", "15:15", "15:30"]
    assert {sum(candle.volume for candle in of) for of in windows.values()} == {sum(c.volume for c in windows[1])}


def test_without_its_witnesses_the_auction_alone_is_not_corrected(client):
    alone = [row for row in client.today_minutes("005930", SESSION.end) if row.minute == datetime(2025, 8, 26, 15, 30)]
    only = prove(session_rows(alone, SESSION, fillers=True), SESSION).candles[0]
    assert (only.volume, only.vwap) == (5_901_378, None)
