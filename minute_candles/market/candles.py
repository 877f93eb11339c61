"""From KIS's raw rows to true candles: parse → filter → validate → prove by turnover → aggregate. Pure: no I/O.

Prices are whole KRW, volumes whole shares, times naive KST (the table's DATETIME). Every row of `output2` carries
`acml_tr_pbmn`, the day's turnover so far; between two consecutive rows it moves by at least low·volume and at most
high·volume (491,665 of 492,860 captured pairs, kis_http.md §6). That one fact shows missing rows and wrong volumes,
corrects the doubled closing auction, and gives the exact VWAP.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from typing import Any, NamedTuple, TypeGuard

from minute_candles.core.errors import BadRow
from minute_candles.core.kst import KST
from minute_candles.market.calendar import Session

INTERVALS = (1, 5, 15)
CUT_BELOW = 5_000
"""KRW; below it the price of a mid-point trade (4,217.5) is printed cut to an integer."""
_CENT = Decimal("0.01")
_MOST_DIGITS = 18
"""A BIGINT holds every number of so many digits."""
_ABSURD_PRICE = 10**10
"""KRW; the dearest Korean share ever traded stood at a thousandth of it."""


class Candle(NamedTuple):
    """One window of trading, [timestamp, timestamp + interval).

    `turnover` (KRW) and `vwap` (KRW, two decimals) are None where turnover does not prove them; a candle read back from
    the store has its `vwap` only, one read through a `View` the turnover which that tells, too.
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
        return (Decimal(100 * self.price_change) / self.open).quantize(_CENT, ROUND_HALF_UP)


Candles = dict[int, list[Candle]]
"""Candles of one symbol, by interval in minutes."""


class Row(NamedTuple):
    """One validated minute as KIS sent it; `turnover` is the day's so far, KRW. Volume 0 marks a filler row.

    Prices of 0 stand for a row that was left out; `illegible`: its numbers are none, else they cannot be.
    """

    minute: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int
    illegible: bool = False


class Proof(NamedTuple):
    """Candles, and the minutes at which turnover says that a row is missing or a volume is wrong.

    `surplus` are those of them with more turnover than the minute's range explains: a missing row, or a deal that is
    in no minute's volume.
    """

    candles: list[Candle]
    doubts: list[datetime]
    surplus: list[datetime]


def label(raw: object) -> datetime:
    """The minute a raw row is labelled with, naive KST; seconds are floored, off-grid ones (…11) happen (§6)."""
    if not isinstance(raw, dict):
        raise BadRow("행이 JSON 객체가 아닙니다.")
    day, hour = raw.get("stck_bsop_date"), raw.get("stck_cntg_hour")
    if not (is_number(day) and is_number(hour) and len(day) == 8 and len(hour) == 6 and hour < "24"):
        raise BadRow("행의 날짜나 시각이 없거나 숫자가 아닙니다.")
    try:
        moment = datetime.fromisoformat(f"{day}T{hour}")
    except ValueError as error:
        raise BadRow("행의 날짜나 시각이 있을 수 없는 값입니다.") from error
    return moment.replace(second=0) if moment.second else moment


def is_number(value: object) -> TypeGuard[str]:
    """Whether it is a whole number ≥ 0 as KIS writes one: a string of ASCII digits, not too long for a BIGINT.

    A JSON number is none: KIS never sends one, so whatever sends it is not to be believed.
    """
    return isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS


def session_rows(
    raws: Iterable[object], session: Session, *, fillers: bool = False, lost: list[str] | None = None
) -> list[Row]:
    """The session's rows, oldest first: filtered first, then validated (law 4).

    Other dates, times outside the session and minutes without a trade go; with `fillers` the latter stay, as witnesses
    of the turnover before the closing auction. Raises `BadRow` for a row that cannot be true; with `lost` it is left
    out and named there instead (law 13).
    """
    first, end = session.first_label.replace(tzinfo=None), session.end.replace(tzinfo=None)
    found: dict[datetime, Row] = {}
    for raw in raws:
        try:
            minute = label(raw)
            if first <= minute < end:
                _take(found, raw, minute, fillers=fillers)
        except BadRow as error:
            if lost is None:
                raise
            lost.append(str(error))
            _keep_turnover(found, raw, first, end)
    return [found[minute] for minute in sorted(found)]


def _take(found: dict[datetime, Row], raw: Any, minute: datetime, *, fillers: bool) -> None:
    """Put one row where it belongs. Raises `BadRow`."""
    if _number(raw, "cntg_vol", minute) == 0:
        if fillers and minute not in found:
            found[minute] = _parse(raw, minute)
        return
    row = _validated(_parse(raw, minute))
    known = found.get(minute)
    if known and known.volume and known != row:
        raise BadRow(f"{minute:%H:%M} 행이 서로 다른 값으로 두 번 왔습니다.")
    found[minute] = row


def _keep_turnover(found: dict[datetime, Row], raw: object, first: datetime, end: datetime) -> None:
    """A row that cannot be a candle may still know the day's turnover: a witness for the row behind it."""
    try:
        minute = label(raw)
        assert isinstance(raw, dict)  # else it had no label
        turnover = _number(raw, "acml_tr_pbmn", minute)
    except BadRow:
        return
    if first <= minute < end:
        found.setdefault(minute, Row(minute, 0, 0, 0, 0, 0, turnover, not _is_legible(raw, minute)))


def _is_legible(raw: dict[str, Any], minute: datetime) -> bool:
    try:
        _parse(raw, minute)
    except BadRow:
        return False
    return True


def _number(raw: dict[str, Any], field: str, minute: datetime) -> int:
    value = raw.get(field)
    if not is_number(value):
        raise BadRow(f"{minute:%H:%M} 행의 {field} 값이 없거나 0 이상의 정수가 아닙니다.")
    return int(value)


def _parse(raw: dict[str, Any], minute: datetime) -> Row:
    fields = ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_prpr", "cntg_vol", "acml_tr_pbmn")
    opened, high, low, close, volume, turnover = (_number(raw, field, minute) for field in fields)
    return Row(minute, opened, high, low, close, volume, turnover)


def _validated(row: Row) -> Row:
    if 0 < row.low <= row.open <= row.high < _ABSURD_PRICE and row.low <= row.close <= row.high:
        return row
    raise BadRow(f"{row.minute:%H:%M} 행의 가격이 있을 수 없는 값입니다 (0 < 저가 ≤ 시가·종가 ≤ 고가).")


def prove(rows: Sequence[Row], session: Session) -> Proof:
    """Check consecutive rows (oldest first) against turnover, halve a doubled auction, give each minute its turnover.

    The first row stands on nothing before it: nothing is corrected there and its turnover stays None (law 7).
    """
    candles: list[Candle] = []
    doubts: list[datetime] = []
    surplus: list[datetime] = []
    before: Row | None = None
    for sent in rows:
        moved = sent.turnover - before.turnover if before else None
        row = without_doubled_auction(sent, moved, session)
        proven = moved is not None and _explains(row, moved)
        is_witness = not row.close  # of a row that was left out
        if not proven and not is_witness and (moved is not None or row.turnover < row.low * row.volume):
            doubts.append(row.minute)
            if moved is not None and moved > row.high * row.volume:
                surplus.append(row.minute)
        if row.volume:
            candles.append(with_vwap(row[:6], moved if proven else None))
        before = row
    return Proof(candles, doubts, surplus)


def without_doubled_auction(row: Row, moved: int | None, session: Session) -> Row:
    """The closing auction's `cntg_vol` comes exactly doubled from today's TR (94 of 94 symbols, kis_http.md §5).

    Corrected only where turnover proves it: it moved by exactly price × half the volume; or, as the day's first trade
    after fillers, its turnover (off-hours trades included) does not pay for the volume told, and does for half of it.
    """
    at_close = row.minute >= session.close.replace(tzinfo=None)
    one_price = row.open == row.high == row.low == row.close
    if not (at_close and one_price and row.volume and row.volume % 2 == 0):
        return row
    half = row.close * row.volume // 2
    is_unpaid = moved == row.turnover and half <= row.turnover < 2 * half
    return row._replace(volume=row.volume // 2) if moved == half or is_unpaid else row


def unexplained_start(rows: Sequence[Row], session: Session) -> bool:
    """Whether turnover was made before the first row that the row itself does not explain.

    Off-hours trades before the open do that; so does a missing beginning. A row at the open cannot miss one.
    """
    first = rows[0]
    return first.minute > session.open.replace(tzinfo=None) and not _is_in_range(first, first.turnover)


def _explains(row: Row, moved: int) -> bool:
    """Half-tick prices are printed cut to an integer where half a tick is 2.5 or 0.5 KRW (kis_http.md §6)."""
    cut = row.high < CUT_BELOW and row.low * row.volume <= moved < (row.high + 1) * row.volume
    return cut or _is_in_range(row, moved)


def _is_in_range(row: Row, moved: int) -> bool:
    return row.low * row.volume <= moved <= row.high * row.volume


def with_vwap(ohlcv: tuple[datetime, int, int, int, int, int], turnover: int | None) -> Candle:
    """A candle of these values; its VWAP is exact where its turnover is known."""
    vwap = None if turnover is None else (Decimal(turnover) / ohlcv[5]).quantize(_CENT, ROUND_HALF_UP)
    return Candle(*ohlcv, turnover, vwap)


def window(timestamp: datetime, interval: int) -> datetime:
    """Start of the window a minute falls in; windows are floored from midnight (15:30 is a window of its own)."""
    return timestamp - timedelta(minutes=(timestamp.hour * 60 + timestamp.minute) % interval)


def is_closed(timestamp: datetime, interval: int, now: datetime, session: Session) -> bool:
    """Whether the window starting at `timestamp` (naive) is over at `now` (aware): law 3."""
    return timestamp + timedelta(minutes=interval) <= now.astimezone(KST).replace(tzinfo=None) or now >= session.end


def aggregate(minutes: Sequence[Candle], interval: int) -> list[Candle]:
    """1-minute candles of one day, oldest first, into windows of `interval` minutes: a pure function of them (law 5).

    Plain integers: a sixth of the time of a pandas group-by on 381 rows (benchmarks/README.md), and no price is ever a
    float. A window with one unproven minute has no turnover.
    """
    windows = groupby(minutes, key=lambda candle: window(candle.timestamp, interval))
    return [_merged(start, list(inside)) for start, inside in windows]


def _merged(start: datetime, inside: Sequence[Candle]) -> Candle:
    turnovers = [candle.turnover for candle in inside if candle.turnover is not None]
    ohlc = inside[0].open, max(c.high for c in inside), min(c.low for c in inside), inside[-1].close
    volume = sum(candle.volume for candle in inside)
    return with_vwap((start, *ohlc, volume), sum(turnovers) if len(turnovers) == len(inside) else None)


def derive(minutes: Sequence[Candle]) -> Candles:
    """The candles of all three intervals that follow from a day's 1-minute ones."""
    return {1: list(minutes), **{interval: aggregate(minutes, interval) for interval in INTERVALS[1:]}}
