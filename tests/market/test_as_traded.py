"""Days reported adjusted, restored to what traded: 90 real ones, reported both ways, and generated ones."""

import csv
import gzip
import math
from collections import defaultdict
from datetime import date, datetime

import pytest
import real_days
from places import SHARED

from minute_candles.market.adjusted_signs import looks_adjusted
from minute_candles.market.as_traded import adjustment_of, turn_back
from minute_candles.market.rows import DailyRow, MinuteRow

FILE = SHARED / "data" / "kis_adjusted_minutes.csv.gz"
captured = pytest.mark.skipif(not FILE.exists(), reason="captured rows are not beside this clone")
PRICES = ("open", "high", "low", "close")


Day = tuple[list[MinuteRow], list[MinuteRow]]


def read(line: dict[str, str], side: str) -> MinuteRow:
    values = [int(line[f"{field}_{side}"]) for field in (*PRICES, "volume")]
    return MinuteRow(datetime.strptime(line["date"] + line["time"], "%Y%m%d%H%M%S"), *values, int(line["acml_tr_pbmn"]))


@pytest.fixture(scope="module")
def days() -> dict[tuple[str, str], Day]:
    """By code and date: the rows as traded, and as KIS reported them after the corporate action."""
    found = defaultdict(lambda: ([], []))
    with gzip.open(FILE, "rt") as file:
        for line in csv.DictReader(file):
            for rows, side in zip(found[line["code"], line["date"]], ("traded", "told_later"), strict=True):
                rows.append(read(line, side))
    return dict(found)


def daily(rows) -> DailyRow:
    return DailyRow(
        date(2026, 11, 20), rows[0].open, max(r.high for r in rows), min(r.low for r in rows), rows[-1].close, 0
    )


def adjusted(rows: list[MinuteRow], f: float) -> list[MinuteRow]:
    """What KIS reports of these rows after a corporate action (kis_http.md §6)."""

    def scaled(number: float) -> int:
        return math.floor(number + 0.5)

    return [
        row._replace(**{p: scaled(getattr(row, p) * f) for p in PRICES}, volume=scaled(row.volume / f)) for row in rows
    ]


def compare(traded: list[MinuteRow], turned: list[MinuteRow]) -> tuple[int, int, int]:
    """Rows with all prices right, with the volume right, and within a tick (1 KRW: the finest) and a share."""
    pairs = list(zip(traded, turned, strict=True))
    near = [max(abs(x - y) for x, y in zip(a[1:6], b[1:6], strict=True)) <= 1 for a, b in pairs]
    return sum(a[1:5] == b[1:5] for a, b in pairs), sum(a.volume == b.volume for a, b in pairs), sum(near)


@captured
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 8])
def test_real_adjusted_days_are_recognised_and_turned_back(days, step: int) -> None:
    right = volumes = near = rows = 0
    for traded, reported in list(days.values())[::step]:
        found = adjustment_of(reported, daily(traded))
        assert found
        turned = turn_back(reported, found).rows
        assert [(row.minute, row.turnover) for row in turned] == [(row.minute, row.turnover) for row in traded]
        one = compare(traded, turned)
        right, volumes, near, rows = right + one[0], volumes + one[1], near + one[2], rows + len(traded)
        cheap = min(row.low for row in traded) < 2_000
        assert cheap or one[0] == len(traded), "from 2,000 KRW on the grid alone decides"
    assert rows == 34_023 or step > 1
    assert right / rows >= 0.974 and volumes / rows >= 0.988 and near / rows >= 0.9997


@captured
def test_rows_show_by_themselves_whether_they_are_adjusted(days) -> None:
    shown = [(looks_adjusted(traded), looks_adjusted(reported)) for traded, reported in days.values()]
    assert shown == [(False, True)] * 90


def test_a_split_into_whole_shares_shows_by_its_volumes_and_few_rows_by_nothing() -> None:
    start = datetime(2026, 11, 20, 9)
    rows = [
        MinuteRow(start.replace(minute=n), 1_400, 1_402, 1_400, 1_402, 50 * (n + 1), 10**9 * (n + 1)) for n in range(20)
    ]
    assert looks_adjusted(rows) and not looks_adjusted(rows[:19]) and not looks_adjusted([])
    assert adjustment_of([], daily(rows)) is None
    assert adjustment_of(rows[:1], DailyRow(date(2026, 11, 20), 0, 0, 0, 0, 0)) is None


@captured
@pytest.mark.slow
def test_genuine_days_are_no_adjusted_ones(days) -> None:
    for traded, _ in days.values():
        for rows in (traded, traded[52:300]):  # a lost beginning and end are no corporate action
            assert adjustment_of(rows, daily(traded)) is None
    for day in [day for of_day in real_days.load().values() for day in of_day.values()]:
        rows = [MinuteRow(*row[:7]) for row in day.rows]
        assert not rows or (adjustment_of(rows, daily(rows)) is None and not looks_adjusted(rows))


@captured
@pytest.mark.parametrize(("f", "prices", "volumes"), [(1 / 50, 0.99, 1), (0.9583, 0.98, 0.999), (5, 0.999, 0.6)])
def test_generated_actions_are_turned_back(days, f, prices, volumes) -> None:
    right = exact = rows = 0
    for (_, day), (traded, _) in days.items():
        if not day.endswith("2") or traded[0].low * f < 500:  # nobody splits a share to less than its par value
            continue
        reported = adjusted(traded, f)
        found = adjustment_of(reported, daily(traded))
        assert found and found.low <= f <= found.high
        one = compare(traded, turn_back(reported, found).rows)
        right, exact, rows = right + one[0], exact + one[1], rows + len(traded)
    assert right / rows >= prices and exact / rows >= volumes


@captured
def test_an_announced_rate_stands_in_for_a_lost_beginning(days) -> None:
    traded, reported = days["018880", "20251030"]
    lossy = [row for row in reported[30:] if row.high < max(each.high for each in reported)]
    assert adjustment_of(lossy, daily(traded)) is None
    found = adjustment_of(lossy, daily(traded), rates=[-7.04])
    assert found and round(turn_back(lossy, found).factor, 5) == 0.92955


def test_a_share_that_was_rounded_away_comes_back_and_fillers_stay() -> None:
    start = datetime(2026, 11, 20, 9)
    sizes = [400, 1, 0, 300]
    totals = [1_000 * sum(sizes[: n + 1]) for n in range(4)]
    traded = [MinuteRow(start.replace(minute=n), *[1_000] * 4, sizes[n], totals[n]) for n in range(4)]
    reported = adjusted(traded, 5)
    assert [row.volume for row in reported] == [80, 0, 0, 60]
    found = adjustment_of(reported, daily(traded))
    assert found and [row.volume for row in turn_back(reported, found).rows] == sizes
