"""The rows of each TR at a given moment, with every quirk of docs/dev/kis_http.md §5–§8.

Pure: market and moment in, `output1`/`output2` out, as KIS's strings. Moments are naive KST.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache

from kis_simulator.exchange.calendar import AFTER_MARKET_END
from kis_simulator.exchange.day import WHOLE_DAY, MarketDay, Row
from kis_simulator.exchange.market import Market
from kis_simulator.exchange.names import NAMES
from kis_simulator.exchange.trading import base_price
from kis_simulator.faults.server_behaviour import ServerBehaviour
from kis_simulator.today_minutes import TodayMinutes

Answer = dict[str, str]
TODAY_LIMIT, PAST_LIMIT, DAILY_LIMIT = 30, 120, 100


def _all_of_it(_: date) -> int:
    """Return the end of every day: nothing is late."""
    return WHOLE_DAY


class Endpoints:
    """The quotation TRs over one market.

    `history` = trading days kept, `past_today` = "closed" or "empty", `behaviour` = the server's habits.
    """

    def __init__(
        self,
        market: Market,
        *,
        history: int = 250,
        past_today: str = "closed",
        behaviour: ServerBehaviour | None = None,
    ) -> None:
        self.market, self.calendar, self.behaviour = market, market.calendar, behaviour or ServerBehaviour()
        self._history, self._past_today = history, past_today
        self._today = TodayMinutes(market, self.behaviour)
        self._quote_at = lru_cache(maxsize=4096)(self._quote)

    # --- today's minutes, FHKST03010200 ---

    def today(self, symbol: str, hour: str, now: datetime) -> list[Answer]:
        """Return at most 30 rows at and before `hour` (HHMMSS, empty = now), newest first."""
        day, second = self._today.standing(symbol, now)
        if day is None:
            return []
        until = _seconds(hour) if hour else second
        rows = self._today.rows(symbol, day, second, until)
        wanted = [row for row in rows if day.label(row.minute) <= until]
        if not wanted and second == WHOLE_DAY:
            wanted = rows  # before the open an hour of this morning still shows the afternoon before
        return _newest_first(day, wanted, TODAY_LIMIT)

    # --- past minutes, FHKST03010230 ---

    def past(
        self, symbol: str, day: date, hour: str, now: datetime, shown: Callable[[date], int] = _all_of_it
    ) -> list[Answer]:
        """Return at most 120 rows at and before `day` + `hour`, newest first, crossing into earlier days.

        `shown` = the second up to which a day is shown, where the authority is late.
        """
        answer: list[Answer] = []
        for at in self._days_back(day, now):
            market = self.market.day(symbol, at)
            last = _seconds(hour) if at == day and hour else WHOLE_DAY
            rows = self._past_rows(market, now, shown(at))
            rows = rows[: bisect_right(rows, last, key=lambda row: market.label(row.minute))]
            answer += _newest_first(market, rows, PAST_LIMIT - len(answer))
            if len(answer) == PAST_LIMIT:
                break
        return answer

    def _days_back(self, day: date, now: datetime) -> Iterator[date]:
        """Return trading days from `day` back to the oldest one that is kept."""
        oldest = self.calendar.before(now.date(), self._history)
        at = self.calendar.at_or_before(min(day, now.date()))
        while at >= oldest:
            yield at
            at = self.calendar.before(at)

    def _past_rows(self, market: MarketDay, now: datetime, shown: int) -> tuple[Row, ...]:
        if market.day != now.date():
            return market.rows if shown == WHOLE_DAY else market.closed_rows(shown)
        second = min(_second_of(now), shown)
        if _second_of(now) < (market.session.close + 10) * 60 and self._past_today == "empty":
            return ()
        running = market.running_row(second) if self.behaviour.past_running and shown == WHOLE_DAY else None
        return (*market.closed_rows(second), *([running] if running else []))

    # --- daily candles, FHKST03010100 ---

    def daily(
        self, symbol: str, first: date, last: date, now: datetime, shown: Callable[[date], int] = _all_of_it
    ) -> list[Answer]:
        """Return at most 100 daily candles, newest first; `shown` as in `past`."""
        answer: list[Answer] = []
        for at in self._days_back(last, now):
            if at < first or len(answer) == DAILY_LIMIT:
                break
            answer += self._daily_row(symbol, at, now, shown(at))
        return answer

    def _daily_row(self, symbol: str, day: date, now: datetime, shown: int) -> list[Answer]:
        market = self.market.day(symbol, day)
        second = min(shown, _second_of(now) if day == now.date() else WHOLE_DAY)
        if market.halt == "gone" or not self.market.is_listed(symbol, day) or second < market.session.open * 60:
            return []
        until = WHOLE_DAY if self._is_evening(market, now) else (market.session.close + 10) * 60
        prices = [price for at, price, _, _ in market.trades_until(second) if at < until] or [0]
        close = prices[-1] or self.market.last_price(symbol, self.calendar.before(day))
        volume, turnover = _totals(market, second)
        row = {
            "stck_bsop_date": f"{day:%Y%m%d}", "stck_clpr": close, "stck_oprc": prices[0], "stck_hgpr": max(prices),
            "stck_lwpr": min(prices), "acml_vol": volume, "acml_tr_pbmn": turnover, "flng_cls_code": "00",
            "prtt_rate": "0.00", "mod_yn": "N", "prdy_vrss_sign": "3", "prdy_vrss": 0, "revl_issu_reas": "",
        }  # fmt: skip
        return [{name: str(value) for name, value in row.items()}]

    def _is_evening(self, market: MarketDay, now: datetime) -> bool:
        """Return whether the day's candle includes the after-market: until 02:00 of the next day."""
        return self.behaviour.evening_daily and now < datetime.combine(market.day, time(2)) + timedelta(days=1)

    # --- the live quote, the holidays ---

    def quote(self, symbol: str, now: datetime) -> Answer:
        """Return `output1`: the live quote, whatever rows were requested."""
        day = self.calendar.at_or_before(now.date())
        if day == now.date() and _second_of(now) < self.calendar.session(day).open * 60:
            day = self.calendar.before(day)
        second = _second_of(now) if day == now.date() else WHOLE_DAY
        return self._quote_at(symbol, day, second if second < AFTER_MARKET_END * 60 else WHOLE_DAY)

    def _quote(self, symbol: str, day: date, second: int) -> Answer:
        market = self.market.day(symbol, day)
        listed = self.market.is_listed(symbol, self.calendar.before(day))
        before = self.market.last_price(symbol, self.calendar.before(day)) if listed else base_price(symbol)
        trades = market.trades_until(second)
        price = trades[-1][1] if trades else before
        volume, turnover = _totals(market, second)
        sign = "3" if price == before else "2" if price > before else "5"
        return {
            "prdy_vrss": str(price - before), "prdy_vrss_sign": sign,
            "prdy_ctrt": f"{(price - before) / before * 100:.2f}", "stck_prdy_clpr": str(before),
            "acml_vol": str(volume), "acml_tr_pbmn": str(turnover), "hts_kor_isnm": NAMES.get(symbol, f"종목{symbol}"),
            "stck_prpr": str(price),
        }  # fmt: skip

    def open_days(self, first: date) -> list[Answer]:
        """Return thirty days; `opnd_yn` says whether the exchange opens (`tr_day_yn` is Y on Saturdays)."""
        return [self._open_day(first + timedelta(days=count)) for count in range(30)]

    def _open_day(self, day: date) -> Answer:
        opens = self.calendar.is_open(day)
        business, trading = _yes(opens), _yes(opens or day.weekday() == 5)
        weekday = f"{day.isoweekday() % 7 + 1:02}"
        return {
            "bass_dt": f"{day:%Y%m%d}", "wday_dvsn_cd": weekday, "bzdy_yn": business, "tr_day_yn": trading,
            "opnd_yn": business, "sttl_day_yn": business,
        }  # fmt: skip


def _totals(market: MarketDay, second: int) -> tuple[int, int]:
    """Return volume and turnover of the day so far, off-hours trades included."""
    seen = market.trades_until(second)
    after = second >= (market.session.after - 10) * 60
    blocks = (market.before, market.between) if after else (market.before,)
    volume = sum(trade[2] for trade in seen) + sum(block.volume for block in blocks)
    return volume, sum(trade[3] for trade in seen) + sum(block.turnover for block in blocks)


def _newest_first(day: MarketDay, rows: Sequence[Row], limit: int) -> list[Answer]:
    """Return the newest `limit` of a day's rows as `output2`."""
    stamp = f"{day.day:%Y%m%d}"
    return [
        {
            "stck_bsop_date": stamp,
            "stck_cntg_hour": _hhmmss(day.label(minute)),
            "stck_prpr": str(close),
            "stck_oprc": str(opening),
            "stck_hgpr": str(high),
            "stck_lwpr": str(low),
            "cntg_vol": str(volume),
            "acml_tr_pbmn": str(acml),
        }
        for minute, opening, high, low, close, volume, acml, _ in rows[: -limit - 1 : -1]
    ]


@cache
def _hhmmss(second: int) -> str:
    return f"{second // 3600:02}{second // 60 % 60:02}{second % 60:02}"


def _seconds(hour: str) -> int:
    return int(hour[:2]) * 3600 + int(hour[2:4]) * 60 + int(hour[4:])


def _second_of(moment: datetime) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _yes(value: bool) -> str:
    return "Y" if value else "N"
