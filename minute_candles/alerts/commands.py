"""`--test-alert` and `--try-alerts DATE` of the updater: whether messages arrive, and what a day would have rung."""

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from minute_candles.alerts import setup as alert_setup
from minute_candles.config.settings import Settings
from minute_candles.console import command_line, console
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.core.korean import number
from minute_candles.market.calendar import midnight
from minute_candles.storage.store import AlertTable, open_alerts

if TYPE_CHECKING:
    from minute_candles.alerts.engine import Alert, Engine

_MOST_A_DAY = 1_000
CALM = 50
"""Alerts of a day that a person still reads."""


def send_test(settings: Settings, clock: Clock) -> int:
    """Send one message to each address, whatever its severity; 1 where one did not arrive."""
    addresses = alert_setup.addresses_of(settings)
    if not addresses:
        raise ConfigError("보낼 곳이 없습니다. .env 에 ALERT_URLS=… 를 적으세요(apprise 주소).")
    from minute_candles.alerts.addresses import Outcome, deliver
    from minute_candles.alerts.digest import Message

    message = Message("info", "📈 알림 시험", f"분봉 수집기가 보낸 시험 알림입니다. ({clock.now():%Y-%m-%d %H:%M:%S})")
    outcomes = {address.name: deliver(address, message) for address in addresses}
    lines = {
        Outcome.ARRIVED: "✅ {}: 도착했습니다.",
        Outcome.UNCONFIRMED: "❌ {}: 제때 답하지 않았습니다. 도착했는지 확인하세요.",
        Outcome.REFUSED: "❌ {}: 받는 곳이 거절했습니다. 주소와 권한을 확인하세요.",
        Outcome.FAILED: "❌ {}: 보내지 못했습니다. 주소와 네트워크를 확인하세요.",
    }
    for name, outcome in outcomes.items():
        console.say(lines[outcome].format(name))
    return 0 if set(outcomes.values()) == {Outcome.ARRIVED} else 1


def try_rules(settings: Settings, clock: Clock, names: Mapping[str, str], text: str) -> int:
    """Judge a stored day, send nothing and write nothing; 1 where no candle of the day is stored."""
    rules, day = alert_setup.rules_of(settings), command_line.past_day("--try-alerts", text, clock.now().date())
    from minute_candles.alerts.engine import Engine

    with closing(open_alerts(settings.database, clock)) as table:
        engine = Engine.on_table(rules.market, names, table, settings, clock)
        alerts, candles = _judged(engine, table, names, day)
    if not candles:
        console.say(f"ℹ️ {day} 에 저장된 캔들이 없습니다.")
        return 1
    if alerts:
        rows = [(f"{one.timestamp:%H:%M}", one.symbol, one.name, one.rule, one.severity, one.text) for one in alerts]
        console.say(console.table(("시각", "종목", "이름", "규칙", "등급", "내용"), rows))
        console.say()
    counts = Counter(one.rule for one in alerts)
    by_rule = ", ".join(f"{rule.name} {number(counts[rule.name])}" for rule in rules.market)
    console.say(f"🔔 {day}: {number(len(alerts))}건 ({by_rule}). 아무것도 보내지 않았습니다.")
    if len(alerts) > CALM:
        [(loudest, count)] = counts.most_common(1)
        console.say(
            f"⚠️ 하루 {CALM}건이 넘으면 읽지 않게 됩니다. 가장 잦은 규칙: {loudest} {number(count)}건."
            " 기준값이나 cooldown 을 올리거나 symbols 로 종목을 줄이세요."
        )
    return 0


def _judged(engine: "Engine", table: AlertTable, names: Mapping[str, str], day: date) -> "tuple[list[Alert], int]":
    """Return the alerts by time, and how many candles there were."""
    begin, alerts, candles = midnight(day), [], 0
    known = table.coverage(list(names), day, day)
    for symbol in names:
        status = known[symbol, day].status if (symbol, day) in known else None
        stored = {
            interval: table.candles(symbol, interval, begin, begin + timedelta(days=1), _MOST_A_DAY)
            for interval in sorted(engine.intervals)
        }
        candles += sum(map(len, stored.values()))
        engine.show(symbol, [datetime.max])
        alerts += engine.judge(symbol, stored, status)
    return sorted(alerts, key=lambda one: (one.timestamp, one.symbol, one.rule)), candles
