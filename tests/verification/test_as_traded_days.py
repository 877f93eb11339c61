"""Days that KIS reports adjusted, through the product's own command: turned back, and never laid over true rows.

The 90 captured symbol-days stand on one date, a code each, so that one run collects them all.
"""

import csv
import gzip
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import User, execute, now
from kis_testing import WEDNESDAY
from places import SHARED

from kis_simulator.simulator import Simulator
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import derive, with_vwap
from minute_candles.market.rows import MinuteRow
from minute_candles.verification.as_traded_days import with_missing_minutes

FILE = SHARED / "data" / "kis_adjusted_minutes.csv.gz"
captured = pytest.mark.skipif(not FILE.exists(), reason=f"{FILE} is not here")
PRICES = ("open", "high", "low", "close", "volume")
Rows = list[dict[str, str]]
AT = datetime(2026, 11, 18, 10)
SESSION = TradingCalendar().session(WEDNESDAY)


def row_of(minute: int, price: int, volume: int, turnover: int) -> MinuteRow:
    return MinuteRow(AT.replace(minute=minute), price, price, price, price, volume, turnover)


def test_a_repair_writes_the_missing_minutes_alone() -> None:
    """The third minute is lost; the second one's window has it, the stored one of the first stays as it stands."""
    traded = [with_vwap((AT.replace(minute=n), 100, 100, 100, 100, 10), 1_000) for n in (0, 5, 6)]
    reported = [row_of(n, 50, 20, 1_000 * k) for k, n in enumerate((0, 5, 6))]
    stored = derive(traded[:2])
    stored[5][0] = stored[5][0]._replace(vwap=None)  # as another program wrote it
    turned = [candle._replace(open=101, high=101, low=101, close=101) for candle in traded]
    day = with_missing_minutes(stored, turned, reported)
    assert [candle[:6] for candle in day[1]] == [*(c[:6] for c in traded[:2]), turned[2][:6]]
    assert day[5][0] == stored[5][0]
    assert day[5][1].volume == 20


def test_what_an_older_version_stored_adjusted_is_replaced() -> None:
    reported = [row_of(n, 50, 20, 1_000) for n in (0, 1)]
    turned = [with_vwap((AT.replace(minute=n), 100, 100, 100, 100, 10), 1_000) for n in (0, 1)]
    stored = derive([with_vwap(row[:6], None) for row in reported])
    assert with_missing_minutes(stored, turned, reported) == derive(turned)


def load() -> dict[str, Rows]:
    """The captured rows by a code of their own."""
    found: dict[tuple[str, str], Rows] = {}
    with gzip.open(FILE, "rt") as file:
        for line in csv.DictReader(file):
            found.setdefault((line["code"], line["date"]), []).append(line)
    return {f"9{number:05}": rows for number, rows in enumerate(found.values())}


class Captured(Simulator):
    """Reports the captured days as traded, or as after the corporate action."""

    days: dict[str, Rows] = {}  # noqa: RUF012 - set once, below
    side = "told_later"

    def _rows(self, name: str, symbol: str, params: dict[str, str], now: Any) -> Rows:
        rows = self.days[symbol]
        if name == "daily":
            numbers = [[int(row[f"{field}_traded"]) for row in rows] for field in PRICES]
            opened, high, low, close, volume = numbers
            daily = (opened[0], max(high), min(low), close[-1], sum(volume) * 21 // 20)
            names = ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_clpr", "acml_vol")
            texts = {key: str(value) for key, value in zip(names, daily, strict=True)}
            return [{"stck_bsop_date": f"{WEDNESDAY:%Y%m%d}", **texts}]
        until = params["FID_INPUT_HOUR_1"]
        return [self._row(row) for row in reversed(rows) if row["time"] <= until][:120]

    def _row(self, row: dict[str, str]) -> dict[str, str]:
        names = ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_prpr", "cntg_vol")
        numbers = {key: row[f"{field}_{self.side}"] for key, field in zip(names, PRICES, strict=True)}
        stamp = {"stck_bsop_date": f"{WEDNESDAY:%Y%m%d}", "stck_cntg_hour": row["time"]}
        return {**stamp, **numbers, "acml_tr_pbmn": row["acml_tr_pbmn"]}


@pytest.fixture
def kis() -> Iterator[Captured]:
    Captured.days = load()
    with Captured(now=now, rate=100_000, profiles=dict.fromkeys(Captured.days, "liquid")) as sim:
        yield sim


def flags(codes: list[str]) -> tuple[str, ...]:
    return "--from", f"{WEDNESDAY}", "--to", f"{WEDNESDAY}", "--symbols", ",".join(codes)


def minutes(user: User) -> dict[tuple[str, str], tuple[int, ...]]:
    rows = execute(
        user.database,
        "SELECT stock_symbol, timestamp, open_price, high_price, low_price, close_price, volume"
        " FROM stock_minute_prices WHERE minute_interval = 'ONE_MINUTE'",
    )
    return {(row[0], f"{str(row[1])[11:13]}{str(row[1])[14:16]}00"): tuple(map(int, row[2:])) for row in rows}


def everything(user: User) -> list[Any]:
    table = execute(user.database, "SELECT * FROM stock_minute_prices")
    return sorted(table, key=repr)


@captured
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_days_with_nothing_stored_are_turned_back(
    kis: Captured, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/minutes.db")
    ran = user.run(*flags(list(kis.days)), timeout=600)
    assert ran.code == 0, ran.all
    known = execute(user.database, "SELECT stock_symbol, status, reasons, adjustment FROM stock_minute_coverage")
    assert len(known) == len(kis.days) == 90
    for symbol, status, reasons, factor in known:
        assert status == "UNPROVEN" and "ADJUSTED_SOURCE" in reasons.split(",")
        assert abs(float(factor) - float(kis.days[symbol][0]["factor_fitted"])) < 5e-4
    stored = minutes(user)
    truth = {
        (symbol, row["time"][:4] + "00"): tuple(int(row[f"{field}_traded"]) for field in PRICES)
        for symbol, rows in kis.days.items() for row in rows if int(row["volume_traded"])
    }  # fmt: skip
    assert stored.keys() == truth.keys()
    prices = sum(stored[key][:4] == row[:4] for key, row in truth.items()) / len(truth)
    volumes = sum(stored[key][4] == row[4] for key, row in truth.items()) / len(truth)
    record_property("told", f"{len(truth):,} rows: prices right {prices:.2%}, volumes right {volumes:.2%}")
    assert prices > 0.97 and volumes > 0.97


@captured
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_later_run_changes_what_is_stored_as_traded(kis: Captured, tmp_path: Path) -> None:
    kis.side = "traded"
    codes = list(kis.days)[:12]
    user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/minutes.db")
    assert user.run(*flags(codes), timeout=300).code == 0
    before = everything(user)
    marks = dict(execute(user.database, "SELECT stock_symbol, status FROM stock_minute_coverage"))
    kis.side = "told_later"
    assert user.run("--force", *flags(codes), timeout=300).code == 0
    assert everything(user) == before
    assert dict(execute(user.database, "SELECT stock_symbol, status FROM stock_minute_coverage")) == marks
    execute(user.database, f"DELETE FROM stock_minute_prices WHERE timestamp = '{WEDNESDAY} 11:05:00'")
    assert user.run(*flags(codes), timeout=300).code == 0
    assert user.run("--recheck", *flags(codes), timeout=300).code == 0
    after = everything(user)
    assert len(after) == len(before)
    windows = ("11:05:00", "11:00:00")  # of five and fifteen minutes: they derive from the minute that was turned back
    others = {row[1:] for row in before if not str(row[2]).endswith(windows)}
    assert others <= {row[1:] for row in after}
