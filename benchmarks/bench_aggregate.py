"""Why `candles.aggregate` is written in plain integers: the same day through a pandas group-by."""

from harness import Line, Spread, keep, load, quick, spread, timed
from store_testing import SESSION, minutes

from minute_candles.market.candles import Candle
from minute_candles.market.windows import aggregate

TIMES = 20


def by_pandas(candles: list[Candle], interval: int) -> list[Candle]:
    """The usual way, on int64 columns, back into candles."""
    import pandas as pd

    frame = pd.DataFrame([candle[:6] for candle in candles], columns=list(Candle._fields[:6]))
    grouped = frame.groupby(frame["timestamp"].dt.floor(f"{interval}min"))
    merged = grouped.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
    return [Candle(start.to_pydatetime(), *map(int, row), None, None) for start, *row in merged.itertuples()]


def measure(way: object) -> Spread:
    """Milliseconds for a day: 5 and 15 minutes."""
    day = minutes(SESSION)

    def some() -> None:
        for _ in range(TIMES):
            for interval in (5, 15):
                way(day, interval)  # type: ignore[operator]

    some()
    return spread([timed(some) * 1000 / TIMES for _ in range(2 if quick() else 9)])


def main() -> None:
    began, day = load(), minutes(SESSION)
    for interval in (5, 15):
        assert [c[:6] for c in by_pandas(day, interval)] == [c[:6] for c in aggregate(day, interval)]
    ours, theirs = measure(aggregate), measure(by_pandas)
    lines = [
        Line("candles.aggregate, 하루 381행 → 5·15분 (ms)", str(ours)),
        Line("pandas groupby, 같은 일 (ms)", str(theirs)),
        Line("pandas ÷ candles.aggregate", f"{theirs.median / ours.median:.1f}배"),
    ]
    keep("aggregate", "집계: 정수와 pandas", lines, began_at_load=began, note="pandas import(약 0.5초)는 뺀 값입니다.")


if __name__ == "__main__":
    main()
