"""What the updater reports of itself, and how people and cron read it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from minute_candles.core.kst import KST
from minute_candles.monitoring import status_file
from minute_candles.monitoring.incidents import DATABASE, KIS, Ongoing
from minute_candles.monitoring.status_file import UpdaterState

NOW = datetime(2026, 11, 20, 10, 31, 10, tzinfo=KST)
LINE = "✅ 10:31 1분봉 97종목 · 97건 저장 · 지연 5.8초 · 호출 97회 · 오류 0"
REDIS = {"place": "10.0.0.5:6379", "connected": True, "published": "2026-11-20T10:31:04+09:00", "waiting": 0,
         "problem": "", "since": None}  # fmt: skip
GONE = REDIS | {"connected": False, "waiting": 1_204, "problem": "연결할 수 없습니다 [ConnectionError]",
                "since": "2026-11-20T09:40:00+09:00"}  # fmt: skip


@pytest.fixture
def written(tmp_path):
    """Write a status that expects the next one in so many seconds; its text and whether it is well, later."""

    def written(state="trading", *, due=60, later=0, running=True, **known):
        now, expected = NOW.astimezone(UTC), (NOW + timedelta(seconds=due)).astimezone(UTC)
        status_file.write(tmp_path, UpdaterState(state), now, expected, pid=4711, last_round=LINE, **known)
        return status_file.render(status_file.read(tmp_path), NOW + timedelta(seconds=later), running=running)

    return written


def lasting(incident, minutes, text):
    return status_file.incidents_json({incident: Ongoing(NOW - timedelta(minutes=minutes), text)})


def test_a_healthy_updater_with_a_key_at_rest_and_a_redis_that_makes_no_status_unhealthy(tmp_path, written):
    keys = [{"name": "one", "state": "IN_USE", "calls": 1200, "problem": ""},
            {"name": "two", "state": "RESTING", "calls": 3, "problem": "거절했습니다"}]  # fmt: skip
    text, healthy = written(keys=keys, redis=REDIS, later=20)
    assert healthy and text.splitlines() == [
        "✅ 장중 갱신 (pid 4711, 20초 전 갱신)", f"   마지막 라운드: {LINE}",
        "   키 one: 호출 1,200회", "   키 two: 호출 3회, 쉬는 중: 거절했습니다",
        "   Redis: 10.0.0.5:6379 연결됨, 마지막 알림 2026-11-20 10:31",
    ]  # fmt: skip
    kept = json.loads((tmp_path / status_file.FILE).read_text(encoding="utf-8"))
    assert kept["updated_at"] == "2026-11-20T10:31:10+09:00", "KST, whatever zone it came in"
    text, healthy = written(redis=GONE)
    assert healthy and text.splitlines()[-1].startswith("   Redis: 10.0.0.5:6379 연결할 수 없습니다")
    assert text.endswith("1,204건 기다림")


@pytest.mark.parametrize(("options", "healthy", "begins", "holds"), [
    ({"due": -600}, False, "❌", "약 10분 동안 소식이 없습니다"),
    ({"state": "stopped", "redis": REDIS}, False, "❌ 멈춤", ""),
    ({"state": "waiting", "next": "2026-11-23 09:00 개장"}, True, "", "다음: 2026-11-23 09:00 개장"),
    (lasting(DATABASE, 1, "끊어졌습니다."), True, "⚠️ 문제 해결 중", "끊어졌습니다."),
    (lasting(KIS, 2, "연결할 수 없습니다."), True, "⚠️", "⚠️ KIS: 연결할 수 없습니다."),
    (lasting(KIS, 3, "연결할 수 없습니다."), False, "", "⚠️ KIS: 연결할 수 없습니다."),
    ({"running": False}, False, "", "그 프로세스가 없습니다"), ({"running": False, "state": "once"}, True, "", ""),
])  # fmt: skip
def test_what_is_reported_of_each_state_and_of_a_process_that_was_killed(written, options, healthy, begins, holds):
    text, is_healthy = written(**options)
    assert (is_healthy, text[: len(begins)]) == (healthy, begins) and holds in text and "Redis" not in text
    assert ("소식이 없습니다" in text) == ("due" in options)


def test_what_kis_answers_forges_no_line_and_a_file_that_cannot_be_read_counts_as_none(tmp_path, written):
    text, _ = written(**lasting(DATABASE, 1, "EGW\n✅ 장중 갱신\x1b[2J"))
    assert len(text.splitlines()) == 3 and "\x1b" not in text
    times = '"updated_at": "2026-11-20T10:00:00", "expect_by": "2026-11-20T10:00:00"}'
    for content in ("", "[]", '{"state": 1, "updated_at": 2, "expect_by": 3}', '{"state": [], ' + times, "[" * 100_000,
                    '{"state": "trading", "incidents": {"a": 1}, ' + times, None):  # fmt: skip
        file = tmp_path / status_file.FILE
        file.write_text(content) if content is not None else file.unlink()
        assert status_file.render(status_file.read(tmp_path), NOW)[1] is False
