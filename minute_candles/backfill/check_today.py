"""`--check` of the day that runs: what is stored of what the session has shown so far, and why the rest is not.

The table knows what was stored and how far each symbol has been read (`verified_at`); the updater's status file knows
who failed. A minute that was read and has no candle had no trade, or shows only after a later trade.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from minute_candles.backfill.report import spans
from minute_candles.console import console
from minute_candles.market.calendar import CLOSING_AUCTION, Session
from minute_candles.market.day_status import PROVISIONAL
from minute_candles.market.intraday import minute_of
from minute_candles.monitoring.incidents import GENERAL
from minute_candles.monitoring.status_file import UpdaterState, UpdaterStatus
from minute_candles.storage.coverage import CoverageRow
from minute_candles.storage.store import Store

MINUTE = timedelta(minutes=1)
ON_TIME = 2 * MINUTE
"""A round reads a minute within seconds of its end; one that is two minutes behind waits for its turn, or failed."""
MOST_LISTED = 20


class Standing(NamedTuple):
    """How far a symbol's running day is stored; naive KST. `missing` minutes were over and are not collected."""

    symbol: str
    name: str
    held: list[datetime]
    quiet: list[datetime]
    """Read, and without a candle: nobody traded, or not shown yet."""
    missing: list[datetime]
    why: str


def standings(
    store: Store, status: UpdaterStatus | None, names: Mapping[str, str], session: Session, now: datetime
) -> list[Standing]:
    """Return every symbol's standing; `status` is the updater's latest, None where it does not run."""
    coverage = store.coverage(list(names), session.day, session.day)
    over = _minutes(session, min(now, session.end))
    opened, last = session.open_label, session.end_label - MINUTE
    found = []
    for symbol, name in names.items():
        held = [candle.timestamp for candle in store.candles(symbol, 1, opened, last)]
        read = _read_until(coverage.get((symbol, session.day)), held, status, symbol, now)
        stored = frozenset(held)
        absent = [minute for minute in over if minute not in stored]
        quiet = [minute for minute in absent if minute < read]
        missing = [minute for minute in absent if minute >= read]
        why = _why(symbol, status) if missing and minute_of(now) - read > ON_TIME else ""
        found.append(Standing(symbol, name, held, quiet, missing if why else [], why))
    return found


def _minutes(session: Session, now: datetime) -> list[datetime]:
    """Return the minutes that KIS may have shown; in those before the closing auction nothing trades.

    The last one before it, 15:19, shows when a later one has traded: not before the auction (kis_http.md §5).
    """
    opened, closed = session.open_label, session.close_label
    minutes = [opened + count * MINUTE for count in range((minute_of(now) - opened) // MINUTE)]
    paused = closed - CLOSING_AUCTION - (MINUTE if minute_of(now) <= closed else timedelta())
    return [minute for minute in minutes if minute < paused or minute == closed]


def _read_until(
    known: CoverageRow | None, held: Sequence[datetime], status: UpdaterStatus | None, symbol: str, now: datetime
) -> datetime:
    """Return the minute up to which KIS was read; a symbol without trades leaves no row, the status file knows it."""
    if known and known.status != PROVISIONAL:
        return datetime.max
    read = minute_of(known.verified_at) if known and known.verified_at else datetime.min
    if status and status.state is UpdaterState.TRADING and not status.incidents.keys() & GENERAL:
        is_polled = not known and symbol not in status.failing and symbol not in status.left
        if is_polled or symbol in status.unbroken:
            read = max(read, minute_of(status.updated_at))
    return max([read, *(minute + MINUTE for minute in held[-1:])])


def _why(symbol: str, status: UpdaterStatus | None) -> str:
    if status is None or status.state not in (UpdaterState.TRADING, UpdaterState.TROUBLED):
        return "업데이터가 돌고 있지 않음"
    if failed := status.failing.get(symbol):
        return f"{failed[0]:%H:%M}부터 실패: {failed[1]}"
    for incident, ongoing in status.incidents.items():
        if incident in GENERAL:
            return f"{ongoing.since:%H:%M}부터 {incident.label} 문제: {ongoing.text}"
    return "다음 라운드로 미룸" if symbol in status.left else "아직 차례가 오지 않음"


def running_text(found: Sequence[Standing], session: Session, now: datetime) -> str:
    """Return the running day for people: a line for all, then who lacks minutes, with which and why."""
    incomplete = [one for one in found if one.missing]
    rows, quiet = sum(len(one.held) for one in found), sum(len(one.quiet) for one in found)
    mark = "❗" if incomplete else "✅"
    lines = [
        (
            f"{mark} {session.day} 장중 ({now:%H:%M} 기준, 마감 확정 전의 임시 데이터): {len(found):,}종목 가운데 "
            f"{len(found) - len(incomplete):,}종목은 지금까지 보인 분이 모두 있습니다."
        ),
        f"   1분봉 {console.number(rows)}건 · 거래가 없었거나 KIS가 아직 보이지 않은 분 {console.number(quiet)}개",
    ]
    shown = found if len(found) == 1 else incomplete[:MOST_LISTED]
    if shown:
        rows_shown = [
            [one.symbol, one.name, str(len(one.held)), f"{one.held[-1]:%H:%M}" if one.held else "-",
             _spans(one.missing) or "-", _spans(one.quiet) if len(found) == 1 else str(len(one.quiet)), one.why]
            for one in shown
        ]  # fmt: skip
        lines.append(console.table(["종목", "이름", "분봉", "마지막", "빠진 분", "거래 없음", "이유"], rows_shown))
    if len(incomplete) > MOST_LISTED:
        lines.append(f"   … 외 {len(incomplete) - MOST_LISTED}종목")
    return "\n".join(lines)


def _spans(minutes: Sequence[datetime]) -> str:
    return spans([60 * minute.hour + minute.minute for minute in minutes], lambda n: f"{n // 60:02}:{n % 60:02}")
