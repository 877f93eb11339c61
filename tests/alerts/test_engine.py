"""Each kind of rule on a planted day: it fires at the minute it must, once, and nothing else does."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal

import pytest

from minute_candles.alerts.engine import Alert, Engine
from minute_candles.alerts.rules import parse
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import Candle
from minute_candles.market.windows import aggregate

OPEN = datetime(2026, 11, 20, 9)
YESTERDAY = OPEN - timedelta(days=1)
SYMBOL = "005930"


def at(hour: int, minute: int = 0) -> datetime:
    return OPEN.replace(hour=hour, minute=minute)


def flat(begin: datetime, price: int = 70_000, count: int = 120) -> list[Candle]:
    """Minutes that go nowhere: a tick up, a tick down, 1,000 shares each."""
    return [bar(begin + timedelta(minutes=n), price + 100 * (n % 2), price + 100 * ((n + 1) % 2)) for n in range(count)]


def bar(when: datetime, first: int, close: int, volume: int = 1_000, **edges: int) -> Candle:
    high, low = edges.get("high", max(first, close)), edges.get("low", min(first, close))
    return Candle(when, first, high, low, close, volume, None, Decimal(first + close) / 2)


def planted(minute: datetime, candle: Candle, day: Sequence[Candle]) -> list[Candle]:
    return [candle if one.timestamp == minute else one for one in day]


def shifted(day: Sequence[Candle], since: datetime, by: int) -> list[Candle]:
    """From `since` on everything is worth `by` more."""
    return [
        one if one.timestamp < since else Candle(one.timestamp, *(p + by for p in one[1:5]), *one[5:7], one.vwap + by)
        for one in day
    ]


def engine(rule: str, history: Sequence[Candle] = (), usual: float = 1_000.0) -> Engine:
    known = {time(9 + n // 60, n % 60): usual for n in range(391)}
    return Engine(
        parse(rule, "f").market, {SYMBOL: "삼성전자"}, lambda *_: history, lambda *_: known, TradingCalendar()
    )


def fired(rule: str, day: Sequence[Candle], history: Sequence[Candle] = ()) -> list[tuple[time, float]]:
    """Minute by minute; the time and the value of each alert."""
    judges = engine(rule, history)
    alerts = [alert for one in day for alert in judges.judge(SYMBOL, {1: [one]}, "PROVISIONAL")]
    assert all(alert.symbol == SYMBOL for alert in alerts)
    return [(alert.timestamp.time(), round(alert.value, 2)) for alert in alerts]


def rule(kind: str, **values: object) -> str:
    lines = [f"{name} = {value!r}" for name, value in values.items()]
    return "\n".join(["[[rule]]", f'kind = "{kind}"', *lines])


JUMP = shifted(flat(OPEN), at(10), 2_200)
DROP = shifted(flat(OPEN), at(10), -2_200)


def test_a_jump_of_three_percent_in_five_minutes():
    assert fired(rule("price_change", percent=3, minutes=5), JUMP) == [(time(10), 3.29)]
    assert fired(rule("price_change", percent=3.5, minutes=5), JUMP) == []


def test_a_jump_has_a_direction():
    assert fired(rule("price_change", percent=3, direction="down"), JUMP) == []
    assert [when for when, _ in fired(rule("price_change", percent=3, direction="down"), DROP)] == [time(10)]
    assert [when for when, _ in fired(rule("price_change", percent=3), DROP)] == [time(10)]


def test_a_slow_rise_is_no_jump():
    slow = [bar(OPEN + timedelta(minutes=n), 70_000 + 100 * n, 70_100 + 100 * n) for n in range(60)]
    assert fired(rule("price_change", percent=3, minutes=5), slow) == []
    assert fired(rule("price_change", percent=3, minutes=30), slow)[0][0] == time(9, 20)  # against the open till then


def test_a_jump_over_night_is_a_gap_not_a_price_change():
    high = shifted(flat(OPEN), OPEN, 2_200)
    assert fired(rule("price_change", percent=3), high, flat(YESTERDAY)) == []
    assert fired(rule("gap", percent=3), high, flat(YESTERDAY)) == [(time(9), 3.14)]
    assert fired(rule("gap", percent=3), high) == []  # no close is known


def test_a_level_is_crossed_once():
    assert fired(rule("price", level=72_000), JUMP) == [(time(10), 72_300.0)]
    assert fired(rule("price", level=72_000, direction="down"), JUMP) == []
    assert fired(rule("price", level=68_000), DROP) == [(time(10), 67_900.0)]


def test_the_limit_is_told_when_it_is_reached():
    high = planted(at(9, 30), bar(at(9, 30), 91_000, 91_100), flat(OPEN))
    assert flat(YESTERDAY)[-1].close == 70_000
    high = planted(at(9, 30), bar(at(9, 30), 90_000, 91_000), high)
    assert fired(rule("price", limit="upper"), high, flat(YESTERDAY)) == [(time(9, 30), 91_000.0)]
    assert fired(rule("price", limit="lower"), high, flat(YESTERDAY)) == []
    low = planted(at(9, 30), bar(at(9, 30), 50_000, 49_000), flat(OPEN))
    assert fired(rule("price", limit="both"), low, flat(YESTERDAY)) == [(time(9, 30), 49_000.0)]


def test_ten_times_the_usual_volume():
    day = planted(at(10), bar(at(10), 70_000, 70_100, 10_000), flat(OPEN))
    assert fired(rule("volume_surge", times=10), day) == [(time(10), 10.0)]
    assert fired(rule("volume_surge", times=10, least=10_001), day) == []
    assert fired(rule("volume_surge", times=11), day) == []


def test_turnover_counts_where_it_is_proven():
    day = planted(at(10), bar(at(10), 70_000, 70_000, 100_000), flat(OPEN))
    assert fired(rule("turnover", amount=7_000_000_000), day) == [(time(10), 7e9)]
    unproven = [one._replace(vwap=None) for one in day]
    assert fired(rule("turnover", amount=1), unproven) == []


def crossings(line: Sequence[float], over: Sequence[float], first: int) -> list[time]:
    """Where `line` comes from at or below `over` to above it, worked out independently."""
    gaps = [one - other for one, other in zip(line, over, strict=True)]
    minutes = [(OPEN + timedelta(minutes=n)).time() for n in range(len(gaps))]
    return [minutes[n] for n in range(first, len(gaps)) if gaps[n - 1] <= 0 < gaps[n]]


def test_a_golden_cross():
    day = shifted(shifted(flat(OPEN), at(9, 40), -500), at(10), 1_000)
    closes = [one.close for one in day]
    fast, slow = ([sum(closes[max(0, n - k + 1) : n + 1]) / k for n in range(len(day))] for k in (5, 20))
    told = fired(rule("cross", line="sma5", over="sma20", direction="up", cooldown=0), day)
    expected = crossings(fast, slow, 20)
    assert [when for when, _ in told] == expected and time(10) in expected


def test_price_over_vwap():
    day = shifted(flat(OPEN), at(9, 30), 1_000)
    bought = [float(one.vwap) for one in day[1:]]  # the first minute is not proven; all trade alike
    vwap = [bought[0], *(sum(bought[:n]) / n for n in range(1, len(day)))]
    told = fired(rule("cross", line="price", over="vwap", direction="up", cooldown=0), day)
    expected = crossings([one.close for one in day], vwap, 2)
    assert [when for when, _ in told] == expected and len(expected) > 3


def test_oversold_is_told_as_it_begins():
    day = [*flat(OPEN, count=60), *[bar(at(10, n), 70_000 - 200 * n, 69_800 - 200 * n) for n in range(20)]]
    below = fired(rule("threshold", line="rsi14", below=30, cooldown=0), day)
    assert len(below) == 1 and time(10) < below[0][0] < time(10, 10) and below[0][1] < 30


def test_a_hammer():
    fall = [bar(OPEN + timedelta(minutes=n), 70_000 - 100 * n, 69_900 - 100 * n) for n in range(30)]
    low = fall[-1].close
    hammer = bar(at(9, 30), low - 100, low - 20, low=low - 1_500)
    day = [*fall, hammer, bar(at(9, 31), low, low + 100), *flat(at(9, 32), low, 20)]
    assert fired(rule("pattern", patterns=["hammer"]), day) == [(time(9, 30), 1.0)]
    assert fired(rule("pattern", patterns=["hammer"], direction="down"), day) == []


# --- once, and only once ---


def two_jumps() -> list[Candle]:
    return shifted(shifted(flat(OPEN), at(9, 30), 2_200), at(9, 45), 2_300)


def test_the_cooldown_is_by_the_candles_time():
    assert [when for when, _ in fired(rule("price_change", percent=3, cooldown=30), two_jumps())] == [time(9, 30)]
    told = fired(rule("price_change", percent=3, cooldown=10), two_jumps())
    assert [when for when, _ in told] == [time(9, 30), time(9, 45)]


def test_only_in_its_hours():
    assert fired(rule("price_change", percent=3, hours="10:01-15:30"), JUMP) == [(time(10, 2), 3.29)]
    assert fired(rule("price_change", percent=3, hours="09:00-09:59"), JUMP) == []


@pytest.mark.parametrize("how", ["judge", "correct"])
def test_a_correction_fires_nothing_and_is_remembered(how):
    judges = engine(rule("price_change", percent=3, cooldown=0))
    for one in flat(OPEN):
        assert judges.judge(SYMBOL, {1: [one]}, "PROVISIONAL") == []
    assert not (judges.correct(SYMBOL, 1, JUMP) if how == "correct" else judges.judge(SYMBOL, {1: JUMP}, "COMPLETE"))
    next_hour = shifted(flat(at(11), count=5), at(11), 2_200)  # as JUMP left it: 3 % only against what stood before
    assert [alert for one in next_hour for alert in judges.judge(SYMBOL, {1: [one]}, "PROVISIONAL")] == []


def test_an_old_minute_that_changes_first_leaves_no_hole_behind_it():
    """The first that is heard of a symbol is a correction and the newest minute: what stands between is known."""
    judges = engine(rule("price_change", percent=3), [*JUMP, *shifted(flat(at(11), count=1), at(11), 2_200)])
    heard = [JUMP[10], *shifted(flat(at(11), count=2), at(11), 2_200)]
    assert judges.judge(SYMBOL, {1: heard}, "PROVISIONAL") == []


def test_what_was_taken_away_is_read_anew():
    judges = engine(rule("price_change", percent=2.5), JUMP)
    assert len(judges.judge(SYMBOL, {1: flat(at(11), count=1)}, None)) == 1  # down from JUMP
    judges.forget(SYMBOL)
    judges.last_fired.clear()
    judges._load = lambda *asked: flat(OPEN)
    assert judges.judge(SYMBOL, {1: flat(at(11, 1), count=1)}, None) == []


@pytest.mark.parametrize("cut", [30, 60, 61, 90])
def test_a_restart_in_the_middle_goes_on_where_it_was(cut):
    text = "\n".join([
        rule("price_change", percent=3), rule("cross", line="macd", over="macd_signal", cooldown=20),
        rule("cross", name="v", line="price", over="vwap", cooldown=7), rule("threshold", line="rsi14", above=70),
    ])  # fmt: skip
    history = flat(YESTERDAY, count=381)
    whole = engine(text, history)
    expected = [key(alert) for one in two_jumps() for alert in whole.judge(SYMBOL, {1: [one]}, None)]
    first = engine(text, history)
    found = [key(alert) for one in two_jumps()[:cut] for alert in first.judge(SYMBOL, {1: [one]}, None)]
    second = engine(text, [*history, *two_jumps()[:cut]])
    for (symbol, interval), until in first.judged.items():
        second.resume(symbol, interval, until)
    second.last_fired.update(first.last_fired)
    found += [key(alert) for one in two_jumps()[cut - 3 :] for alert in second.judge(SYMBOL, {1: [one]}, None)]
    assert found == expected and len(expected) > 3


def test_a_page_of_minutes_is_judged_minute_by_minute():
    text = rule("cross", line="price", over="vwap", cooldown=7)
    one_by_one, at_once = engine(text), engine(text)
    expected = [key(alert) for one in two_jumps() for alert in one_by_one.judge(SYMBOL, {1: [one]}, None)]
    assert [key(alert) for alert in at_once.judge(SYMBOL, {1: two_jumps()[::-1]}, None)] == expected != []


def key(alert: Alert) -> tuple[object, ...]:
    return alert.rule, alert.timestamp, round(alert.value, 6)


def test_what_people_read():
    judges = engine(rule("price_change", percent=3, name="급등", severity="warning"), flat(YESTERDAY))
    [alert] = judges.judge(SYMBOL, {1: JUMP}, "PROVISIONAL")
    assert (alert.name, alert.rule, alert.severity, alert.interval) == ("삼성전자", "급등", "warning", 1)
    assert alert.text == "5분 동안 +3.29% · 72,300원 (전일 대비 +3.29%) · 1,000주 · 10:00 1분봉, 임시"


def test_other_symbols_and_intervals_are_not_judged():
    judges = engine(rule("price_change", percent=3, symbols=["000660"], interval=5))
    windows = {1: JUMP, 5: aggregate(JUMP, 5)}
    assert judges.judge(SYMBOL, windows, None) == [] == judges.judge("000660", {1: JUMP}, None)
    assert len(judges.judge("000660", windows, None)) == 1


# --- windows of several minutes ---

LOUD = planted(at(10, 4), bar(at(10, 4), 70_000, 70_000, 50_000), flat(OPEN))
"""The last minute of the window of ten o'clock is the one that counts."""
WINDOW = rule("turnover", amount=3_000_000_000, interval=5)


def windows(day: Sequence[Candle], until: datetime) -> dict[int, list[Candle]]:
    """What a write at ten o'clock and some minutes changes."""
    known = [one for one in day if at(10) <= one.timestamp <= until]
    return {1: known, 5: aggregate([one._replace(turnover=int(one.vwap * one.volume)) for one in known], 5)}


def test_a_window_is_judged_when_its_last_minute_is_known_and_once():
    judges = engine(WINDOW)
    early = windows(LOUD, at(10, 3))
    assert judges.judge(SYMBOL, early, "PROVISIONAL") == []
    [alert] = judges.judge(SYMBOL, windows(LOUD, at(10, 4)), "PROVISIONAL")
    assert (alert.timestamp.time(), alert.value) == (time(10), pytest.approx(3.78e9, rel=0.01))
    assert judges.judge(SYMBOL, windows(LOUD, at(10, 4)), "PROVISIONAL") == []


def test_a_window_whose_last_minute_had_no_trade_is_judged_when_a_later_one_is_known():
    quiet = [
        one
        for one in planted(at(10, 2), bar(at(10, 2), 70_000, 70_000, 50_000), flat(OPEN))
        if one.timestamp != at(10, 4)
    ]
    judges = engine(WINDOW)
    assert judges.judge(SYMBOL, windows(quiet, at(10, 3)), "PROVISIONAL") == []
    assert len(judges.judge(SYMBOL, {1: [bar(at(10, 5), 70_000, 70_000)]}, "PROVISIONAL")) == 1
    assert judges.judge(SYMBOL, windows(quiet, at(10, 3)), "PROVISIONAL") == []


@pytest.mark.parametrize(("start", "interval", "last"), [((15, 30), 5, (15, 30)), ((15, 15), 15, (15, 19))])
def test_the_windows_around_the_closing_auction_do_not_wait_for_minutes_that_never_trade(start, interval, last):
    judges = engine(rule("turnover", amount=1, interval=interval))
    loud = Candle(at(*start), *[70_000] * 4, 1_000, None, Decimal(70_000))
    before = {1: [bar(at(*last) - timedelta(minutes=1), 70_000, 70_000)], interval: [loud]}
    assert judges.judge(SYMBOL, before, None) == []
    assert len(judges.judge(SYMBOL, {1: [bar(at(*last), 70_000, 70_000)]}, None)) == 1


# --- directions ---


def test_a_change_of_direction_does_not_wait_for_the_cooldown():
    """Up, down and up again within half an hour; twice the same way only after the cooldown."""
    day = shifted(shifted(shifted(flat(OPEN), at(9, 40), 500), at(9, 45), -1_000), at(9, 50), 1_000)
    text = rule("price", level=70_300, cooldown=30)
    assert [when for when, _ in fired(text, day)] == [time(9, 40), time(9, 45), time(9, 50)]
    assert [when for when, _ in fired(text + '\ndirection = "up"', day)] == [time(9, 40)]


@pytest.mark.parametrize(
    ("text", "day", "said"),
    [
        (rule("cross", line="sma5", over="sma20", direction="up"), JUMP, "5이평이 20이평을 상향 돌파"),
        (rule("cross", line="price", over="vwap", direction="down"), DROP, "종가가 VWAP를 하향 돌파"),
        (rule("threshold", line="rsi14", above=70), JUMP, ": 70 위로"),
        (rule("price", level=72_000), JUMP, "72,000원을 상향 돌파"),
    ],
)
def test_the_text_is_korean(text, day, said):
    assert said in engine(text).judge(SYMBOL, {1: day}, "PROVISIONAL")[-1].text
