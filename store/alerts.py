"""`stock_minute_alerts`: what was told, once a rule, symbol and window; and what volume is usual when."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import NamedTuple

from store.driver import Dialect, Run
from store.tables import NAMES, PRICES, read_columns

TABLE = "stock_minute_alerts"
_COLUMNS = "rule_name, stock_symbol, minute_interval, timestamp, severity, message, value, created_at"
_DDL = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    rule_name VARCHAR(60) NOT NULL,
    stock_symbol VARCHAR(20) NOT NULL,
    minute_interval VARCHAR(20) NOT NULL,
    timestamp DATETIME NOT NULL,
    severity VARCHAR(10) NOT NULL,
    message VARCHAR(500) NOT NULL,
    value DOUBLE NOT NULL,
    created_at DATETIME NOT NULL,
    PRIMARY KEY (rule_name, stock_symbol, minute_interval, timestamp)
)
"""


class KeptAlert(NamedTuple):
    """A row of it; `timestamp` is the start of the window, naive KST."""

    rule: str
    symbol: str
    interval: int
    timestamp: datetime
    severity: str
    text: str
    value: float


def make_ready(run: Run, dialect: Dialect) -> None:
    if not read_columns(run, dialect, TABLE):
        run(_DDL if dialect == "sqlite" else f"{_DDL.rstrip()} ENGINE=InnoDB DEFAULT CHARSET=utf8mb4")


def keep(run: Run, alerts: Sequence[KeptAlert], now: datetime) -> list[KeptAlert]:
    """Write those that are not there yet; these."""
    new = []
    for alert in alerts:
        key = alert.rule, alert.symbol, NAMES[alert.interval], alert.timestamp
        known = run(
            f"SELECT 1 FROM {TABLE} WHERE rule_name = %s AND stock_symbol = %s AND minute_interval = %s"
            " AND timestamp = %s",
            *key,
        )
        if not known:
            run(
                f"INSERT INTO {TABLE} ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                *key, alert.severity, alert.text[:500], repr(alert.value), now.replace(microsecond=0),
            )  # fmt: skip
            new.append(alert)
    return new


def read(run: Run, dialect: Dialect, first: datetime, last: datetime, limit: int) -> list[KeptAlert]:
    """The newest `limit` alerts with `first` ≤ timestamp ≤ `last` (naive KST), newest first; [] without the table."""
    if not read_columns(run, dialect, TABLE):
        return []
    minutes = {name: interval for interval, name in NAMES.items()}
    rows = run(
        f"SELECT rule_name, stock_symbol, minute_interval, timestamp, severity, message, value FROM {TABLE}"
        " WHERE timestamp BETWEEN %s AND %s ORDER BY timestamp DESC, created_at DESC, stock_symbol, rule_name LIMIT %s",
        first, last, limit,
    )  # fmt: skip
    return [KeptAlert(r[0], r[1], minutes[r[2]], _moment(r[3]), r[4], r[5], float(r[6])) for r in rows]


def usual_volume(
    run: Run, symbol: str, interval: int, first: datetime, last: datetime
) -> tuple[dict[time, int], set[date]]:
    """The volume of all days from `first` to before `last` by the time of the day, and the days that have any."""
    rows = run(
        f"SELECT timestamp, volume FROM {PRICES} WHERE stock_symbol = %s AND minute_interval = %s"
        " AND timestamp >= %s AND timestamp < %s",
        symbol, NAMES[interval], first, last,
    )  # fmt: skip
    found: dict[time, int] = {}
    days: set[date] = set()
    for told, volume in rows:
        when = _moment(told)
        days.add(when.date())
        found[when.time()] = found.get(when.time(), 0) + int(volume)
    return found, days


def _moment(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
