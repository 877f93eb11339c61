"""Raw rows of KIS as the doctor looks at them: nothing is assumed to be right, nothing raises. Pure."""

from collections.abc import Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from minute_candles.market.candles import is_number

MINUTE = (
    "stck_bsop_date", "stck_cntg_hour", "stck_oprc", "stck_hgpr", "stck_lwpr", "stck_prpr", "cntg_vol", "acml_tr_pbmn",
)  # fmt: skip
DAILY = ("stck_bsop_date", "stck_oprc", "stck_hgpr", "stck_lwpr", "stck_clpr", "acml_vol", "acml_tr_pbmn")


def odd_fields(rows: Sequence[Any], fields: Sequence[str]) -> str:
    """Which fields are missing or no whole numbers in some row; "" where all is as it should be."""
    if not all(isinstance(row, dict) for row in rows):
        return "JSON 객체가 아닌 행"
    return ", ".join(name for name in fields if not all(is_number(row.get(name)) for row in rows))


def number(row: Any, field: str) -> int:
    text = row.get(field) if isinstance(row, dict) else None
    return int(text) if is_number(text) else 0


def volume(row: Any) -> int:
    return number(row, "cntg_vol")


def time_of(row: Any) -> str:
    return str(row.get("stck_cntg_hour", "")) if isinstance(row, dict) else ""


def when(row: Any) -> str:
    """Date and time as KIS writes them: what sorts and compares rows."""
    return f"{row.get('stck_bsop_date', '')}{time_of(row)}" if isinstance(row, dict) else ""


def day(row: Any) -> date | None:
    text = row.get("stck_bsop_date") if isinstance(row, dict) else None
    try:
        return date.fromisoformat(text) if is_number(text) else None
    except ValueError:
        return None


def days(rows: Sequence[Any]) -> set[date]:
    return {found for found in map(day, rows) if found}


def newest_first(rows: Sequence[Any]) -> bool:
    return all(when(later) > when(earlier) for later, earlier in pairwise(rows))


def beyond(rows: Sequence[Any], now: datetime) -> int:
    """Rows labelled after now."""
    return sum(when(row) > f"{now:%Y%m%d%H%M%S}" for row in rows)


def unproven(rows: Sequence[Any]) -> int:
    """Pairs of neighbouring rows (newest first) of which turnover and volume contradict each other (§6)."""
    return sum(not _explains(later, earlier) for later, earlier in pairwise(rows))


def _explains(later: Any, earlier: Any) -> bool:
    moved = number(later, "acml_tr_pbmn") - number(earlier, "acml_tr_pbmn")
    return number(later, "stck_lwpr") * volume(later) <= moved <= (number(later, "stck_hgpr") + 1) * volume(later)
