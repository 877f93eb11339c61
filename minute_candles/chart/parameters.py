"""What a client may ask for, checked: parameters of an address, messages of a WebSocket. Bad ones are `ConfigError`."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import NamedTuple

from starlette.exceptions import HTTPException

from minute_candles.chart.queries import CandleRange
from minute_candles.chart.subscribers import MOST_PAIRS, Pair
from minute_candles.core.errors import ConfigError
from minute_candles.core.korean import particle
from minute_candles.market.intervals import SESSIONS, Interval, parse

MOST_CANDLES, DEFAULT_CANDLES, MOST_IN_RANGE = 5_000, 400, 100_000
MOST_NAMES = 20
MOST_COVERAGE_DAYS = 400


def symbol_of(query: Mapping[str, str], names: Mapping[str, str]) -> str:
    """Return the symbol. Raises 404 for one that is not shown here."""
    symbol = query.get("symbol")
    if not symbol:
        raise ConfigError("symbol 이 없습니다.")
    if symbol not in names:
        raise HTTPException(404, f"모르는 종목입니다: {symbol[:20]}")
    return symbol


def symbols_of(query: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
    """Return the named symbols, each once; all that are shown where none is named. Raises 404 for an unknown one."""
    symbols = list(dict.fromkeys(one for one in query.get("symbols", "").split(",") if one)) or list(names)
    for symbol in symbols:
        if symbol not in names:
            raise HTTPException(404, f"모르는 종목입니다: {symbol[:20]}")
    return symbols


def interval_of(query: Mapping[str, str]) -> Interval:
    """Return the interval, 1 where none is named."""
    return parse(query.get("interval", "1")[:20])


def candle_range_of(query: Mapping[str, str]) -> CandleRange:
    """Return which candles are wanted: all of a range, or the newest."""
    first, last = _date(query, "from"), _date(query, "to")
    if first and last and first > last:
        raise ConfigError(f"from {particle(first, '이/가')} to {last} 보다 늦습니다.")
    if "limit" in query:
        return CandleRange(first, last, _limit(query["limit"]))
    return CandleRange(first, last, MOST_IN_RANGE if first else DEFAULT_CANDLES)


def names_of(query: Mapping[str, str]) -> list[str]:
    """Return indicators by name; minute_candles/indicators/indicators.py knows which ones there are."""
    names = [name for name in query.get("names", "").split(",") if name]
    if not names or len(names) > MOST_NAMES:
        raise ConfigError(f"names 에 지표를 쉼표로 {MOST_NAMES}개까지 적으세요. 예: names=sma20,rsi14,macd,bbands")
    return names


def range_of(query: Mapping[str, str]) -> tuple[date, date]:
    """Return the first and the last day of a range."""
    first, last = _date(query, "from"), _date(query, "to")
    if first is None or last is None or first > last:
        raise ConfigError("from 과 to 에 날짜(YYYY-MM-DD)를 차례로 적으세요.")
    return first, last


def coverage_range_of(query: Mapping[str, str]) -> tuple[date, date]:
    """Return the first and the last day of a range that one answer can hold."""
    first, last = range_of(query)
    if (last - first).days >= MOST_COVERAGE_DAYS:
        raise ConfigError(f"한 번에 {MOST_COVERAGE_DAYS}일까지 볼 수 있습니다. from 과 to 를 나누어 물으세요.")
    return first, last


class Subscription(NamedTuple):
    """What a client wants to receive: candles of these pairs, and (`prices`) the list's prices once a second."""

    pairs: frozenset[Pair]
    prices: bool = False


def subscription_of(text: object, names: Mapping[str, str]) -> Subscription | None:
    """Return what `{"subscribe": [["005930", 1], …], "prices": true}` asks for; None for `{"beat": true}`."""
    try:
        message = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        message = None
    if message == {"beat": True}:
        return None
    listed = message.get("subscribe") if isinstance(message, dict) else None
    if message is None or not isinstance(listed, list):
        raise ConfigError('{"subscribe": [["005930", 1], …]} 꼴이어야 합니다.')
    if len(listed) > MOST_PAIRS:
        raise ConfigError(f"한 번에 {MOST_PAIRS}개까지 볼 수 있습니다.")
    return Subscription(frozenset(_pair(one, names) for one in listed), message.get("prices") is True)


def _pair(one: object, names: Mapping[str, str]) -> Pair:
    if not (isinstance(one, list) and len(one) == 2 and isinstance(one[0], str) and type(one[1]) in (int, str)):
        raise ConfigError('["종목코드", 봉 간격] 꼴이어야 합니다.')
    if one[0] not in names:
        raise ConfigError(f"모르는 종목입니다: {one[0][:20]}")
    interval = parse(one[1])
    if interval in SESSIONS:
        raise ConfigError("주와 월은 day 를 받아 접으세요: 실시간은 하루까지입니다.")
    return one[0], interval


def _date(query: Mapping[str, str], name: str) -> date | None:
    text = query.get(name)
    if text is None:
        return None
    with suppress(ValueError):
        if re.fullmatch(r"[12]\d{3}-\d\d-\d\d", text, re.ASCII):
            return date.fromisoformat(text)
    raise _wrong(name, text, "날짜(YYYY-MM-DD)여야 합니다")


def _limit(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) and 1 <= int(text) <= MOST_CANDLES:
        return int(text)
    raise _wrong("limit", text, f"1부터 {MOST_CANDLES}까지의 정수여야 합니다")


def _wrong(name: str, text: str, reason: str) -> ConfigError:
    return ConfigError(f"{name} {particle(repr(text[:20]), '은/는')} {reason}.")
