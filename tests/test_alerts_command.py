"""`python realtime_updater.py` with alerts as a user runs it: mistakes, trials, a kill in the middle, secrets."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import ended, execute
from planted import jump, planted
from receiver import Receiver
from updater_tools import FRIDAY, Owner, at, wait_until

from kis_simulator.simulator import Simulator
from minute_candles.core.kst import KST

RULES = '[[rule]]\nkind = "price_change"\npercent = 3\n\n[[operations]]\nkind = "no_candle"\n'
SYMBOLS = [f"{number:06}" for number in range(1, 9)]
START = at(10, 30, 50)
NO_KEY = {"KIS_APP_KEY": "-", "KIS_APP_SECRET": "-"}


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    shift = START - datetime.now(KST)
    with Simulator(now=lambda: datetime.now(KST) + shift, rate=1000, profiles=dict.fromkeys(SYMBOLS, "liquid")) as kis:
        kis.market.day = planted(kis, {(one, FRIDAY): [jump(10, 0, 2_200)] for one in SYMBOLS})

        def make(rules: str = RULES, **settings: str) -> Any:
            owner: Any = Owner(tmp_path, kis, f"sqlite:///{tmp_path}/minutes.db", shift)
            owner.sim = kis
            (tmp_path / "alerts.toml").write_text(rules, encoding="utf-8")
            owner.settings |= {"ALERTS_FILE": str(tmp_path / "alerts.toml"), **settings}
            return owner

        yield make


def alerts(owner: Owner) -> list[str]:
    if not execute(owner.database, "SELECT name FROM sqlite_master WHERE name = %s", "stock_minute_alerts"):
        return []
    return [row[0] for row in execute(owner.database, "SELECT stock_symbol FROM stock_minute_alerts ORDER BY 1")]


@pytest.mark.parametrize(("flags", "settings", "said"), [
    ("", {"rules": RULES.replace("3", "0")}, "alerts.toml 1번째 [[rule]]: percent는 0.01~1000 사이"),
    ("--test-alert", {}, "ALERT_URLS"), ("--try-alerts 2026-12-01", {}, "미래"),
    ("--try-alerts 2026-11-20", {"ALERTS_FILE": "-"}, "cp alerts.example.toml alerts.toml"),
    ("", {"ALERT_URLS": "nonsense://t0ken-9876"}, "ALERT_URLS 의 1번째"),
])  # fmt: skip
def test_what_cannot_be_done_is_one_line_and_2_before_anything_else(make, flags, settings, said):
    owner = make(**settings)
    ran = owner.run_here("realtime_updater", *flags.split())
    assert ran.code == 2 and said in ran.err and ran.err.count("\n") <= 2 and "t0ken-9876" not in ran.all
    assert not owner.sim.requests and not (owner.folder / "minutes.db").exists()


def test_a_test_alert_says_what_arrived(make):
    with Receiver() as well, Receiver("500") as ill:
        owner = make(ALERT_URLS=f"{well.url} critical={ill.url}", **NO_KEY)
        ran = owner.run_here("realtime_updater", "--test-alert", "--verbose")
        assert ran.code == 1 and ran.out.splitlines() == [
            "✅ 1번 json: 도착했습니다.", "❌ 2번 json: 보내지 못했습니다. 주소와 네트워크를 확인하세요.",
        ]  # fmt: skip
        assert well.titles == ["📈 알림 시험"] and ill.requests == 1
        assert Receiver.SECRET not in ran.all and "apprise: " in ran.err
        ill.mode = "ok"
        assert owner.run_here("realtime_updater", "--test-alert").code == 0


@pytest.mark.slow
def test_killed_in_the_middle_each_is_sent_once(make):
    """Eight symbols jump at ten; the heal of half past ten is killed under way, and begun again."""
    with Receiver() as receiver:
        hits = lambda: sum(int((re.findall(r"알림 (\d+)건", one) or [1])[0]) for one in receiver.titles)  # noqa: E731
        owner = make(ALERT_URLS=receiver.url, KIS_RATE_LIMIT="18")
        flags = ["--symbols", ",".join(SYMBOLS)]
        first = owner.start(*flags)
        wait_until(lambda: (owner.logs / "realtime_updater_alerts.json").exists() and owner.sim.calls("today") > 3)
        first.kill()
        ended(first, 10)
        judged = len(alerts(owner))
        second = owner.start(*flags)
        wait_until(lambda: "오류 0" in owner.log() and len(alerts(owner)) == 8 and hits() == 8, 90)
        second.terminate()
        ran = ended(second, 15)
    assert ran.code == 0 and judged < 8 and alerts(owner) == SYMBOLS
    tried = owner.run_here("realtime_updater", "--try-alerts", "2026-11-20", *flags, **NO_KEY)
    assert tried.code == 0 and re.findall(r"^10:00  (\d{6})  .*price_change", tried.out, re.MULTILINE) == SYMBOLS
    assert "8건 (price_change 8)" in tried.out and len(receiver.got) <= 3
    assert Receiver.SECRET not in owner.log() + ran.all + tried.all
    assert all(message["title"] in owner.log() for message in receiver.got)
