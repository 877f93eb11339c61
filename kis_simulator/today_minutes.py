"""Today's minutes, FHKST03010200, while they run: fillers, late rows, phantoms, the doubled auction.

Pure: market and moment in, rows out, oldest first (kis_http.md §5).
"""

from bisect import bisect_right
from datetime import date, datetime

from kis_simulator.exchange.calendar import AFTER_MARKET_END, AUCTION_MINUTES
from kis_simulator.exchange.day import WHOLE_DAY, MarketDay, Row
from kis_simulator.exchange.market import Market
from kis_simulator.faults.server_behaviour import ServerBehaviour


class TodayMinutes:
    """Today's TR over one market."""

    def __init__(self, market: Market, behaviour: ServerBehaviour) -> None:
        self.market, self.calendar, self.behaviour = market, market.calendar, behaviour

    def standing(self, symbol: str, now: datetime) -> tuple[MarketDay | None, int]:
        """Return the day whose rows are shown now, and the second it has reached (WHOLE_DAY = an earlier day)."""
        today, second = now.date(), now.hour * 3600 + now.minute * 60 + now.second
        market = self.market.day(symbol, today)
        filled = self.behaviour.fillers and market.halt == "zero"
        is_dark = market.halt == "zero" and not filled
        if not self.calendar.is_open(today) or second < market.session.open * 60 or is_dark:
            return self._last_traded(symbol, today), WHOLE_DAY
        is_there = (not market.halt or filled) and self.market.is_listed(symbol, today)
        return (market, second) if is_there else (None, 0)

    def rows(self, symbol: str, day: MarketDay, second: int, until: int) -> list[Row]:
        """Return a day up to `second`; `until` lies in the future where that is the later one."""
        traded = list(day.closed_rows(second))
        running = day.running_row(second) if second < WHOLE_DAY else None
        traded += [running] if running else []
        shown = traded[:-1] if self._is_late(day, traded, second) else traded
        shown = [row._replace(volume=row.volume * 2) if row.minute == day.auction else row for row in shown]
        minute = second // 60
        rows = sorted([*shown, *self._fillers(symbol, day, shown, traded, minute)], key=lambda row: row.minute)
        if traded and _newest(rows) < minute and _may_trade(day, minute):
            before = traded[-1] if traded[-1].minute == minute - 1 or not rows else rows[-1]
            rows.append(_repeated(traded[-1], minute, before.volume))
        if second < WHOLE_DAY and until // 60 > minute:
            rows = self._phantoms(rows, minute, until // 60)
        return rows

    def _last_traded(self, symbol: str, today: date) -> MarketDay | None:
        for count in range(1, 30):
            market = self.market.day(symbol, self.calendar.before(today, count))
            if market.rows:
                return market
        return None

    def _is_late(self, day: MarketDay, traded: list[Row], second: int) -> bool:
        """Return whether the newest minute is not shown yet: none after it has traded, and it is before the close."""
        if not self.behaviour.late_rows or not traded or second >= day.session.close * 60:
            return False
        return traded[-1].minute < second // 60

    def _fillers(self, symbol: str, day: MarketDay, shown: list[Row], traded: list[Row], minute: int) -> list[Row]:
        """Return a row of volume 0 for each minute that is not shown: the last price and turnover before it.

        What a late row traded is in the turnover of the fillers after it, and in no volume.
        """
        auction = day.session.close - AUCTION_MINUTES
        first, last = day.session.open if self.behaviour.fillers else auction, min(day.session.close - 1, minute)
        there, nothing = {row.minute for row in shown}, self._before_the_first_trade(symbol, day)
        fillers = []
        for at in range(first, last + 1):
            if at in there or (at == minute < auction and traded):
                continue  # the newest row runs ahead instead
            known = bisect_right(traded, at - 1, key=lambda row: row.minute)
            fillers.append(_repeated(traded[known - 1] if known else nothing, at, 0))
        return fillers

    def _before_the_first_trade(self, symbol: str, day: MarketDay) -> Row:
        price = self.market.last_price(symbol, self.calendar.before(day.day))
        turnover = 0 if self.behaviour.fillers else day.before.turnover
        return Row(0, price, price, price, price, 0, turnover, 0)

    def _phantoms(self, rows: list[Row], now: int, until: int) -> list[Row]:
        """Return minutes that have not come yet, as KIS invents them for an hour in the future."""
        if not rows:
            return rows
        newest = rows[-1]
        if self.behaviour.phantoms == "volume":
            return rows + [_repeated(newest, minute, newest.volume) for minute in range(now + 1, until + 1)]
        before = rows[:-1] if newest.minute == now else rows
        last = before[-1] if before else newest
        return [*before, *(_repeated(last, minute, 0) for minute in range(now, until)), newest._replace(minute=until)]


def _newest(rows: list[Row]) -> int:
    return rows[-1].minute if rows else -1


def _repeated(row: Row, minute: int, volume: int) -> Row:
    return Row(minute, row.close, row.close, row.close, row.close, volume, row.acml, row.first)


def _may_trade(day: MarketDay, minute: int) -> bool:
    """Return whether the newest row may run ahead of its first trade now: it shows the volume of the minute before."""
    opens, closes, after = day.session
    return opens <= minute <= closes or (after <= minute < AFTER_MARKET_END and day.rows[-1].minute >= minute)
