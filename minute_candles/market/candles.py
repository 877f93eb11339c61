"""From rows of minutes to true candles: filter → prove by turnover → aggregate. Pure: no I/O.

Prices are whole KRW, volumes whole shares, times naive KST (the table's DATETIME). Every row carries the day's
turnover so far. Between two consecutive rows it moves by at least low·volume and at most high·volume. That holds for
491,665 of 492,860 captured pairs (kis_http.md §6). That one fact shows missing rows and wrong volumes, corrects the
doubled closing auction, and gives the exact VWAP.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from typing import NamedTuple

from minute_candles.core.errors import BadRow
from minute_candles.core.kst import KST
from minute_candles.market.calendar import Session
from minute_candles.market.reject_text import reject_text
from minute_candles.market.rows import MinuteRow, Reject, RejectedRow, RowFault

INTERVALS = (1, 5, 15)
CUT_BELOW = 5_000
"""KRW; below it the price of a mid-point trade (4,217.5) is printed cut to an integer."""
_CENT = Decimal("0.01")


class Candle(NamedTuple):
    """One window of trading, [timestamp, timestamp + interval).

    `turnover` (KRW) and `vwap` (KRW, two decimals) are None where turnover does not prove them. A candle read back from
    the store has its `vwap` only; one read through a `View` has the turnover that follows from it, too.
    """

    timestamp: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int | None
    vwap: Decimal | None

    @property
    def price_change(self) -> int:
        """KRW, close − open of this candle (the backend's meaning, kis_http.md §12)."""
        return self.close - self.open

    @property
    def price_change_percent(self) -> Decimal:
        """Change over the candle in percent, two decimals."""
        return (Decimal(100 * self.price_change) / self.open).quantize(_CENT, ROUND_HALF_UP)


Candles = dict[int, list[Candle]]
"""Candles of one symbol, by interval in minutes."""


class Proof(NamedTuple):
    """Candles, and the minutes at which turnover says that a row is missing or a volume is wrong.

    `surplus` are those of them with more turnover than the minute's range explains: a row is missing.
    """

    candles: list[Candle]
    doubts: list[datetime]
    surplus: list[datetime]


def session_rows(
    rows: Iterable[MinuteRow | RejectedRow], session: Session, *, fillers: bool = False,
    rejects: list[Reject] | None = None,
) -> list[MinuteRow]:  # fmt: skip
    """Return the session's rows, oldest first: rows outside the session are filtered, then rejects count.

    Other dates, times outside the session and minutes without a trade go; with `fillers` the latter stay, as witnesses
    of the turnover before the closing auction. Raises `BadRow` for a rejected row; with `rejects` it is left out and
    named there instead (rule "Doubt costs a mark, never the data").
    """
    first, end = session.first_label.replace(tzinfo=None), session.end.replace(tzinfo=None)
    found: dict[datetime, MinuteRow] = {}
    for row in rows:
        if row.minute is None or first <= row.minute < end:
            reject = _take(found, row, fillers=fillers)
            if reject and rejects is None:
                raise BadRow(reject_text(reject))
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
    """Keep a row that cannot be a candle and still has the day's turnover: a witness for the row behind it."""
    if row.minute is not None and row.turnover is not None:
        illegible = row.reject.code is RowFault.NOT_A_NUMBER
        found.setdefault(row.minute, MinuteRow(row.minute, 0, 0, 0, 0, 0, row.turnover, illegible))


def prove(rows: Sequence[MinuteRow], session: Session) -> Proof:
    """Check consecutive rows (oldest first) against turnover, halve a doubled auction, give each minute its turnover.

    The first row stands on nothing before it: nothing is corrected there and its turnover stays None.
    """
    candles: list[Candle] = []
    doubts: list[datetime] = []
    surplus: list[datetime] = []
    before: MinuteRow | None = None
    for sent in rows:
        moved = sent.turnover - before.turnover if before else None
        row = without_doubled_auction(sent, moved, session)
        proven = moved is not None and explains(row, moved)
        is_witness = not row.close  # of a row that was left out
        if not proven and not is_witness and (moved is not None or row.turnover < row.low * row.volume):
            doubts.append(row.minute)
            if moved is not None and moved > row.high * row.volume:
                surplus.append(row.minute)
        if row.volume:
            candles.append(with_vwap(row[:6], moved if proven else None))
        before = row
    return Proof(candles, doubts, surplus)


def without_doubled_auction(row: MinuteRow, moved: int | None, session: Session) -> MinuteRow:
    """Halve the closing auction's volume, which comes exactly doubled from today's TR (94 of 94, kis_http.md §5).

    The volume is corrected only where turnover proves it: turnover moved by exactly price × half the volume.
    For the day's first trade after fillers, turnover (off-hours trades included) must pay for half the volume. It must
    not pay for all of it.
    """
    at_close = row.minute >= session.close.replace(tzinfo=None)
    one_price = row.open == row.high == row.low == row.close
    if not (at_close and one_price and row.volume and row.volume % 2 == 0):
        return row
    half = row.close * row.volume // 2
    is_unpaid = moved == row.turnover and half <= row.turnover < 2 * half
    return row._replace(volume=row.volume // 2) if moved == half or is_unpaid else row


def unexplained_start(rows: Sequence[MinuteRow], session: Session) -> bool:
    """Return whether turnover was made before the first row that the row itself does not explain.

    Off-hours trades before the open do that; so does a missing beginning. A row at the open cannot miss one.
    """
    first = rows[0]
    return first.minute > session.open.replace(tzinfo=None) and not _is_in_range(first, first.turnover)


def explains(row: MinuteRow, moved: int) -> bool:
    """Return whether this much turnover fits the row.

    Below 5,000 KRW half-tick prices are printed cut to an integer (docs/dev/kis_http.md §6).
    """
    cut = row.high < CUT_BELOW and row.low * row.volume <= moved < (row.high + 1) * row.volume
    return cut or _is_in_range(row, moved)


def _is_in_range(row: MinuteRow, moved: int) -> bool:
    return row.low * row.volume <= moved <= row.high * row.volume


def with_vwap(ohlcv: tuple[datetime, int, int, int, int, int], turnover: int | None) -> Candle:
    """Return a candle of these values; its VWAP is exact where its turnover is known."""
    vwap = None if turnover is None else (Decimal(turnover) / ohlcv[5]).quantize(_CENT, ROUND_HALF_UP)
    return Candle(*ohlcv, turnover, vwap)


def window(timestamp: datetime, interval: int) -> datetime:
    """Start of the window a minute falls in; windows are floored from midnight (15:30 is a window of its own)."""
    return timestamp - timedelta(minutes=(timestamp.hour * 60 + timestamp.minute) % interval)


def is_closed(timestamp: datetime, interval: int, now: datetime, session: Session) -> bool:
    """Return whether the window starting at `timestamp` (naive) is over at `now` (aware)."""
    return timestamp + timedelta(minutes=interval) <= now.astimezone(KST).replace(tzinfo=None) or now >= session.end


def aggregate(minutes: Sequence[Candle], interval: int) -> list[Candle]:
    """Aggregate the 1-minute candles of one day, oldest first, into windows of `interval` minutes.

    Plain integers: a sixth of the time of a pandas group-by on 381 rows (benchmarks/README.md), and no price is ever a
    float. A window with one unproven minute has no turnover.
    """
    return fold(minutes, lambda minute: window(minute, interval))


def fold(candles: Iterable[Candle], start_of: Callable[[datetime], datetime]) -> list[Candle]:
    """Return one candle a window of these, oldest first; `start_of` names the window that a timestamp falls in."""
    windows = groupby(candles, key=lambda candle: start_of(candle.timestamp))
    return [_merged(start, list(inside)) for start, inside in windows]


def _merged(start: datetime, inside: Sequence[Candle]) -> Candle:
    turnovers = [candle.turnover for candle in inside if candle.turnover is not None]
    ohlc = inside[0].open, max(c.high for c in inside), min(c.low for c in inside), inside[-1].close
    volume = sum(candle.volume for candle in inside)
    return with_vwap((start, *ohlc, volume), sum(turnovers) if len(turnovers) == len(inside) else None)


def derive(minutes: Sequence[Candle]) -> Candles:
    """Return the candles of all three intervals that follow from a day's 1-minute ones."""
    return {1: list(minutes), **{interval: aggregate(minutes, interval) for interval in INTERVALS[1:]}}
