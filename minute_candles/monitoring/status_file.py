"""`realtime_updater_status.json`: what the running updater last said of itself, and how a person or cron reads it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from minute_candles.config.settings import Settings
from minute_candles.console import console
from minute_candles.core import files
from minute_candles.core.kst import KST

FILE = "realtime_updater_status.json"
STATES = {
    "trading": "장중 갱신",
    "waiting": "대기",
    "settling": "마감 확정",
    "troubled": "문제 해결 중",
    "stopped": "멈춤",
    "once": "한 번 실행",
}
TOLERATED = timedelta(minutes=3)
"""A trouble younger than this is still being healed by the next rounds."""

SKEW = timedelta(seconds=5)
"""Two hosts' clocks may differ by so much."""


def write(folder: Path, state: str, now: datetime, expect_by: datetime, **more: Any) -> None:
    """Replace the status; `expect_by` is when the next one is due at the latest. Raises `OSError`."""
    kept = {"state": state, "updated_at": _text(now), "expect_by": _text(expect_by), **more}
    files.atomic_write(folder / FILE, json.dumps(kept, ensure_ascii=False, indent=2) + "\n")


def read(folder: Path) -> dict[str, Any] | None:
    """The last status; None where there is none, or none that can be read."""
    try:
        kept = json.loads((folder / FILE).read_text(encoding="utf-8"))
        told(kept, _time(kept["updated_at"]))
        return dict(kept)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def settled_mark(settings: Settings, symbols: Iterable[str], opens: datetime) -> list[str]:
    """What `--once` leaves behind when all is settled for this table and these symbols until a session opens."""
    whose = " ".join([settings.database.describe(), *sorted(symbols)])
    return [_text(opens), hashlib.sha256(whose.encode()).hexdigest()[:16]]


def nothing_line(opens: datetime) -> str:
    """What `--once` says where nothing is left to do before the next open."""
    return f"ℹ️ 지금은 장이 아니고 마감 확정도 끝났습니다. 다음 장은 {opens:%Y-%m-%d %H:%M}에 열립니다."


def nothing_until(settings: Settings, symbols: Iterable[str], now: datetime) -> datetime | None:
    """The open before which another `--once` has nothing to do, as far as the last one told; cron asks each minute."""
    kept = read(settings.log_dir) or {}
    try:
        opens = _time(kept["settled"][0])
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    is_ours = kept["settled"] == settled_mark(settings, symbols, opens)
    return opens if is_ours and kept["state"] == "once" and now < opens else None


def told(
    status: Mapping[str, Any] | None, now: datetime, *, running: bool = True, verbose: bool = False
) -> tuple[str, bool]:
    """The status for people, and whether all is well: fresh, without a lasting trouble, its process `running`.

    `verbose` names the symbols that fail or were left over.
    """
    if status is None:
        return "❌ 실시간 업데이터의 상태 파일이 없습니다. python realtime_updater.py 로 시작하세요.", False
    late = max(timedelta(0), now - _time(status["expect_by"]) - SKEW)
    lasting = {
        key: text for key, (since, text) in dict(status.get("troubles", {})).items() if now - _time(since) >= TOLERATED
    }
    killed = not running and status["state"] not in ("stopped", "once")
    healthy = late <= timedelta(0) and status["state"] != "stopped" and not lasting and not killed
    age = console.duration((now - _time(status["updated_at"])).total_seconds())
    troubled = bool(status.get("troubles")) and status["state"] in ("trading", "settling")
    state = STATES["troubled"] if troubled else STATES.get(status["state"], status["state"])
    mark = "❌" if not healthy else "⚠️" if troubled else "✅"
    lines = [f"{mark} {state} (pid {status.get('pid', '?')}, {age} 전 갱신)"]
    if status.get("last_round"):
        lines.append(f"   마지막 라운드: {status['last_round']}")
    if (stream := status.get("stream")) and not killed:
        lines.append(f"   스트림: {_stream(stream)}")
    if (redis := status.get("redis")) and not killed and status["state"] != "stopped":
        lines.append(f"   Redis: {_redis(redis)}")
    if status.get("next"):
        lines.append(f"   다음: {status['next']}")
    if killed:
        lines.append("   ⚠️ 그 프로세스가 없습니다. 강제로 끝났으면 다시 시작하세요.")
    elif late > timedelta(0) and status["state"] != "stopped":
        lines.append(f"   ⚠️ {console.duration(late.total_seconds())} 동안 소식이 없습니다. 멈췄으면 다시 시작하세요.")
    for key, (since, text) in status.get("troubles", {}).items():
        lines.append(f"   ⚠️ {key}: {text} ({_short(since)}부터)")
    return "\n".join(lines + (_by_symbol(status) if verbose else [])), healthy


def _by_symbol(status: Mapping[str, Any]) -> list[str]:
    """Who failed, since when and why; whom the last round left over."""
    failing = dict(status.get("failing", {}))
    lines = [f"   실패: {symbol} {since[11:16]}부터 · {why}" for symbol, (since, why) in failing.items()]
    left = ", ".join(status.get("left", []))
    return [*(lines or ["   실패한 종목 없음"]), f"   다음 라운드로 미룸: {left}" if left else "   미룬 종목 없음"]


def _stream(told: Mapping[str, Any]) -> str:
    """The stream never makes a status unhealthy: the rounds do its work meanwhile."""
    if told["problem"]:
        return f"{told['problem']} ({_short(told['since'])}부터)"
    stored = f", {told['stored']:,}건 저장, 마지막 지연 {told['lag']:.1f}초" if told["stored"] else ""
    return f"{told['registered']}/{told['symbols']}종목 등록{stored}"


def _redis(told: Mapping[str, Any]) -> str:
    """Nor does Redis: the table has all of it."""
    state = "연결됨" if told["connected"] else "연결하는 중"
    if told["problem"]:
        state = f"{told['problem']} ({_short(told['since'])}부터)"
    published = f", 마지막 알림 {_short(told['published'])}" if told["published"] else ""
    waiting = f", {told['waiting']:,}건 기다림" if told["problem"] and told["waiting"] else ""
    return f"{told['place']} {state}{published}{waiting}"


def _short(text: str) -> str:
    return text[:16].replace("T", " ")


def _text(moment: datetime) -> str:
    return moment.astimezone(KST).isoformat(timespec="seconds")


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=KST)
