"""Rows of an answer as the doctor looks at them: nothing is assumed to be right, nothing raises. Pure."""

from collections.abc import Sequence
from datetime import date, datetime
from itertools import pairwise

from minute_candles.market.rows import DailyRow, DailyRows, MinuteRow, MinuteRows, RejectedDay, RejectedRow
from minute_candles.market.turnover_proof import explains


def odd_minutes(answer: MinuteRows) -> str:
    """Return the codes and fields of the rejected rows; "" where there are none."""
    rejects = [row.reject for row in answer if isinstance(row, RejectedRow)]
    return ", ".join(sorted({f"{one.code} {one.field}".strip() for one in rejects}))


def odd_days(answer: DailyRows) -> str:
    """Return the codes and fields of the rejected rows, and a turnover that is missing; "" where there are none."""
    found = {f"{row.code} {row.field}".strip() for row in answer if isinstance(row, RejectedDay)}
    found |= {"NOT_A_NUMBER turnover" for row in answer if isinstance(row, DailyRow) and row.turnover is None}
    return ", ".join(sorted(found))


def legible(answer: MinuteRows) -> list[MinuteRow]:
    """Return the rows that are not rejected."""
    return [row for row in answer if isinstance(row, MinuteRow)]


def days(answer: MinuteRows) -> set[date]:
    """Return the dates of the rows."""
    return {row.minute.date() for row in answer if row.minute}


def newest_first(moments: Sequence[datetime | date | None]) -> bool:
    """Return whether each moment is known and later than the next one."""
    return all(later and earlier and later > earlier for later, earlier in pairwise(moments))


def beyond(answer: MinuteRows, now: datetime) -> int:
    """Return rows labelled after now."""
    return sum(row.minute is not None and row.minute > now.replace(tzinfo=None) for row in answer)


def unproven(rows: Sequence[MinuteRow]) -> int:
    """Return pairs of neighbouring rows (newest first) whose turnover and volume contradict each other (§6)."""
    return sum(not explains(later, later.turnover - earlier.turnover) for later, earlier in pairwise(rows))
