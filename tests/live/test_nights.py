"""What an operator meets at night and in the morning: states in which the updater must not be idle or wrong."""

import re
from contextlib import closing
from datetime import date, datetime, timedelta

import pytest
from backfill_tools import MINUTES, coverage, stored_rows
from updater_tools import FRIDAY, assert_provisional, at

import fetch_minute_data
from kis_simulator.faults.server_behaviour import ServerBehaviour
from minute_candles.backfill.check import check_running
from minute_candles.backfill.request import wanted
from minute_candles.market.calendar import TradingCalendar
from minute_candles.monitoring import status_file
from minute_candles.monitoring.single_instance import only_one
from minute_candles.storage.store import open_store

pytestmark = pytest.mark.usefixtures("short_week")
SELDOM = {1: 5, 5: 5, 15: 15}
AS_KIS = ServerBehaviour(fillers=True, late_rows=True)
USUAL = {"profiles": {"005930": "liquid", "000660": "liquid"}}


def test_a_vts_updater_in_the_evening_takes_complete_away_from_nobody(make):
    """A real key has settled today of two symbols; then a VTS updater of three comes."""
    real = make(at(15, 41))
    assert real.run(until=at(16, 0), once=True) == 0
    settled = {symbol: stored_rows(real.url, symbol) for symbol in real.symbols}
    day = make(at(18, 0), ("005930", "000660", "035420"), env="vts", rate_limit=0.9, kis={"env": "vts"})
    day.run(until=at(18, 30))
    found = coverage(day.url)
    assert found.pop(("035420", str(FRIDAY))) == "PROVISIONAL" and set(found.values()) == {"COMPLETE"}
    assert {symbol: stored_rows(day.url, symbol) for symbol in settled} == settled and not day.watcher.wrong
    assert day.count("itemchart", symbol="035420") and not day.count("itemchart", symbol="000660")


def test_on_vts_the_last_look_goes_back_over_a_lull(make):
    """Illiquid ones whose last trade before the auction lies more than a page back."""
    lull, kis = ("000006", "000086"), {"env": "vts", "behaviour": AS_KIS}
    day = make(at(14, 50), lull, "illiquid", every=SELDOM, env="vts", rate_limit=0.9, kis=kis)
    day.run(until=at(17, 0))
    for symbol in day.symbols:
        assert_provisional(day, symbol, at(23, 59), tuple(MINUTES))
        assert [row[2] for row in stored_rows(day.url, symbol)].count(datetime(2026, 11, 20, 15, 30)) == 3


def states(day, *moments):
    """What `--status` says at these moments, by HH:MM; filled while the day runs."""
    found = {}

    def look():
        found[f"{day.clock.now():%H:%M}"] = status_file.render(status_file.read(day.folder), day.clock.now())[1]

    for moment in moments:
        day.clock.plan(moment, look)
    return found


ALL = {"09:04": True, "09:05": False, "09:39": False, "09:43": True}
ONE = {"09:25": True, "09:45": False, "17:00": True}


@pytest.mark.parametrize(("kind", "only", "every", "clear", "shows"), [
    ("wrong_day", "", {1: 1, 5: 5, 15: 15}, at(9, 40, 30), ALL), ("empty", "000660", SELDOM, at(15, 40), ONE),
], ids=["all, another day's rows", "one from the open on, nothing"])  # fmt: skip
def test_a_session_of_answers_that_say_nothing_is_a_trouble_reported_once(make, kind, only, every, clear, shows):
    day = make(at(8, 55), every=every, kis={"behaviour": AS_KIS})
    for path in ("today", "past"):
        day.kis.add_fault(kind, path=path, **({"symbol": only} if only else {}))
    day.clock.plan(clear, day.kis.clear_faults)
    found = states(day, *(at(*map(int, moment.split(":")), 30) for moment in shows))
    day.run(until=at(17, 1) if only else at(9, 45))
    assert found == shows and len(day.lines("⚠️")) == len(day.lines(f"{only or 'KIS'} 분봉 문제 시작")) == 1
    assert len(day.lines("✅ KIS 분봉 복구")) == (not only)
    for symbol in day.symbols:
        assert_provisional(day, symbol, at(9, 43))


def test_fillers_while_the_daily_candle_moves_are_a_trouble(make, monkeypatch):
    """From 10:10 on every minute of today's TR is one without a trade, whatever trades."""
    day = make(at(9, 55), kis={"behaviour": AS_KIS})
    answer, stop = day.kis.endpoints.today, datetime(2026, 11, 20, 10, 10)

    def reports(symbol, hour, now):
        last = datetime.strptime(f"20261120{hour}", "%Y%m%d%H%M%S").replace(second=0)
        if last < stop:
            return answer(symbol, hour, now)
        [row, *_], count = answer(symbol, "101000", now), (last - stop).seconds // 60
        flat = {**row, "cntg_vol": "0", "stck_oprc": row["stck_prpr"]}
        return [{**flat, "stck_cntg_hour": f"{last - timedelta(minutes=n):%H%M00}"} for n in range(count)][:30]

    monkeypatch.setattr(day.kis.endpoints, "today", reports)
    found = states(day, at(10, 14), at(10, 22))
    day.run(until=at(10, 40))
    assert found == {"10:14": True, "10:22": False}
    assert len(day.lines("⚠️")) == 1 and day.lines("일봉 거래량은 늘고 있습니다")


@pytest.mark.slow
@pytest.mark.parametrize("fillers", [True, False])
def test_a_market_that_stands_still_is_no_trouble(make, fillers):
    """As in a trading halt of the whole market."""
    day = make(at(8, 55), ("900001",), "suspended", every=SELDOM, kis={"behaviour": ServerBehaviour(fillers=fillers)})
    found = states(day, at(9, 6), at(9, 30), at(12, 0), at(15, 25), at(15, 38))
    day.run(until=at(15, 45))
    assert set(found.values()) == {True} and not day.lines("⚠️")


def test_a_code_that_kis_does_not_know_is_named_once_a_day_and_holds_up_nothing(make):
    monday = date(2026, 11, 23)
    day = make(at(15, 0), ("005930", "000661"), every=SELDOM, kis={"listed": {"000661": date(2027, 1, 4)}})
    day.sleep(at(17, 5), at(8, 50, day=monday))
    found = states(day, at(15, 25), at(17, 0), at(9, 40, day=monday))
    day.run(until=at(9, 41, day=monday))
    reports = day.lines("⚠️")
    assert len(set(reports)) == 1 and "000661: KIS에 분봉도 일봉도 없습니다" in reports[0]
    assert [moment.date() for moment, _, line in day.log if line in reports] == [FRIDAY, monday]
    assert set(found.values()) == {True} and len(day.lines("마감 확정 완료")) == 1


def kis_says(day, which, is_open):
    """Let chk-holiday answer this, whatever trades."""
    truth, answer = day.kis.endpoints.open_days, {f"{which:%Y%m%d}": {"opnd_yn": is_open}}
    day.kis.endpoints.open_days = lambda first: [row | answer.get(row["bass_dt"], {}) for row in truth(first)]


def test_a_day_that_kis_calls_closed_goes_on_while_the_market_trades(make):
    day = make(at(8, 50), {"005930": "liquid"}, every=SELDOM)
    kis_says(day, FRIDAY, "N")
    day.run(until=at(15, 45))
    assert len(day.lines("⚠️")) == 2 and day.lines("개장일로 봅니다")
    day.assert_week()
    assert next(moment for moment, _, line in day.log if "🔔" in line) <= at(9, 6)
    assert day.count("chk-holiday") == 1
    again = make(at(16, 0))  # what the market said outlives the process
    kis_says(again, FRIDAY, "N")
    again.run(until=at(16, 10))
    assert "2026-11-23 09:00" in again.lines("💤")[0] and not again.lines("⚠️")


def test_a_day_that_kis_calls_open_and_that_does_not_open_is_no_session(make):
    saturday = date(2026, 11, 21)
    day = make(at(8, 50, day=saturday), {"005930": "liquid"})
    kis_says(day, saturday, "Y")
    found = states(day, at(9, 7, day=saturday), at(9, 30, day=saturday))
    day.run(until=at(9, 31, day=saturday))
    assert not day.lines("🔔") and len(day.lines("⚠️")) == 2 and set(found.values()) == {True}


def checks(day, capsys, *moments):
    """Exit code and text of `--check --from today` at these moments, and whether `--status` is well."""
    reports = []
    flags = fetch_minute_data.parser().parse_args(["--check", "--from", "today", "--symbols", ",".join(day.symbols)])

    def look():
        now = day.clock.now()
        with closing(open_store(day.settings.database, day.clock)) as store, only_one(day.settings, day.clock):
            code = check_running(store, wanted(flags, TradingCalendar(), now), day.settings, now)
        well = status_file.render(status_file.read(day.folder), now)[1]
        reports.append((code, capsys.readouterr().out, well))

    for moment in moments:
        day.clock.plan(moment, look)
    return reports


def test_check_of_the_running_day_says_who_lacks_what_and_why(make, capsys):
    """15:19 shows when the auction has traded (kis_http.md §5): before, it is neither missing nor a trouble."""
    day = make(at(15, 0), {"000660": "liquid", "018880": "suspended", "000198": "illiquid"}, kis={"behaviour": AS_KIS})
    day.clock.plan(at(15, 5, 30), lambda: day.kis.add_fault("shape_numbers", path="today", symbol="000660"))
    reports = checks(day, capsys, at(15, 4, 30), at(15, 9, 30), at(15, 21, 30), at(15, 29, 30), at(15, 32, 30))
    day.run(until=at(15, 10))
    (well, text, _), (ill, failing, _) = reports
    assert (well, ill) == (0, 1) and "3종목 가운데 3종목" in text and "3종목 가운데 2종목" in failing
    [row] = [line for line in failing.splitlines() if line.startswith("000660")]
    assert re.search("15:0[45]~15:08", row) and "15:06부터 실패: " in row
    status = status_file.render(status_file.read(day.folder), day.clock.now(), verbose=True)[0]
    assert "   실패: 000660 15:06부터 · " in status and "미룬 종목 없음" in status
    failed = [level for _, level, line in day.log if "오류 1" in line]
    assert failed[0] == "WARNING" and set(failed[1:]) == {"INFO"}
    day.kis.clear_faults()
    day.log.clear()
    day.run(until=at(15, 33))
    for code, text, is_well in reports[2:]:
        assert code == 0 and "15:19" not in text.split("종목 ", 2)[-1] and is_well, text
    assert len(reports) == 5 and not day.lines("문제 시작")
    assert datetime(2026, 11, 20, 15, 19) in [row[2] for row in stored_rows(day.url, "000660")]
