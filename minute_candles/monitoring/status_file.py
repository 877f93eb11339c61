"""`realtime_updater_status.json`: what the running updater last reported, and how a person or cron reads it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypedDict

from minute_candles.config.settings import Settings
from minute_candles.console import console
from minute_candles.core import files
from minute_candles.core.kst import KST
from minute_candles.core.printable import printable
from minute_candles.monitoring.incidents import Incident, IncidentKind, Ongoing

FILE = "realtime_updater_status.json"
SKEW = timedelta(seconds=5)
"""Two hosts' clocks may differ by so much."""
TOLERATED = timedelta(minutes=3)
"""A younger incident is still being mended by the next rounds."""


class UpdaterState(StrEnum):
    """What the updater does."""

    TRADING = "trading"
    WAITING = "waiting"
    SETTLING = "settling"
    TROUBLED = "troubled"
    STOPPED = "stopped"
    ONCE = "once"
    STANDBY = "standby"


_STATES = {
    UpdaterState.TRADING: "장중 갱신",
    UpdaterState.WAITING: "대기",
    UpdaterState.SETTLING: "마감 확정",
    UpdaterState.TROUBLED: "문제 해결 중",
    UpdaterState.STOPPED: "멈춤",
    UpdaterState.ONCE: "한 번 실행",
    UpdaterState.STANDBY: "다른 서버가 멈추기를 기다림",
}
_ENDED = (UpdaterState.STOPPED, UpdaterState.ONCE)


class StreamStatus(TypedDict):
    """The stream's part of the status."""

    symbols: int
    registered: int
    stored: int
    lag: float
    problem: str
    since: str | None


@dataclass(frozen=True)
class UpdaterStatus:
    """The updater's last report; times are aware KST."""

    state: UpdaterState
    updated_at: datetime
    expect_by: datetime
    """When the next report is due at the latest."""
    incidents: Mapping[Incident, Ongoing]
    failing: Mapping[str, tuple[datetime, str]]
    """Symbols whose last poll failed: since when, and why."""
    left: tuple[str, ...]
    """Symbols that the last round left over to the next one."""
    unbroken: tuple[str, ...]
    """Symbols of which the stream proves that all but their running minute is stored."""
    content: Mapping[str, Any]
    """The file as it is, for the page's `/health`."""


def write(folder: Path, state: UpdaterState, now: datetime, expect_by: datetime, **more: object) -> None:
    """Replace the status. Raises `OSError`."""
    content = {"state": state, "updated_at": _text(now), "expect_by": _text(expect_by), **more}
    files.atomic_write(folder / FILE, json.dumps(content, ensure_ascii=False, indent=2) + "\n")


def incidents_json(current: Mapping[Incident, Ongoing]) -> dict[str, object]:
    """Return the incidents for the file: by label for people, as codes for readers."""
    found = [
        {"kind": incident.kind, "symbol": incident.symbol, "day": incident.day and str(incident.day),
         "since": _text(ongoing.since), "text": ongoing.text}
        for incident, ongoing in current.items()
    ]  # fmt: skip
    by_label = {incident.label: (_text(ongoing.since), ongoing.text) for incident, ongoing in current.items()}
    return {"troubles": by_label, "incidents": found}


def read(folder: Path) -> UpdaterStatus | None:
    """Return the last status; None where there is none, or none that can be read."""
    try:
        return _parsed(json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _parsed(content: dict[str, Any]) -> UpdaterStatus:
    status = UpdaterStatus(
        UpdaterState(content["state"]),
        _time(content["updated_at"]),
        _time(content["expect_by"]),
        dict(_incident(entry) for entry in content.get("incidents", [])),
        {symbol: (_time(since), str(why)) for symbol, (since, why) in content.get("failing", {}).items()},
        tuple(content.get("left", [])),
        tuple(content.get("unbroken", [])),
        content,
    )
    render(status, status.updated_at)
    return status


def _incident(entry: Mapping[str, Any]) -> tuple[Incident, Ongoing]:
    day = date.fromisoformat(entry["day"]) if entry.get("day") else None
    incident = Incident(IncidentKind(entry["kind"]), entry.get("symbol", ""), day)
    return incident, Ongoing(_time(entry["since"]), str(entry["text"]))


def settled_mark(settings: Settings, symbols: Iterable[str], opens: datetime) -> list[str]:
    """Return what `--once` leaves behind when all is settled for this table and these symbols until a session opens."""
    whose = " ".join([settings.database.describe(), *sorted(symbols)])
    return [_text(opens), hashlib.sha256(whose.encode()).hexdigest()[:16]]


def nothing_line(opens: datetime) -> str:
    """Return what `--once` says where nothing is left to do before the next open."""
    return f"ℹ️ 지금은 장이 아니고 마감 확정도 끝났습니다. 다음 장은 {opens:%Y-%m-%d %H:%M}에 열립니다."


def nothing_until(settings: Settings, symbols: Iterable[str], now: datetime) -> datetime | None:
    """Return the open before which another `--once` has nothing to do, by the mark of the last one."""
    status = read(settings.log_dir)
    if status is None or status.state is not UpdaterState.ONCE:
        return None
    try:
        opens = _time(status.content["settled"][0])
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    is_ours = status.content["settled"] == settled_mark(settings, symbols, opens)
    return opens if is_ours and now < opens else None


def render(
    status: UpdaterStatus | None, now: datetime, *, running: bool = True, verbose: bool = False
) -> tuple[str, bool]:
    """Return the status for people, and whether all is well: recent, no lasting incident, its process `running`.

    `verbose` names the symbols that fail or were left over.
    """
    if status is None:
        return "❌ 실시간 업데이터의 상태 파일이 없습니다. python realtime_updater.py 로 시작하세요.", False
    killed = not running and status.state not in _ENDED
    healthy = _is_healthy(status, now) and not killed
    lines = [_headline(status, now, healthy=healthy), *_parts(status, running=not killed)]
    late = (now - status.expect_by - SKEW).total_seconds()
    if killed:
        lines.append("   ⚠️ 그 프로세스가 없습니다. 강제로 끝났으면 다시 시작하세요.")
    elif late > 0 and status.state is not UpdaterState.STOPPED:
        lines.append(f"   ⚠️ {console.duration(late)} 동안 소식이 없습니다. 멈췄으면 다시 시작하세요.")
    for incident, ongoing in status.incidents.items():
        lines.append(f"   ⚠️ {incident.label}: {ongoing.text} ({_short(ongoing.since)}부터)")
    return "\n".join(map(printable, lines + (_by_symbol(status) if verbose else []))), healthy


def _is_healthy(status: UpdaterStatus, now: datetime) -> bool:
    lasting = any(now - ongoing.since >= TOLERATED for ongoing in status.incidents.values())
    return now <= status.expect_by + SKEW and status.state is not UpdaterState.STOPPED and not lasting


def _headline(status: UpdaterStatus, now: datetime, *, healthy: bool) -> str:
    busy = status.state in (UpdaterState.TRADING, UpdaterState.SETTLING)
    troubled = status.state is UpdaterState.TROUBLED or (bool(status.incidents) and busy)
    state = _STATES[UpdaterState.TROUBLED if troubled and healthy else status.state]
    if troubled and not healthy:
        state = "문제가 계속되고 있습니다"
    mark = "❌" if not healthy else "⚠️" if troubled else "✅"
    age = console.duration((now - status.updated_at).total_seconds())
    return f"{mark} {state} (pid {status.content.get('pid', '?')}, {age} 전 갱신)"


def _parts(status: UpdaterStatus, *, running: bool) -> list[str]:
    """Return the lines of the round, the stream, Redis, the lease, and what comes next."""
    content, lines = status.content, []
    if content.get("last_round"):
        lines.append(f"   마지막 라운드: {content['last_round']}")
    if running and content.get("stream"):
        lines.append(f"   스트림: {_stream(content['stream'])}")
    if running:
        lines += [f"   키 {key['name']}: {_key(key)}" for key in content.get("keys") or []]
    if running and content.get("redis") and status.state is not UpdaterState.STOPPED:
        lines.append(f"   Redis: {_redis(content['redis'])}")
    if content.get("holder"):
        lines.append(f"   갱신을 맡은 서버: {content['holder']}")
    if content.get("next"):
        lines.append(f"   다음: {content['next']}")
    return lines


def _by_symbol(status: UpdaterStatus) -> list[str]:
    """Return who failed, since when and why; and whom the last round left over."""
    lines = [f"   실패: {symbol} {since:%H:%M}부터 · {why}" for symbol, (since, why) in status.failing.items()]
    left = ", ".join(status.left)
    return [*(lines or ["   실패한 종목 없음"]), f"   다음 라운드로 미룸: {left}" if left else "   미룬 종목 없음"]


def _stream(status: Mapping[str, Any]) -> str:
    """Return the stream's line. It never makes a status unhealthy: the rounds do its work meanwhile."""
    if status["problem"]:
        return f"{status['problem']} ({_short(_time(status['since']))}부터)"
    stored = f", {status['stored']:,}건 저장, 마지막 지연 {status['lag']:.1f}초" if status["stored"] else ""
    return f"{status['registered']}/{status['symbols']}종목 등록{stored}"


def _key(status: Mapping[str, Any]) -> str:
    """Return the line of a KIS key. It never makes a status unhealthy: the other keys do its work meanwhile."""
    return f"호출 {status['calls']:,}회" + (f", 쉬는 중: {status['problem']}" if status["problem"] else "")


def _redis(status: Mapping[str, Any]) -> str:
    """Return the line of Redis. It never makes a status unhealthy: the table has all of it."""
    state = "연결됨" if status["connected"] else "연결하는 중"
    if status["problem"]:
        state = f"{status['problem']} ({_short(_time(status['since']))}부터)"
    published = f", 마지막 알림 {_short(_time(status['published']))}" if status["published"] else ""
    waiting = f", {status['waiting']:,}건 기다림" if status["problem"] and status["waiting"] else ""
    return f"{status['place']} {state}{published}{waiting}"


def _short(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _text(moment: datetime) -> str:
    return moment.astimezone(KST).isoformat(timespec="seconds")


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(KST) if moment.tzinfo else moment.replace(tzinfo=KST)
