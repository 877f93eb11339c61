"""What the updater says of itself, and how people and cron read it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from minute_candles.core.kst import KST
from minute_candles.monitoring import status_file
from minute_candles.monitoring.incidents import DATABASE, KIS, Incident, Ongoing
from minute_candles.monitoring.status_file import UpdaterState

NOW = datetime(2026, 11, 20, 10, 31, 10, tzinfo=KST)
LINE = "✅ 10:31 1분봉 97종목 · 97건 저장 · 지연 5.8초 · 호출 97회 · 오류 0"


REDIS = {"place": "10.0.0.5:6379", "connected": True, "published": "2026-11-20T10:31:04+09:00", "waiting": 0,
         "problem": "", "since": None}  # fmt: skip


def write(folder: Path, state: str = "trading", late: float = -60, **more: Any) -> None:
    known = {"pid": 4711, "last_round": LINE}
    due = NOW - timedelta(seconds=late)
    status_file.write(folder, UpdaterState(state), NOW.astimezone(UTC), due.astimezone(UTC), **(known | more))


def lasting(incident: Incident, minutes: float, text: str) -> dict[str, Any]:
    return status_file.incidents_json({incident: Ongoing(NOW - timedelta(minutes=minutes), text)})


def rendered(folder: Path, now: datetime = NOW) -> tuple[str, bool]:
    return status_file.render(status_file.read(folder), now)


def test_a_healthy_updater(tmp_path: Path):
    write(tmp_path)
    text, healthy = rendered(tmp_path, NOW + timedelta(seconds=20))
    assert healthy and text.splitlines() == ["✅ 장중 갱신 (pid 4711, 20초 전 갱신)", f"   마지막 라운드: {LINE}"]
    kept = json.loads((tmp_path / status_file.FILE).read_text(encoding="utf-8"))
    assert kept["updated_at"] == "2026-11-20T10:31:10+09:00", "KST, whatever zone it came in"


def test_each_key_has_its_line_and_one_at_rest_is_no_fault(tmp_path: Path):
    two = {"name": "two", "state": "RESTING", "calls": 3, "problem": "거절했습니다"}
    write(tmp_path, keys=[{"name": "one", "state": "IN_USE", "calls": 1200, "problem": ""}, two])
    text, healthy = rendered(tmp_path)
    assert healthy
    assert text.splitlines()[2:] == ["   키 one: 호출 1,200회", "   키 two: 호출 3회, 쉬는 중: 거절했습니다"]


def test_what_kis_says_forges_no_line(tmp_path: Path):
    write(tmp_path, **lasting(DATABASE, 1, "EGW\n✅ 장중 갱신\x1b[2J"))
    text, _ = rendered(tmp_path)
    assert len(text.splitlines()) == 3 and "\x1b" not in text


@pytest.mark.parametrize(
    ("options", "healthy", "begins", "holds"),
    [
        ({"late": 600}, False, "❌", "약 10분 동안 소식이 없습니다"),
        ({"state": "stopped", "redis": REDIS}, False, "❌ 멈춤", ""),
        ({"state": "waiting", "next": "2026-11-23 09:00 개장"}, True, "", "다음: 2026-11-23 09:00 개장"),
        (lasting(DATABASE, 1, "끊어졌습니다."), True, "⚠️ 문제 해결 중", "끊어졌습니다."),
        (lasting(KIS, 2, "연결할 수 없습니다."), True, "⚠️", "⚠️ KIS: 연결할 수 없습니다."),
        (lasting(KIS, 3, "연결할 수 없습니다."), False, "", "⚠️ KIS: 연결할 수 없습니다."),
    ],
    ids=["late", "stopped", "waiting", "the first minutes of an incident", "two minutes", "one that lasts"],
)
def test_what_is_said_of_each_state(tmp_path: Path, options: Any, healthy: bool, begins: str, holds: str) -> None:
    write(tmp_path, **options)
    text, is_healthy = rendered(tmp_path)
    assert (is_healthy, text[: len(begins)]) == (healthy, begins) and holds in text and "Redis" not in text
    assert ("소식이 없습니다" in text) == ("late" in options)


@pytest.mark.parametrize("state, well", [("trading", False), ("settling", False), ("once", True)])
def test_a_process_that_was_killed_is_not_well_however_fresh_its_word(tmp_path: Path, state: str, well: bool):
    status_file.write(tmp_path, UpdaterState(state), NOW, NOW + timedelta(hours=1), pid=7)
    text, healthy = status_file.render(status_file.read(tmp_path), NOW, running=False)
    assert healthy is well and ("그 프로세스가 없습니다" in text) is not well


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"state": 1, "updated_at": 2, "expect_by": 3}',
     ('{"state": "trading", "updated_at": "2026-11-20T10:00:00", "expect_by": "2026-11-20T10:00",'
      ' "incidents": {"a": 1}}'),
     '{"state": [], "updated_at": "2026-11-20T10:00:00", "expect_by": "2026-11-20T10:00:00"}',
     "[" * 100_000],
)  # fmt: skip
def test_one_that_cannot_be_read_counts_as_none(tmp_path: Path, content: str):
    assert rendered(tmp_path)[1] is False, "there is none"
    (tmp_path / status_file.FILE).write_text(content)
    assert rendered(tmp_path)[1] is False


def test_redis_has_a_line_of_its_own_and_never_makes_a_status_unhealthy(tmp_path: Path):
    write(tmp_path, redis=REDIS)
    assert rendered(tmp_path)[0].splitlines()[-1] == "   Redis: 10.0.0.5:6379 연결됨, 마지막 알림 2026-11-20 10:31"
    gone = {"connected": False, "waiting": 1_204, "problem": "연결할 수 없습니다 [ConnectionError]",
            "since": "2026-11-20T09:40:00+09:00"}  # fmt: skip
    write(tmp_path, redis=REDIS | gone)
    text, healthy = rendered(tmp_path)
    assert healthy and text.startswith("✅ 장중 갱신")
    line = text.splitlines()[-1]
    assert line.startswith("   Redis: 10.0.0.5:6379 연결할 수 없습니다") and line.endswith("1,204건 기다림")
