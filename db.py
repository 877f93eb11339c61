"""Where truth is kept: the only room, with `schema.py`, that speaks SQL.

    store = open_store(settings.database, clock)
    store.preflight()
    store.rewrite("005930", session, lambda stored: candles, now=clock.now(), status="COMPLETE")

A symbol-day is written in one transaction, only where it differs from what is stored: the same data written twice moves
neither `id`, `created_at` nor `updated_at` (law 11). Times in the tables are naive KST.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice, product
from typing import Any, NamedTuple

from base.clock import Clock
from base.errors import StoreError
from base.kst import KST
from config.settings import Database, Settings
from market.adjustment import Factor
from market.candles import Candle, Candles
from market.hours import Session
from market.stored import Hear, Stored
from store import factors, schema
from store.alerts import AlertTable as AlertTable
from store.driver import Row, Run, Value
from store.link import Link, TryAgain
from store.minutes import Minutes
from store.mysql import warn_without_extension
from store.tables import NAMES, Shape, look, upsert_coverage, upsert_prices
from store.view import KeptAlert as KeptAlert
from store.view import View as View

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("minute_data")

Counts = tuple[int, int, int]
"""Rows of 1, 5 and 15 minutes."""
Key = tuple[str, datetime]
"""Interval by its name in the table, and the start of the window."""

_MINUTES = {name: minutes for minutes, name in NAMES.items()}
_ROWS_A_STATEMENT = 1000
LONGEST_NOTE = 500
_MANY_SYMBOLS = 20


class Coverage(NamedTuple):
    """A symbol-day: `status` is COMPLETE, NO_TRADES, UNPROVEN or PROVISIONAL, `counts` what was stored at `verified_at`
    (KST)."""

    status: str
    note: str | None
    counts: Counts
    verified_at: datetime | None = None


class _Day(NamedTuple):
    """The part of a symbol-day that is rewritten: `since` ≤ t < `end`; naive KST."""

    symbol: str
    midnight: datetime
    since: datetime
    end: datetime


def open_store(database: Database, clock: Clock, *, patience: float = 120.0) -> "Store":
    """Connect; `ConfigError` within seconds where the database cannot be reached with these settings."""
    if database.kind == "mysql":
        warn_without_extension()
    link = Link(database, clock, patience=patience)
    link.open()
    log.info("✅ 데이터베이스 연결 성공")
    return Store(link, database, clock)


def open_view(database: Database, clock: Clock, *, patience: float = 5.0) -> View:
    """What a page looks at: SELECT is all it needs, nothing is made or mended. `ConfigError` as in `open_store`."""
    from store.reading import must_exist

    must_exist(database)
    if database.kind == "mysql":
        warn_without_extension()
    link = Link(database, clock, patience=patience, read_only=True)
    link.open()
    return View(link)


def open_alerts(database: Database, clock: Clock, *, patience: float = 5.0) -> AlertTable:
    """What alert rules read, and what of theirs is kept, over connections of their own. `ConfigError` as above."""
    from store.reading import must_exist

    must_exist(database)
    reader, writer = (Link(database, clock, patience=patience, read_only=reads) for reads in (True, False))
    reader.open()
    return AlertTable(reader, writer)


def read_candles(
    symbols: str | Sequence[str],
    interval: int | str = "5min",
    start: date | str | None = None,
    end: date | str | None = None,
    *,
    settings: Settings | None = None,
    adjusted: bool = False,
    strict: bool = False,
    clock: Clock | None = None,
) -> "pd.DataFrame":
    """Candles of 1, 3, 5, 10, 15, 30, 60 minutes ("5min", "5", 5) or "day" of whole days, both included.

        from db import read_candles
        frame = read_candles(["005930", "000660"], "5min", "2026-11-02", "2026-11-20")
        print(frame.loc["005930"].between_time("09:00", "09:30"))

    Index (symbol, timestamp as Asia/Seoul: the window's start), ascending. Columns: open, high, low, close (int64,
    KRW), volume (int64, shares), turnover (float64, KRW), vwap (float64, KRW), status (category: what is known of the
    day) and proven (bool: whether turnover proves the candle; else turnover and vwap are NaN). The table keeps a
    minute's VWAP to 0.01 KRW and no turnover: turnover is round(vwap × volume), exact to 0.005 KRW × volume a minute,
    a derived VWAP to 0.01 KRW.

    Without `start` thirty days up to `end`, without `end` up to today. `settings`: those of `.env`; no KIS key is
    needed. Warns (`IncompleteWarning`) and names the days that are missing, unproven or provisional; `strict` raises
    `IncompleteData` instead. `adjusted`: prices (float64) and volumes as if today's shares had always been, by the
    factors that `export_candles.py --adjusted` asked KIS for; `IncompleteData` where they are unknown. Raises
    `ConfigError` for what cannot be asked or read, `StoreError` for a lost database.
    """
    from market.intervals import parse
    from store import reading

    wanted, shown = reading.symbols_of(symbols), parse(interval)
    with reading.opened(open_store, settings, clock, start, end) as (store, asked):
        from store.frames import candles_frame

        return candles_frame(store, wanted, shown, asked, adjusted=adjusted, strict=strict)


def read_coverage(
    symbols: str | Sequence[str],
    start: date | str | None = None,
    end: date | str | None = None,
    *,
    settings: Settings | None = None,
    clock: Clock | None = None,
) -> "pd.DataFrame":
    """What is known of each symbol-day: index (symbol, date); arguments and errors as in `read_candles`.

    Columns: count_1min, count_5min, count_15min (int64, rows in the table now), status (COMPLETE, NO_TRADES, UNPROVEN,
    PROVISIONAL, or MISSING for a closed trading day without rows), note (the reason, Korean), verified_at (Asia/Seoul).
    """
    from store import reading

    wanted = reading.symbols_of(symbols)
    with reading.opened(open_store, settings, clock, start, end) as (store, asked):
        from store.frames import coverage_frame

        return coverage_frame(store, wanted, asked)


class Store:
    """Minute candles and their coverage. Every method may be called by many threads; one transaction runs at a time."""

    def __init__(self, link: Link, database: Database, clock: Clock) -> None:
        self._link = link
        self._database = database
        self._clock = clock
        self._known_shape: Shape | None = None
        self.listeners: list[Hear] = []
        """Told of every write after its commit, by the thread that wrote."""

    def preflight(self, *, dedupe: bool = False, read_only: bool = False) -> list[str]:
        """Make both tables ready or raise `ConfigError`; lines to log. `read_only` changes nothing, only reports."""
        self._known_shape, lines = schema.prepare(
            self._link, self._database, self._clock, dedupe=dedupe, read_only=read_only
        )
        return lines

    def coverage(self, symbols: Sequence[str], first: date, last: date) -> dict[tuple[str, date], Coverage]:
        """The verified symbol-days from `first` to `last`, both included."""
        if not symbols or not self._shape.coverage:
            return {}
        rows = self._read(
            "SELECT stock_symbol, trade_date, status, note, count_1min, count_5min, count_15min, verified_at"
            f" FROM stock_minute_coverage WHERE stock_symbol IN ({_marks(symbols)}) AND trade_date BETWEEN %s AND %s",
            *symbols, first, last,
        )  # fmt: skip
        return {(row[0], _date(row[1])): Coverage(row[2], row[3], row[4:7], _moment(row[7])) for row in rows}

    def counts(self, symbols: Sequence[str], sessions: Sequence[Session]) -> dict[tuple[str, date], Counts]:
        """Rows stored of each symbol-day before `session.end`, from the key alone; days without rows are left out.

        Many symbols are counted over two connections: a server scans for each with one core.
        """
        if not symbols or not sessions or not self._shape.prices:
            return {}
        if len(symbols) < _MANY_SYMBOLS or self._link.dialect == "sqlite":
            return self._counts(self._link, symbols, sessions)
        half, second = len(symbols) // 2, Link(self._database, self._clock, patience=0)
        try:
            with ThreadPoolExecutor(max_workers=1) as beside:
                rest = beside.submit(self._counts, second, symbols[half:], sessions)
                found = self._counts(self._link, symbols[:half], sessions)
        finally:
            second.close()
        try:
            return found | rest.result()
        except StoreError:  # no second connection to be had
            return found | self._counts(self._link, symbols[half:], sessions)

    def _counts(
        self, link: Link, symbols: Sequence[str], sessions: Sequence[Session]
    ) -> dict[tuple[str, date], Counts]:
        days = [session.day for session in sessions]
        sql = _count_by_day(sessions, self._shape)
        found: dict[tuple[str, date], dict[str, int]] = {}

        def work(run: Run) -> None:
            found.clear()
            for symbol, name in product(symbols, NAMES.values()):
                for day, count in zip(days, run(sql, *[symbol, name] * len(days))[0], strict=True):
                    if count:
                        found.setdefault((symbol, day), {})[name] = count

        link.transaction(work)
        return {key: _counts(by_name) for key, by_name in found.items()}

    def rewrite(
        self, symbol: str, session: Session, change: Callable[[Candles], Candles], *,
        since: datetime | None = None, now: datetime, status: str | None = None, note: str | None = None,
        yields: bool = False,
    ) -> Counts:  # fmt: skip
        """Make the symbol-day from `since` (naive KST, default midnight) to `session.end` equal to `change(stored)`.

        One transaction: only rows that differ are touched; with `status` the coverage row is written too. `change` must
        be pure, it is repeated when the transaction is. Returns the rows of the whole symbol-day afterwards.
        `yields`: a day that the authority has settled since its end is left as it is.
        """
        shape, midnight = self._shape, datetime.combine(session.day, time())
        day = _Day(symbol, midnight, since or midnight, _naive(session.end))
        stamp = _naive(now).replace(microsecond=0)
        told: list[Stored] = []

        def work(run: Run) -> Counts:
            told.clear()
            stored = self._stored(run, day)
            if yields and (settled := self._settled(run, day)):
                return settled
            candles = change(_candles(stored, shape))
            wanted = self._wanted(candles, day)
            gone = [key for key in stored if key not in wanted]
            self._erase(run, day, gone)
            changed = {key: row for key, row in wanted.items() if stored.get(key) != row}
            self._upsert(run, symbol, list(changed.items()), stamp)
            counts = self._verified_counts(run, day, wanted)
            if status is not None:
                self._record(run, day, Coverage(status, note and note[:LONGEST_NOTE], counts), stamp)
            told.append(Stored(symbol, session.day, _of_keys(candles, changed), len(gone), status))
            return counts

        counts = self._link.transaction(work)
        for hear, one in product(self.listeners, told):
            hear(one)
        return counts

    def candles(self, symbol: str, interval: int, first: datetime, last: datetime) -> list[Candle]:
        """The stored candles with `first` ≤ timestamp ≤ `last` (naive KST), ascending."""
        if not self._shape.prices:
            return []
        rows = self._read(
            f"SELECT minute_interval, timestamp, {self._shape.selected} FROM stock_minute_prices{self._shape.hint}"
            " WHERE stock_symbol = %s AND minute_interval = %s AND timestamp BETWEEN %s AND %s ORDER BY timestamp",
            symbol, NAMES[interval], first, last,
        )  # fmt: skip
        return _candles(dict(self._keyed(row) for row in rows), self._shape)[interval]

    def minutes(self) -> Minutes:
        """Reads 1-minute candles in bulk (store/frames.py)."""
        return Minutes(self._link, self._shape, self._database)

    def factors(self, symbol: str) -> list[Factor]:
        """What split-adjusted prices are multiplied by, ascending; [] where KIS was never asked."""
        return self._link.transaction(lambda run: factors.read(run, self._link.dialect, symbol))

    def keep_factors(self, symbol: str, found: Sequence[Factor], now: datetime) -> None:
        """Replace a symbol's factors; the table is made when it is missing."""
        self._link.transaction(lambda run: factors.make_ready(run, self._link.dialect))
        self._link.transaction(lambda run: factors.keep(run, symbol, found, _naive(now)))

    def spans(self, symbols: Sequence[str]) -> dict[str, tuple[datetime, datetime]]:
        """First and last 1-minute candle of each symbol that has any, naive KST."""
        found = {}
        for symbol in symbols if self._shape.prices else ():
            first, last = self._read(
                "SELECT MIN(timestamp), MAX(timestamp) FROM stock_minute_prices"
                " WHERE stock_symbol = %s AND minute_interval = %s",
                symbol, NAMES[1],
            )[0]  # fmt: skip
            if first is not None:
                found[symbol] = (_moment(first), _moment(last))
        return found

    def turnover_rank(self, symbols: Sequence[str], since: date) -> list[str]:
        """`symbols`, the most traded since then first (KRW, Σ close · volume of 15-minute rows); those without last."""
        if not symbols or not self._shape.prices:
            return list(symbols)
        rows = self._read(
            "SELECT stock_symbol, SUM(close_price * volume) FROM stock_minute_prices"
            f" WHERE stock_symbol IN ({_marks(symbols)}) AND minute_interval = %s AND timestamp >= %s"
            " GROUP BY stock_symbol",
            *symbols, NAMES[15], datetime.combine(since, time()),
        )  # fmt: skip
        turnover: dict[str, Any] = dict(rows)
        return sorted(symbols, key=lambda symbol: -turnover.get(symbol, 0))

    def server(self) -> tuple[str, datetime]:
        """Kind and version of the database, and its clock as naive KST."""
        if self._link.dialect == "sqlite":
            [(version, now)] = self._read("SELECT 'SQLite ' || sqlite_version(), datetime('now', '+9 hours')")
        else:
            [(version, now)] = self._read("SELECT VERSION(), NOW()")
        return str(version), _moment(now)

    def check_rights(self) -> None:
        """Whether rows may be written and removed, without touching one. Raises `StoreError` with what is refused."""
        tables = (("stock_minute_prices", self._shape.prices), ("stock_minute_coverage", self._shape.coverage))
        for table in (name for name, stands in tables if stands):
            self._read(f"UPDATE {table} SET stock_symbol = stock_symbol WHERE 1 = 0")
            self._read(f"DELETE FROM {table} WHERE 1 = 0")

    def close(self) -> None:
        """Close the connection after the transaction in hand."""
        if self._link.close():
            log.info("🔌 데이터베이스 연결 해제")

    @property
    def _shape(self) -> Shape:
        if self._known_shape is None:
            self._known_shape = self._link.transaction(lambda run: look(run, self._link.dialect))
        return self._known_shape

    def _read(self, sql: str, *params: Value) -> list[Row]:
        return self._link.transaction(lambda run: run(sql, *params))

    def _stored(self, run: Run, day: _Day) -> dict[Key, Row]:
        """What is stored of the day, locked until commit: who writes these rows meanwhile waits, none is lost."""
        lock = "" if self._link.dialect == "sqlite" else " FOR UPDATE"
        rows = run(
            f"SELECT minute_interval, timestamp, {self._shape.selected} FROM stock_minute_prices{self._shape.hint}"
            f" WHERE stock_symbol = %s AND minute_interval IN ({_marks(NAMES)})"
            f" AND timestamp >= %s AND timestamp < %s{lock}",
            day.symbol, *NAMES.values(), day.since, day.end,
        )  # fmt: skip
        return dict(self._keyed(row) for row in rows)

    def _settled(self, run: Run, day: _Day) -> Counts | None:
        """The counts of a day that was verified after its end; the day's rows are locked, who settles it waits."""
        lock = "" if self._link.dialect == "sqlite" else " FOR UPDATE"
        rows = run(
            "SELECT count_1min, count_5min, count_15min FROM stock_minute_coverage WHERE stock_symbol = %s"
            f" AND trade_date = %s AND status <> 'PROVISIONAL' AND verified_at >= %s{lock}",
            day.symbol, day.midnight.date(), day.end,
        )  # fmt: skip
        return rows[0][:3] if rows else None

    def _keyed(self, row: Row) -> tuple[Key, Row]:
        """Key and values; SQLite's texts become datetimes and decimals."""
        if self._link.dialect != "sqlite":
            return (row[0], row[1]), row[2:]
        values = tuple(Decimal(value) if isinstance(value, str) else value for value in row[2:])
        return (row[0], datetime.fromisoformat(row[1])), values

    def _wanted(self, candles: Candles, day: _Day) -> dict[Key, Row]:
        """The rows that shall stand, in the order of the key."""
        rows = {
            (NAMES[interval], candle.timestamp): _values(candle, self._shape)
            for interval in NAMES
            for candle in sorted(candles.get(interval, ()), key=lambda candle: candle.timestamp)
        }
        if outside := [key for key in rows if not day.since <= key[1] < day.end]:
            raise ValueError(f"candle outside the rewritten span: {day.symbol} {outside[0]}")
        return rows

    def _erase(self, run: Run, day: _Day, keys: Sequence[Key]) -> None:
        for name in NAMES.values():
            times = [key[1] for key in keys if key[0] == name]
            for part in _chunks(times):
                run(
                    f"DELETE FROM stock_minute_prices WHERE stock_symbol = %s AND minute_interval = %s"
                    f" AND timestamp IN ({_marks(part)})",
                    day.symbol, name, *part,
                )  # fmt: skip

    def _upsert(self, run: Run, symbol: str, rows: Sequence[tuple[Key, Row]], stamp: datetime) -> None:
        """One statement a thousand rows; a parameter a value would cost the connector more than the server's work.

        The symbol, the only text, is one parameter for all of them.
        """
        mark, params = ("?1", [symbol]) if self._link.dialect == "sqlite" else ("@symbol", [])
        if rows and not params:
            run("SET @symbol = %s", symbol)
        stamps = f", '{stamp}'" * len(self._shape.stamps)
        for part in _chunks(rows):
            values = ", ".join([f"({mark}, '{name}', '{when}', {_numbers(row)}{stamps})" for (name, when), row in part])
            run(upsert_prices(self._link.dialect, self._shape, values), *params)

    def _verified_counts(self, run: Run, day: _Day, wanted: Mapping[Key, Row]) -> Counts:
        """Rows of the whole day, read back from the key; `TryAgain` where the rewritten part is not what was wanted."""
        rows = run(
            f"SELECT minute_interval, COUNT(*), SUM(timestamp >= %s) FROM stock_minute_prices{self._shape.hint}"
            f" WHERE stock_symbol = %s AND minute_interval IN ({_marks(NAMES)}) AND timestamp >= %s AND timestamp < %s"
            " GROUP BY minute_interval",
            day.since, day.symbol, *NAMES.values(), day.midnight, day.end,
        )  # fmt: skip
        expected, written = Counter(name for name, _ in wanted), {row[0]: int(row[2]) for row in rows}
        if _counts(expected) != _counts(written):
            raise TryAgain(
                f"{day.symbol} {day.midnight:%Y-%m-%d}: 1·5·15분봉 {_counts(expected)}건을 저장했는데 "
                f"{_counts(written)}건이 있습니다. 다른 프로그램이 같은 행을 쓰고 있는지 확인하세요."
            )
        return _counts({row[0]: row[1] for row in rows})

    def _record(self, run: Run, day: _Day, coverage: Coverage, stamp: datetime) -> None:
        row = (day.symbol, day.midnight.date(), *coverage.counts, coverage.status, coverage.note, stamp)
        run(upsert_coverage(self._link.dialect, f"({_marks(row)})"), *row)


def _count_by_day(sessions: Sequence[Session], shape: Shape) -> str:
    """Rows of a symbol and interval, a column a day; what lies behind a session's end (16:40 on a CSAT day) is others'.

    A range of the key for each day: nothing is grouped, no function is computed for a row.
    """
    spans = [(datetime.combine(session.day, time()), _naive(session.end)) for session in sessions]
    of_a_day = f"SELECT COUNT(*) FROM stock_minute_prices{shape.hint} WHERE stock_symbol = %s AND minute_interval = %s"
    return "SELECT " + ", ".join(
        f"({of_a_day} AND timestamp >= '{start}' AND timestamp < '{end}')" for start, end in spans
    )


def _numbers(values: Row) -> str:
    """SQL of whole numbers, decimals and None; text travels as parameters only."""
    return ", ".join(["NULL" if value is None else str(value) for value in values])


def _values(candle: Candle, shape: Shape) -> Row:
    """The values of a row in the order of `Shape.values`; a percentage that its column cannot hold is NULL."""
    values: tuple[Value, ...] = (candle.open, candle.high, candle.low, candle.close, candle.volume)
    if "price_change" in shape.derived:
        values += (candle.price_change,)
    if "price_change_percent" in shape.derived:
        percent = candle.price_change_percent
        values += (percent if abs(percent) < shape.percent_limit else None,)
    return (*values, candle.vwap) if "vwap" in shape.derived else values


def _of_keys(candles: Candles, keys: Collection[Key]) -> Candles:
    return {
        interval: [candle for candle in candles.get(interval, ()) if (name, candle.timestamp) in keys]
        for interval, name in NAMES.items()
    }


def _candles(stored: Mapping[Key, Row], shape: Shape) -> Candles:
    """The stored rows that can be candles, ascending: whole KRW, on the grid of their interval."""
    found: Candles = {interval: [] for interval in NAMES}
    for (name, when), values in sorted(stored.items()):
        prices, interval = values[:5], _MINUTES.get(name)
        if interval is None or when.second or when.microsecond or when.minute % interval:
            continue
        whole = tuple(int(value) for value in prices)
        if whole == prices:
            first, high, low, close, volume = whole
            vwap = values[-1] if "vwap" in shape.derived else None
            found[interval].append(Candle(when, first, high, low, close, volume, None, vwap))
    return found


def _counts(by_name: Mapping[str, int]) -> Counts:
    one, five, fifteen = (int(by_name.get(name, 0)) for name in NAMES.values())
    return one, five, fifteen


def _marks(values: Any) -> str:
    return ", ".join(["%s"] * len(values))


def _chunks(items: Sequence[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while part := list(islice(rest, _ROWS_A_STATEMENT)):
        yield part


def _naive(moment: datetime) -> datetime:
    """KST without the zone, as the tables have it."""
    return moment.astimezone(KST).replace(tzinfo=None) if moment.tzinfo else moment


def _moment(value: Any) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _date(value: Any) -> date:
    """SQLite hands dates out as text."""
    return date.fromisoformat(value) if isinstance(value, str) else value
