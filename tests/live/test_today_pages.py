"""The running day: today's TR page by page with its traps, and how pages are laid over what is stored."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from kis_testing import at as naive
from kis_testing import raw, session, trading

from minute_candles.core.errors import SourceError
from minute_candles.core.kst import KST
from minute_candles.kis.http import Transient
from minute_candles.kis.parse import minute_rows
from minute_candles.live.intraday_backfill import IntradayBackfill
from minute_candles.live.today_pages import read_day
from minute_candles.market.candles import Candle, Candles
from minute_candles.market.intraday import Watermark, merged
from minute_candles.market.windows import aggregate

SESSION = session()
OPEN = naive(9, 0)


def now(hour, minute, second=3):
    return datetime(2026, 11, 18, hour, minute, second, tzinfo=KST)


class Pages:
    """A client that answers today's TR from a list of rows, newest first, or from a script of pages."""

    def __init__(self, rows=(), *, script=()):
        self.rows, self.script, self.calls = list(rows), list(script), []

    def today_minutes(self, symbol, last):
        self.calls.append(f"{last:%H:%M:%S}")
        if self.script:
            return minute_rows(self.script.pop(0))
        return minute_rows([row for row in self.rows if row["stck_cntg_hour"] <= f"{last:%H%M%S}"][:30])


def minutes(first, count, before=0):
    """`count` minutes in a row from HHMM, newest first."""
    start = datetime.strptime(first, "%H%M")
    return trading([(f"{start + timedelta(minutes=n):%H%M}00", 1000, 10) for n in range(count)], before=before)


def impossible(rows, hour):
    return [row | {"stck_lwpr": "999999"} if row["stck_cntg_hour"] == hour else row for row in rows]


BAD = [raw("093000", 1000, 10, 10_000, ohl=(1000, 900, 1000))]
HIGH, OTHER = (impossible(minutes("0900", 5), hour) for hour in ("090200", "090300"))
UNREAD = minutes("0930", 30, before=10_000)


@pytest.mark.parametrize(("client", "moment", "count", "calls"), [
    (Pages(minutes("0900", 100)), now(10, 35), 95, "10:34:59 10:04:59 09:34:59 09:04:59"),
    (Pages(minutes("0900", 5)), now(9, 0, 59), 0, ""),  # no minute is over
    (Pages([row | {"stck_bsop_date": "20261117"} for row in minutes("1500", 30)]), now(9, 5), 0, None),  # yesterday's
    (Pages(minutes("0906", 30)), now(9, 36), 30, "09:35:59 09:05:59 09:05:59"),  # a full page to the first trade
    (Pages(script=[[], minutes("0900", 3)]), now(9, 3), 3, "09:02:59 09:02:59"),  # an empty answer
    (Pages(script=[UNREAD, [], [], [], minutes("0900", 30)]), now(10, 0), 60, None),  # turnover contradicts
    (Pages(UNREAD), now(10, 0), 30, "09:59:59" + 4 * " 09:29:59"),  # off-hours trades: nothing can be proven
    (Pages(minutes("1500", 31)), now(18, 0), 31, "15:39:59 15:00:59"),  # after the session
    (Pages(script=[BAD, minutes("0900", 5)]), now(9, 5), 5, None),  # a bad row once
    (Pages(script=[HIGH, HIGH]), now(9, 5), 4, None),  # an impossible row twice alike
])  # fmt: skip
def test_a_day_is_read_page_by_page(client, moment, count, calls):
    found = [candle.timestamp for candle in read_day(client, "005930", SESSION, moment, None).candles]
    assert len(found) == len({*found}) == count and found == sorted(found)
    assert calls is None or client.calls == calls.split()


def test_what_cannot_be_read_twice_or_is_later_than_requested_fails_the_visit():
    for pages, hour in (([BAD, BAD], 9), ([minutes("0930", 30)] * 2, 10), ([HIGH, OTHER], 9)):
        with pytest.raises(SourceError):
            read_day(Pages(script=pages), "005930", SESSION, now(hour, 5 * (hour == 9)), None)


def candle(hour, minute, close=1000, volume=10, *, proven=True):
    turnover = close * volume if proven else None
    return Candle(naive(hour, minute), close, close, close, close, volume, turnover, Decimal(close) if proven else None)


def stored_day(minutes, moment):
    """As the store hands it out: without turnovers."""
    kept, limit = [one._replace(turnover=None) for one in minutes], moment.replace(tzinfo=None)
    windows = {n: [c for c in aggregate(kept, n) if c.timestamp + timedelta(minutes=n) <= limit] for n in (5, 15)}
    return {1: kept, **windows}


def merge(stored, fresh, moment, due=(1, 5, 15)):
    return merged(stored, fresh, SESSION, moment, due, OPEN)


EMPTY: Candles = {1: [], 5: [], 15: []}


def test_windows_come_when_they_are_due():
    fresh = [candle(9, minute) for minute in range(15)]
    counts = [len(merge(EMPTY, fresh, now(9, 15), due)[n]) for due in ((1,), (5,), (1, 15)) for n in (5, 15)]
    assert counts == [0, 0, 3, 0, 0, 1]
    stored = stored_day([candle(9, minute) for minute in range(3)], now(9, 3))
    assert [c.volume for c in merge(stored, [], now(9, 5))[5]] == [30], "its last minutes had no trade"
    auction = [[len(merge(EMPTY, [candle(15, 30)], end)[n]) for n in (5, 15)] for end in (now(15, 39, 59), now(15, 40))]
    assert auction == [[1, 0], [1, 1]], "over with the session"


def test_a_stored_window_follows_its_minutes_due_or_not_and_else_stays_as_it_is():
    minutes = [candle(9, minute) for minute in range(15)]
    stored = stored_day(minutes, now(9, 15))
    stored[5] = aggregate(minutes, 5)
    result = merge(stored, [candle(9, 7, volume=25)], now(9, 15), due=())
    assert [c.volume for c in result[5]] == [50, 65, 50] and result[15][0].volume == 165
    assert result[5][0].vwap == Decimal(1000), "proven by pages that are gone; the table alone could not prove it"


@pytest.mark.parametrize(("stored", "fresh", "is_fresh_kept"), [
    (candle(9, 1, volume=3, proven=False), candle(9, 1), True),
    (candle(9, 31), candle(9, 31, close=999_999, proven=False), False),
    (candle(9, 0, volume=1), candle(9, 0, proven=False), True),
], ids=["a proven one counts", "an unproven one replaces no proven one", "at the open the newer one"])  # fmt: skip
def test_which_of_two_minutes_counts(stored, fresh, is_fresh_kept):
    """The backend writes the running minute (kis_http.md §12); the minute at the open can never be proven."""
    moment = now(9, stored.timestamp.minute + 1)
    [found] = merge(stored_day([stored], moment), [fresh], moment)[1]
    assert found == (fresh if is_fresh_kept else stored._replace(turnover=None))


def test_rows_before_what_was_read_are_left_alone():
    fresh = [candle(9, minute) for minute in range(30)]
    assert merged(EMPTY, fresh, SESSION, now(9, 30), (1, 5, 15), naive(9, 15))[1][0].timestamp == naive(9, 15)


def test_answers_that_said_nothing_are_no_knowledge_of_the_minutes_before():
    """KIS answers with yesterday's rows from the open on; once today's come, the page goes back to the open."""
    known = read_day(Pages(), "005930", SESSION, now(9, 40), None).watermark
    assert known == Watermark(naive(9, 40))
    assert len(read_day(Pages(minutes("0900", 60)), "005930", SESSION, now(9, 50), known).candles) == 50


def test_a_minute_that_shows_late_is_fetched_when_the_next_one_trades():
    """09:11 is a filler until 10:30 trades: the page reaches back to the minute last known to trade, not last read."""
    trades, hours = {"0910": 5, "0911": 7, "1030": 3}, [f"{OPEN + timedelta(minutes=n):%H%M}" for n in range(92)]
    awake = Pages(trading([(f"{hour}00", 1000, trades.get(hour, 0)) for hour in hours]))
    before = [row for row in awake.rows if row["stck_cntg_hour"] < "103000"]
    quiet = Pages([raw("091100", 1000, 0, 5_000) if row["stck_cntg_hour"] == "091100" else row for row in before])
    reading = read_day(quiet, "005930", SESSION, now(10, 20), None)
    assert [c.timestamp for c in reading.candles] == [naive(9, 10)]
    assert reading.watermark == Watermark(naive(10, 20), naive(9, 10), 12_000, naive(10, 19), is_explained=False)
    reading = read_day(awake, "005930", SESSION, now(10, 31), reading.watermark)
    assert {f"{candle.timestamp:%H%M}": candle.volume for candle in reading.candles} == trades
    assert reading.candles[-2].turnover == 7_000 and reading.watermark.turnover == 15_000


@pytest.mark.parametrize("past_of", [
    lambda rows: [], lambda rows: [{**row, "stck_bsop_date": "20261117"} for row in rows],
    lambda rows: [row for row in rows if row["stck_cntg_hour"] < "120000"],
    lambda rows: [row for row in rows if row["stck_cntg_hour"] != "101500"], lambda rows: impossible(rows, "101500"),
], ids=["empty", "yesterday's", "late", "with a hole", "with an impossible row"])  # fmt: skip
def test_where_the_past_tr_is_no_help_todays_tr_is(past_of):
    """The past TR has no fillers, and 120 rows a page."""
    client = Pages(minutes("0900", 240))
    past = [row for row in past_of(client.rows) if row["cntg_vol"] != "0"]
    client.past_minutes = lambda _symbol, last: minute_rows(
        [r for r in past if r["stck_bsop_date"] < "20261118" or r["stck_cntg_hour"] <= f"{last:%H%M%S}"][:120]
    )
    heal = IntradayBackfill(client, offered=True).reader("005930", SESSION)
    assert len(read_day(client, "005930", SESSION, now(13, 0), None, heal).candles) == 240
    assert client.calls.count("12:29:59") == 1


@pytest.mark.parametrize("error", [None, SourceError("OPSQ2001"), Transient("no answer")])
def test_a_past_tr_without_today_or_that_refuses_fails_no_visit_and_is_called_three_times_a_day(error):
    past = Mock(side_effect=error, return_value=[])
    client = SimpleNamespace(today_minutes=Pages(minutes("0900", 240)).today_minutes, past_minutes=past)
    backfill = IntradayBackfill(client, offered=True)
    for _ in range(5):
        heal = backfill.reader("005930", SESSION)
        assert len(read_day(client, "005930", SESSION, now(13, 0), None, heal).candles) == 240
    assert past.call_count == 3 and backfill.reader("005930", session(date(2026, 11, 19))) is not None
    assert IntradayBackfill(client, offered=False).reader("005930", SESSION) is None
