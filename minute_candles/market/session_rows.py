"""The rows of a session among those that a source sent; those that the parser rejected are reported. Pure."""

from collections.abc import Iterable
from datetime import datetime

from minute_candles.market.calendar import Session
from minute_candles.market.rows import MinuteRow, Reject, RejectedRow, RowFault


def session_rows(
    rows: Iterable[MinuteRow | RejectedRow], session: Session, *, fillers: bool = False,
    rejects: list[Reject] | None = None,
) -> list[MinuteRow]:  # fmt: skip
    """Return the session's rows, oldest first: rows outside the session are filtered, then rejects count.

    Other dates, times outside the session and minutes without a trade go; with `fillers` the latter stay, as witnesses
    of the turnover before the closing auction. A rejected row is left out and named in `rejects` (rule "Doubt costs a
    mark, never the data").
    """
    first, end = session.first_label, session.end_label
    found: dict[datetime, MinuteRow] = {}
    for row in rows:
        if row.minute is None or first <= row.minute < end:
            reject = _take(found, row, fillers=fillers)
            if reject and rejects is not None:
                rejects.append(reject)
    return [found[minute] for minute in sorted(found)]


def _take(found: dict[datetime, MinuteRow], row: MinuteRow | RejectedRow, *, fillers: bool) -> Reject | None:
    """Put one row where it belongs; return why it is rejected."""
    is_filler = row.volume == 0
    if is_filler and (not fillers or row.minute in found):
        return None
    if isinstance(row, RejectedRow):
        _keep_turnover(found, row)
        return row.reject
    known = found.get(row.minute)
    if not is_filler and known and known.volume and known != row:
        return Reject(RowFault.CONFLICT, row.minute)
    found[row.minute] = row
    return None


def _keep_turnover(found: dict[datetime, MinuteRow], row: RejectedRow) -> None:
    """Keep a row that cannot be a candle and still has the day's turnover: a witness for the row after it."""
    if row.minute is not None and row.turnover is not None:
        illegible = row.reject.code is RowFault.NOT_A_NUMBER
        found.setdefault(row.minute, MinuteRow(row.minute, 0, 0, 0, 0, 0, row.turnover, illegible))
