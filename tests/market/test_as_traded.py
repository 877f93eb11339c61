"""Days reported adjusted, restored to what traded: 90 real ones, reported both ways, and generated ones."""

import csv
import gzip
import math
from collections import Counter, defaultdict
from datetime import date, datetime

import pytest
import real_days
from places import SHARED

from minute_candles.market.adjusted_signs import looks_adjusted
from minute_candles.market.as_traded import adjustment_of, turn_back
from minute_candles.market.rows import DailyRow, MinuteRow

FILE = SHARED / "data" / "kis_adjusted_minutes.csv.gz"
captured = pytest.mark.skipif(not FILE.exists(), reason="captured rows are not beside this clone")
PRICES, DAY = ("open", "high", "low", "close"), date(2026, 11, 20)


@pytest.fixture(scope="module")
def days():
    """By code and date: the rows as traded, and as KIS reported them after the corporate action."""
    found = defaultdict(lambda: ([], []))
    with gzip.open(FILE, "rt") as file:
        for line in csv.DictReader(file):
            at, turnover = datetime.strptime(line["date"] + line["time"], "%Y%m%d%H%M%S"), int(line["acml_tr_pbmn"])
            for rows, side in zip(found[line["code"], line["date"]], ("traded", "told_later"), strict=True):
                rows.append(MinuteRow(at, *[int(line[f"{field}_{side}"]) for field in (*PRICES, "volume")], turnover))
    return dict(found)


def daily(rows):
    return DailyRow(DAY, rows[0].open, max(r.high for r in rows), min(r.low for r in rows), rows[-1].close, 0)


def adjusted(rows, f):
    """What KIS reports of these rows after a corporate action (kis_http.md §6)."""
    scaled = lambda number: math.floor(number + 0.5)  # noqa: E731
    return [
        row._replace(**{p: scaled(getattr(row, p) * f) for p in PRICES}, volume=scaled(row.volume / f)) for row in rows
    ]


def compare(traded, turned):
    """Rows with all prices right, with the volume right, and within a tick (1 KRW: the finest) and a share."""
    pairs = list(zip(traded, turned, strict=True))
    near = [max(abs(x - y) for x, y in zip(a[1:6], b[1:6], strict=True)) <= 1 for a, b in pairs]
    return Counter(rows=len(pairs), right=sum(a[1:5] == b[1:5] for a, b in pairs),
                   volumes=sum(a.volume == b.volume for a, b in pairs), near=sum(near))  # fmt: skip


@captured
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 12])
def test_real_adjusted_days_are_recognised_and_turned_back(days, step):
    total = Counter()
    for traded, reported in list(days.values())[::step]:
        found = adjustment_of(reported, daily(traded))
        turned = turn_back(reported, found).rows
        assert [(row.minute, row.turnover) for row in turned] == [(row.minute, row.turnover) for row in traded]
        one = compare(traded, turned)
        total += one
        is_cheap = min(row.low for row in traded) < 2_000
        assert is_cheap or one["right"] == len(traded), "from 2,000 KRW on the grid alone decides"
        assert (looks_adjusted(traded), looks_adjusted(reported)) == (False, True), "rows show it by themselves"
    rows = total["rows"]
    assert rows == 34_023 or step > 1
    assert total["right"] / rows >= 0.974 and total["volumes"] / rows >= 0.988 and total["near"] / rows >= 0.9997


def test_a_split_into_whole_shares_shows_by_its_volumes_and_few_rows_by_nothing():
    start, prices = datetime(2026, 11, 20, 9), (1_400, 1_402, 1_400, 1_402)
    rows = [MinuteRow(start.replace(minute=n - 1), *prices, 50 * n, 10**9 * n) for n in range(1, 21)]
    assert [looks_adjusted(some) for some in (rows, rows[:19], [])] == [True, False, False]
    assert adjustment_of([], daily(rows)) is None
    assert adjustment_of(rows[:1], DailyRow(DAY, 0, 0, 0, 0, 0)) is None


@captured
@pytest.mark.slow
def test_genuine_days_are_no_adjusted_ones(days):
    for traded, _ in days.values():
        for rows in (traded, traded[52:300]):  # a lost beginning and end are no corporate action
            assert adjustment_of(rows, daily(traded)) is None
    for day in [day for of_day in real_days.load().values() for day in of_day.values()]:
        rows = [MinuteRow(*row[:7]) for row in day.rows]
        assert not rows or (adjustment_of(rows, daily(rows)) is None and not looks_adjusted(rows))


@captured
@pytest.mark.parametrize(("f", "prices", "volumes"), [(1 / 50, 0.99, 1), (0.9583, 0.98, 0.999), (5, 0.999, 0.6)])
def test_generated_actions_are_turned_back(days, f, prices, volumes):
    total = Counter()
    for (_, day), (traded, _) in days.items():
        if not day.endswith("2") or traded[0].low * f < 500:  # nobody splits a share to less than its par value
            continue
        reported = adjusted(traded, f)
        found = adjustment_of(reported, daily(traded))
        assert found and found.low <= f <= found.high
        total += compare(traded, turn_back(reported, found).rows)
    assert total["right"] / total["rows"] >= prices and total["volumes"] / total["rows"] >= volumes


@captured
def test_an_announced_rate_stands_in_for_a_lost_beginning(days):
    traded, reported = days["018880", "20251030"]
    lossy = [row for row in reported[30:] if row.high < max(each.high for each in reported)]
    assert adjustment_of(lossy, daily(traded)) is None
    found = adjustment_of(lossy, daily(traded), rates=[-7.04])
    assert round(turn_back(lossy, found).factor, 5) == 0.92955


def test_a_share_that_was_rounded_away_comes_back_and_fillers_stay():
    start, sizes = datetime(2026, 11, 20, 9), [400, 1, 0, 300]
    traded = [MinuteRow(start.replace(minute=n), *[1_000] * 4, sizes[n], 1_000 * sum(sizes[: n + 1])) for n in range(4)]
    reported = adjusted(traded, 5)
    assert [row.volume for row in reported] == [80, 0, 0, 60]
    assert [row.volume for row in turn_back(reported, adjustment_of(reported, daily(traded))).rows] == sizes
