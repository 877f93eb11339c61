"""Answers that KIS really gave, through client, candles and calendar: a future hour, an unfinished day, holidays."""

import json
from contextlib import contextmanager
from datetime import date, datetime

import pytest
from kis_testing import FakeClock, Scripted, client_of, said, settings_for
from places import SHARED

from minute_candles.core.errors import SourceError
from minute_candles.core.kst import KST
from minute_candles.live.today_pages import read_day
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.intraday import Watermark

DATA = SHARED / "data"
pytestmark = pytest.mark.skipif(not (DATA / "kis_holidays.json").exists(), reason=f"{DATA} is not here")
NOW = datetime(2026, 5, 27, 15, 8, 30, tzinfo=KST)
CALENDAR = TradingCalendar()
SESSION = CALENDAR.session(NOW.date())


@pytest.fixture
def captured(tmp_path):
    """The content of a captured answer, and a client that is given it."""

    @contextmanager
    def give(name: str):
        content = json.loads((DATA / name).read_text(encoding="utf-8"))
        body = {"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "정상처리 되었습니다.", **content}
        with Scripted(said(json.dumps(body, ensure_ascii=False).encode())) as kis:
            yield content, client_of(settings_for(kis.url, tmp_path), FakeClock(NOW))

    return give


def test_an_hour_in_the_future_brings_nothing_of_the_future_into_the_table(captured) -> None:
    """At 15:08: the row labelled 15:30 carries the running minute, what lies between is filler (§5)."""
    with captured("kis_today_future_hour_a.json") as (_, client):
        mark = Watermark(datetime(2026, 5, 27, 15, 2), datetime(2026, 5, 27, 15, 1))
        reading = read_day(client, "005930", SESSION, NOW, mark)
    assert [f"{candle.timestamp:%H:%M}" for candle in reading.candles] == [f"15:0{minute}" for minute in range(1, 8)]
    assert all(candle.vwap for candle in reading.candles[1:])
    assert reading.watermark.traded == datetime(2026, 5, 27, 15, 7)


@pytest.mark.parametrize("which", ["b", "c"])
def test_an_answer_that_is_all_future_is_no_answer(captured, which: str) -> None:
    with captured(f"kis_today_future_hour_{which}.json") as (_, client), pytest.raises(SourceError):
        read_day(client, "005930", SESSION, NOW.replace(minute=0), None)


def test_the_holidays_of_kis_are_those_of_the_calendar(captured) -> None:
    with captured("kis_holidays.json") as (_, client):
        opened = dict(client.holidays(date(2026, 10, 8)))
    assert len(opened) == 5 and opened[date(2026, 10, 9)] is False
    assert all(CALENDAR.is_trading_day(day) == is_open for day, is_open in opened.items())
