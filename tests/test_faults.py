"""Nothing lost, nobody in: real processes against every fault of KIS, of the store and of the host.

Each fault is a row of `fault_table.py`: `sees` holds the run to what the table says, and afterwards every symbol-day is
stored as it traded or not at all; a run without the fault completes it.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import servers
from backfill_tools import ROOT, interrupt, until
from fault_table import FAULTS, GROUPS, markdown
from fault_tools import (
    EVENING,
    FIRST,
    FLAGS,
    LAST,
    NOON,
    SYMBOLS,
    Moment,
    Operator,
    Ran,
    Watched,
    assert_true,
    count_days,
    days,
    ended,
    execute,
    fill,
    holds,
    kill_often,
    kis_at,
    present,
    sees,
    small_disk,
    together,
    url_of,
    whole_or_absent,
)
from servers import Server

from kis_simulated_faults import ROWS
from kis_simulator import Simulator

HURT = "000660", FIRST
"""The symbol-day that lasting faults strike."""
SLOWLY = {"KIS_RATE_LIMIT": "12"}
"""Nine symbol-days take three seconds then."""


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
def kis(moment: Moment) -> Iterator[Simulator]:
    with kis_at(moment, profiles=dict.fromkeys(SYMBOLS, "liquid")) as sim:
        yield sim


@pytest.fixture
def operator(tmp_path: Path, kis: Simulator, mariadb: Server, moment: Moment) -> Iterator[Operator]:
    database = mariadb.fresh()
    yield Operator(tmp_path, kis.url, url_of(database), moment=moment)
    mariadb.drop(database)


def completes(operator: Operator, kis: Simulator) -> None:
    """The table is whole; if not, a run without any fault makes it so."""
    kis.clear_faults()
    if len(whole_or_absent(operator.database, kis, SYMBOLS, days(kis))) < 9:
        ran = operator.run(*FLAGS)
        assert ran.code == 0, ran.all
    assert_true(operator.database, kis, SYMBOLS, days(kis))


# --- the table ---


def test_every_row_of_the_table_is_proved_here_and_nothing_is_lost() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert not [key for key in FAULTS if f'"{key}"' not in source]
    assert {fault.lost for fault in FAULTS.values()} == {"없음"}


def test_the_table_is_well_formed_markdown() -> None:
    lines = markdown().splitlines()
    assert len(lines) == 2 + len(FAULTS) and sum(map(len, GROUPS.values())) == len(FAULTS)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {7}


# --- KIS: passing faults are asked away ---

GATEWAY = ["egw00202", "egw00203", "egw00215", "egw00300", "egw00316", "90020000"]
PASSING = {
    **{kind: (kind, [{"kind": kind}]) for kind in ("reset", "reset_amid", "truncated", "non_json", "http500_empty")},
    "gateway": ("gateway", [{"kind": kind, "rate": 0.05} for kind in GATEWAY]),
    **{f"over_limit {status}": ("over_limit", [{"kind": "egw00201", "status": status}]) for status in (500, 200, 429)},
    **{f"spoilt {kind}": ("spoilt", [{"kind": kind, "path": path} for path in ("past", "daily")]) for kind in ROWS},
}


@pytest.mark.parametrize("key, faults", PASSING.values(), ids=PASSING)
def test_a_passing_fault_of_kis_is_asked_away(operator: Operator, kis: Simulator, key: str, faults: Any) -> None:
    met = [kis.add_fault(**{"rate": 0.15, **fault}) for fault in faults]
    ran = operator.run(*FLAGS)
    assert sum(fault.fired for fault in met) > 0
    if key == "spoilt" and ran.code == 1:  # the same day struck at every try: named, and had by the next run
        assert "다시 실행하면 이것만 다시 받습니다" in ran.out
        whole_or_absent(operator.database, kis, SYMBOLS, days(kis))
        kis.clear_faults()
        ran = operator.run(*FLAGS)
    sees(key, ran)
    assert_true(operator.database, kis, SYMBOLS, days(kis))


def test_a_hanging_kis_is_asked_again(operator: Operator, kis: Simulator) -> None:
    kis.add_fault("hang", times=3, path="past", seconds=30)
    ran = operator.run(*FLAGS)
    sees("hang", ran)
    assert ran.seconds < 25
    completes(operator, kis)


def test_an_over_limit_storm_slows_the_run_down_and_loses_nothing(operator: Operator, kis: Simulator) -> None:
    kis.rate = 10
    ran = operator.run(*FLAGS, KIS_RATE_LIMIT="30")
    assert sum(request.code == "EGW00201" for request in kis.requests) > 5
    sees("storm", ran)
    completes(operator, kis)


@pytest.mark.parametrize("kind", ["egw00121", "egw00123"])
def test_a_dead_token_is_renewed_once(operator: Operator, kis: Simulator, kind: str) -> None:
    assert operator.run("--symbols", SYMBOLS[0], "--days", "1").code == 0
    if kind == "egw00123":
        kis.expire_tokens()
    else:
        kis.add_fault(kind, times=1, path="past")
    issued = kis.calls("token")
    sees("token_dead", operator.run(*FLAGS))
    assert kis.calls("token") <= issued + 1
    completes(operator, kis)


def test_a_token_asked_for_too_soon_is_waited_for(operator: Operator, kis: Simulator) -> None:
    operator.moment.pace = 20
    kis.add_fault("egw00133", path="token", times=1)
    sees("token_too_soon", operator.run(*FLAGS))
    completes(operator, kis)


def test_a_token_that_kis_itself_refuses_ends_the_run(operator: Operator, kis: Simulator) -> None:
    kis.add_fault("egw00121", path="past")
    kis.add_fault("egw00121", path="daily")
    sees("token_refused", operator.run(*FLAGS), most_lines=20)
    assert kis.calls("token") <= 2 and kis.calls("past") < 40
    completes(operator, kis)


KEYS = {
    "EGW00103": ("bad_key", "egw00103", "*"),
    "EGW00105": ("bad_secret", "egw00105", "token"),
    "EGW00304": ("bad_secret", "egw00304", "past"),
    "EGW02004": ("wrong_host", "egw02004", "*"),
    "EGW02007": ("wrong_host", "egw02007", "past"),
    "EGW02006": ("not_offered", "egw02006", "past"),
}


@pytest.mark.parametrize("key, kind, path", KEYS.values(), ids=KEYS)
def test_a_refused_key_ends_the_run_with_one_line(operator: Operator, kis: Simulator, key: str, kind: str, path: str) -> None:
    kis.add_fault(kind, path=path)
    ran = operator.run(*FLAGS)
    sees(key, ran, most_lines=12)
    assert ran.all.count("❌") == 1
    assert len(kis.requests) < 60
    completes(operator, kis)


# --- KIS: lasting faults name their symbol-day ---

LASTING = [kind for kind in ROWS if kind not in ("unordered", "duplicate_same")]


@pytest.mark.parametrize("kind", LASTING)
def test_a_day_that_kis_cannot_tell_is_named_and_not_stored(operator: Operator, kis: Simulator, kind: str) -> None:
    kis.add_fault(kind, path="past", symbol=HURT[0], day=HURT[1])
    ran = operator.run("--symbols", "000660,005930", "--from", f"{FIRST}", "--to", f"{date(2026, 11, 19)}", timeout=60)
    sees(kind, ran, most_lines=25)
    assert f"{HURT[0]} {HURT[1]} " in ran.out, "named in the summary"
    assert len(whole_or_absent(operator.database, kis, ["000660", "005930"], days(kis))) == 3
    completes(operator, kis)


@pytest.mark.parametrize("kind", ["unordered", "duplicate_same"])
def test_answers_that_are_only_untidy_are_tidied(operator: Operator, kis: Simulator, kind: str) -> None:
    kis.add_fault(kind)
    sees("harmless", operator.run(*FLAGS))
    assert_true(operator.database, kis, SYMBOLS, days(kis))


def test_a_format_that_changed_for_all_is_told_without_a_flood(operator: Operator, kis: Simulator) -> None:
    """KIS sends numbers for strings everywhere: sixty symbol-days fail, and the screen stays readable."""
    kis.add_fault("shape_numbers", path="past")
    ran = operator.run("--symbols", "005930,000660,373220,035420,105560,012330", "--from", "2026-11-09")
    assert ran.code == 1
    sees("shape_numbers", ran, most_lines=60)
    assert execute(operator.database, "SELECT COUNT(*) FROM stock_minute_prices") == [(0,)]


# --- KIS: away ---


@pytest.mark.slow
def test_maintenance_is_waited_for(operator: Operator, kis: Simulator) -> None:
    process = operator.start(*FLAGS, **SLOWLY)
    until(lambda: kis.calls("past") > 8)
    kis.down()
    time.sleep(8)
    kis.down(False)
    sees("maintenance", ended(process))
    completes(operator, kis)


@pytest.mark.slow
def test_an_outage_of_minutes_ends_the_run(operator: Operator, kis: Simulator) -> None:
    operator.moment.pace = 40
    process = operator.start(*FLAGS, KIS_RATE_LIMIT="0.3")
    until(lambda: kis.calls("past") > 8)
    kis.down()
    sees("outage", ended(process), most_lines=35)
    kis.down(False)
    completes(operator, kis)


def test_a_kis_that_was_never_there_ends_the_run(operator: Operator, kis: Simulator) -> None:
    kis.down()
    operator.moment.pace = 10
    ran = operator.run(*FLAGS)
    sees("nobody", ran, most_lines=20)
    kis.down(False)
    completes(operator, kis)
