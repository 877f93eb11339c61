"""Each kind of rule on a planted day: it fires at the minute it must, once, and nothing else does."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from unittest.mock import Mock

import pytest
from forecast.test_forecast import candles, trained_model, with_skill
from kis_testing import settings_for

from minute_candles.alerts.engine import Engine
from minute_candles.alerts.rules import parse
from minute_candles.alerts.volume_forecast import VolumeForecast
from minute_candles.config.holiday_cache import HOLIDAY_FILE, remember
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.core.kst import KST
from minute_candles.forecast.model_file import MODEL_FILE, write
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import Candle
from minute_candles.market.windows import aggregate

OPEN, SPIKE = datetime(2026, 11, 20, 9), datetime(2026, 11, 30, 10, 30)
SYMBOL = "005930"


def at(hour, minute=0):
    return OPEN.replace(hour=hour, minute=minute)


def bar(when, first, close, volume=1_000):
    return Candle(when, first, max(first, close), min(first, close), close, volume, None, Decimal(first + close) / 2)


def flat(begin, count=120):
    """Minutes that go nowhere: a tick up, a tick down, 1,000 shares each."""
    return [bar(begin + timedelta(minutes=n), 70_000 + 100 * (n % 2), 70_100 - 100 * (n % 2)) for n in range(count)]


def planted(minute, *values):
    """A day with one minute of its own."""
    return [bar(minute, *values) if one.timestamp == minute else one for one in flat(OPEN)]


def shifted(day, *steps):
    """From each moment on everything is worth so much more."""
    total = [(one, sum(by for since, by in steps if one.timestamp >= since)) for one in day]
    return [Candle(c[0], *(price + by for price in c[1:5]), *c[5:7], c.vwap + by) for c, by in total]


def engine(rule, history=()):
    usual = {time(9 + n // 60, n % 60): 1_000.0 for n in range(391)}
    rules = parse(rule, "f").market
    return Engine(rules, {SYMBOL: "삼성전자"}, lambda *_: history, lambda *_: usual, TradingCalendar())


def values(alerts):
    return [(alert.timestamp.time(), round(alert.value, 2)) for alert in alerts]


def judged(judges, day):
    """Return the time and the value of each alert, minute by minute."""
    return values(alert for one in day for alert in judges.judge(SYMBOL, {1: [one]}, "PROVISIONAL"))


def rule(kind, **values):
    return "\n".join(["[[rule]]", *(f"{name} = {value!r}" for name, value in {"kind": kind, **values}.items())])


YESTERDAY = flat(OPEN - timedelta(days=1))
JUMP, DROP = (shifted(flat(OPEN), (at(10), by)) for by in (2_200, -2_200))
SLOW = [bar(OPEN + timedelta(minutes=n), 70_000 + 100 * n, 70_100 + 100 * n) for n in range(60)]
HIGH = shifted(flat(OPEN), (OPEN, 2_200))
UPPER, LOWER = planted(at(9, 30), 90_000, 91_000), planted(at(9, 30), 50_000, 49_000)
LOUD, TRADED = planted(at(10), 70_000, 70_100, 10_000), planted(at(10), 70_000, 70_000, 100_000)
TWO = shifted(flat(OPEN), (at(9, 30), 2_200), (at(9, 45), 2_300))
ZIGZAG = shifted(flat(OPEN), (at(9, 40), 500), (at(9, 45), -1_000))
VALLEY = [bar(OPEN + timedelta(minutes=n), 0, 70_000 + 100 * abs(n - 40)) for n in range(60)]
TEN = time(10)


@pytest.mark.parametrize(("text", "day", "history", "alerts"), [
    (rule("price_change", percent=3, minutes=5), JUMP, (), [(TEN, 3.29)]),
    (rule("price_change", percent=3.5, minutes=5), JUMP, (), []),
    (rule("price_change", percent=3, direction="down"), DROP, (), [(TEN, -3)]),
    (rule("price_change", percent=3, minutes=5), SLOW, (), []),
    (rule("price_change", percent=3, minutes=30), SLOW, (), [(time(9, 20), 3.0), (time(9, 50), 4.16)]),
    (rule("price_change", percent=3), HIGH, YESTERDAY, []),  # over night it is a gap
    (rule("gap", percent=3), HIGH, YESTERDAY, [(time(9), 3.14)]),
    (rule("gap", percent=3), HIGH, (), []),  # no close is known
    (rule("price", level=72_000), JUMP, (), [(TEN, 72_300)]),
    (rule("price", level=68_000), DROP, (), [(TEN, 67_900)]),
    (rule("price", limit="upper"), UPPER, YESTERDAY, [(time(9, 30), 91_000)]),
    (rule("price", limit="both"), LOWER, YESTERDAY, [(time(9, 30), 49_000)]),
    (rule("volume_surge", times=10), LOUD, (), [(TEN, 10)]),
    (rule("volume_surge", times=10, least=10_001), LOUD, (), []),
    (rule("turnover", amount=7_000_000_000), TRADED, (), [(TEN, 7e9)]),
    (rule("turnover", amount=1), [one._replace(vwap=None) for one in TRADED], (), []),  # not proven
    (rule("price_change", percent=3, hours="10:01-15:30"), JUMP, (), [(time(10, 2), 3.29)]),
    (rule("price_change", percent=3, hours="09:00-09:59"), JUMP, (), []),
    (rule("price_change", percent=3, cooldown=30), TWO, (), [(time(9, 30), 3.29)]),
    (rule("price_change", percent=3, cooldown=10), TWO, (), [(time(9, 30), 3.29), (time(9, 45), 3.04)]),
    (rule("price", level=70_300), ZIGZAG, (), [(time(9, 40), 70_600), (time(9, 45), 69_500)]),  # does not wait
    (rule("cross", line="sma5", over="sma20"), VALLEY, (), [(time(9, 48), 600 - 510)]),
    (rule("threshold", line="rsi14", below=30), VALLEY, (), [(time(9, 14), 0)]),  # it only fell
])  # fmt: skip
def test_a_rule_fires_at_its_minute_and_only_then(text, day, history, alerts):
    """The cooldown is by the candles' time."""
    assert judged(engine(text, history), day) == alerts


@pytest.mark.parametrize("how", ["judge", "correct"])
def test_a_correction_fires_nothing_and_is_remembered(how):
    judges = engine(rule("price_change", percent=3, cooldown=0))
    assert judged(judges, flat(OPEN)) == []
    assert not (judges.correct(SYMBOL, 1, JUMP) if how == "correct" else judges.judge(SYMBOL, {1: JUMP}, "COMPLETE"))
    assert judged(judges, shifted(flat(at(11), 5), (at(11), 2_200))) == [], "3 % only against what stood before"


def test_a_page_of_minutes_is_judged_minute_by_minute():
    text = rule("cross", line="price", over="vwap", cooldown=7)
    assert values(engine(text).judge(SYMBOL, {1: TWO[::-1]}, None)) == judged(engine(text), TWO) != []


def test_a_window_is_judged_when_its_last_minute_is_known_and_once():
    def judge(day, until):
        """Hand over what a write at ten o'clock and some minutes changes."""
        known = [one for one in day if at(10) <= one.timestamp <= until]
        five = aggregate([one._replace(turnover=int(one.vwap * one.volume)) for one in known], 5)
        return judges.judge(SYMBOL, {1: known, 5: five}, "PROVISIONAL")

    judges = engine(rule("turnover", amount=3_000_000_000, interval=5))
    loud = planted(at(10, 4), 70_000, 70_000, 50_000)  # the last minute is the one that counts
    found = [judge(loud, at(10, minute)) for minute in (3, 4, 4)]
    [alert] = found[1]
    assert found[0] == found[2] == [] and (alert.timestamp, alert.value) == (at(10), pytest.approx(3.78e9, rel=0.01))
    judges = engine(rule("turnover", amount=3_000_000_000, interval=5))
    quiet = [one for one in planted(at(10, 2), 70_000, 70_000, 50_000) if one.timestamp != at(10, 4)]
    assert judge(quiet, at(10, 3)) == []
    assert len(judges.judge(SYMBOL, {1: [bar(at(10, 5), 70_000, 70_000)]}, "PROVISIONAL")) == 1, "no trade at 10:04"
    assert judge(quiet, at(10, 3)) == []


@pytest.mark.parametrize(("start", "interval", "last"), [((15, 30), 5, (15, 30)), ((15, 15), 15, (15, 19))])
def test_the_windows_around_the_closing_auction_do_not_wait_for_minutes_that_never_trade(start, interval, last):
    judges = engine(rule("turnover", amount=1, interval=interval))
    loud = Candle(at(*start), *[70_000] * 4, 1_000, None, Decimal(70_000))
    before = {1: [bar(at(*last) - timedelta(minutes=1), 70_000, 70_000)], interval: [loud]}
    assert judges.judge(SYMBOL, before, None) == []
    assert len(judges.judge(SYMBOL, {1: [bar(at(*last), 70_000, 70_000)]}, None)) == 1


def forecast(folder, low=0.01):
    if low:
        write(folder / MODEL_FILE, with_skill(trained_model(), low))
    rows = candles(200)
    reader = Mock(candles=lambda _, __, first, last, limit: [one for one in rows if first <= one[0] <= last][-limit:])
    return VolumeForecast(reader, TradingCalendar(), folder)


def test_a_window_above_what_was_forecast_as_it_began_fires_once(tmp_path):
    assert forecast(tmp_path, low=0)("000003", 15, SPIKE) is None, "no model"
    most = forecast(tmp_path)("000003", 15, SPIKE)
    rules = parse(rule("volume_surge", times=1.01, against="forecast", interval=15), "f").market
    last = bar(SPIKE + timedelta(minutes=14), 50_000, 50_000)
    for volume, count in ((int(most * 1.01) + 2, 1), (int(most) - 1, 0)):
        judges = Engine(rules, {}, lambda *_: [], lambda *_: {}, TradingCalendar(), forecast(tmp_path))
        assert len(judges.judge("000003", {1: [last], 15: [bar(SPIKE, 50_000, 50_000, volume)]}, None)) == count
    assert forecast(tmp_path, low=-0.01)("000003", 15, SPIKE) is None, "no skill"
    assert forecast(tmp_path)("000003", 15, SPIKE.replace(hour=9, minute=0)) is None
    with pytest.raises(ConfigError, match="interval = 5 나 15"):  # one-minute windows are not forecast
        parse(rule("volume_surge", times=2, against="forecast"), "f")


def test_days_that_kis_closed_are_none_of_its_calendar(tmp_path):
    settings, day = settings_for("http://127.0.0.1:9", tmp_path), SPIKE.date()
    remember(settings.log_dir / HOLIDAY_FILE, day, {day: False})
    engine = Engine.on_table([], {}, Mock(), settings, Clock(at=SPIKE.replace(tzinfo=KST)))
    assert not engine._load_forecast._calendar.is_trading_day(day) and TradingCalendar().is_trading_day(day)
