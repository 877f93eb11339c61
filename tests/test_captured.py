"""Answers that KIS really gave, through client, candles and calendar: a future hour, an unfinished day, holidays."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from kis_testing import FakeClock, Scripted, client_of, said, settings_for
from places import SHARED

from minute_candles.core.errors import SourceError
from minute_candles.core.kst import KST
from minute_candles.kis.client import KisClient
from minute_candles.live.today_pages import read_day
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.daily import daily_by_date
from minute_candles.market.intraday import Watermark

DATA = SHARED / "data"
pytestmark = pytest.mark.skipif(not (DATA / "kis_holidays.json").exists(), reason=f"{DATA} is not here")
DAY = date(2026, 5, 27)
SESSION = TradingCalendar().session(DAY)


def captured(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))
    return found


def server(name: str) -> Scripted:
    body = {"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "정상처리 되었습니다.", **captured(name)}
    return Scripted(said(json.dumps(body, ensure_ascii=False).encode()))


def client_at(kis: Scripted, folder: Path, moment: datetime) -> KisClient:
    return client_of(settings_for(kis.url, folder), FakeClock(moment))


def test_an_hour_in_the_future_brings_nothing_of_the_future_into_the_table(tmp_path: Path) -> None:
    """Asked at 15:08: the row labelled 15:30 carries the running minute, what lies between is filler (§5)."""
    now = datetime(2026, 5, 27, 15, 8, 30, tzinfo=KST)
    with server("kis_today_future_hour_a.json") as kis:
        seen = Watermark(datetime(2026, 5, 27, 15, 2), datetime(2026, 5, 27, 15, 1))
        reading = read_day(client_at(kis, tmp_path, now), "005930", SESSION, now, seen)
    assert [f"{candle.timestamp:%H:%M}" for candle in reading.candles] == [f"15:0{minute}" for minute in range(1, 8)]
    assert all(candle.vwap for candle in reading.candles[1:])
    assert reading.watermark.traded == datetime(2026, 5, 27, 15, 7)


@pytest.mark.parametrize("which", ["b", "c"])
def test_an_answer_that_is_all_future_is_no_answer(tmp_path: Path, which: str) -> None:
    now = datetime(2026, 5, 27, 15, 0, 30, tzinfo=KST)
    with server(f"kis_today_future_hour_{which}.json") as kis, pytest.raises(SourceError, match="그 뒤의 행만"):
        read_day(client_at(kis, tmp_path, now), "005930", SESSION, now, None)


def test_a_daily_candle_asked_in_session_is_read_as_it_is(tmp_path: Path) -> None:
    rows = captured("kis_daily_in_session.json")["output2"]
    with server("kis_daily_in_session.json") as kis:
        client = client_at(kis, tmp_path, datetime(2026, 5, 27, 15, 10, tzinfo=KST))
        told = daily_by_date(client.daily("005930", date(2026, 5, 1), DAY))
    assert len(told) == len(rows) == 10
    today = told[DAY]
    assert today and today.low <= today.open <= today.high and today.volume == int(rows[0]["acml_vol"])
    assert all(TradingCalendar().is_trading_day(day) for day in told)


def test_the_holidays_kis_told_are_those_of_the_calendar(tmp_path: Path) -> None:
    with server("kis_holidays.json") as kis:
        client = client_at(kis, tmp_path, datetime(2026, 10, 8, 9, tzinfo=KST))
        opened = dict(client.holidays(date(2026, 10, 8)))
    assert len(opened) == 5 and opened[date(2026, 10, 9)] is False
    assert all(TradingCalendar().is_trading_day(day) == is_open for day, is_open in opened.items())
