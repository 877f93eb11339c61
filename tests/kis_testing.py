"""What the tests of the KIS side share: a clock whose sleep only moves a number, settings, raw rows as KIS sends."""

import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import settings as user_settings
from clock import Clock
from errors import Stopped
from market_hours import KST, Session, TradingCalendar
from settings import Settings

FRIDAY = date(2026, 11, 20)
WEDNESDAY = date(2026, 11, 18)
CSAT = date(2026, 11, 19)
AFTER_CLOSE = datetime(2026, 11, 20, 18, tzinfo=KST)
SECRETS = ("APPKEY-5f1d+/ㅋ".replace("ㅋ", "k"), "APP$ecret\"'\\ with 100%=")


class FakeClock(Clock):
    """Stands still until somebody sleeps; a sleep takes no time."""

    def __init__(self, at: datetime = AFTER_CLOSE) -> None:
        super().__init__()
        self._now, self._moving = at, threading.Lock()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def time(self) -> float:
        return self._now.timestamp()

    def sleep(self, seconds: float) -> None:
        if self.stop.is_set():
            raise Stopped("중지 요청을 받았습니다.")
        if seconds > 0:
            with self._moving:
                self.slept.append(seconds)
                self._now += timedelta(seconds=seconds)

    def move(self, **time: float) -> None:
        self._now += timedelta(**time)


def settings_for(url: str, folder: Path, **changes: object) -> Settings:
    """Settings of a user with recognisable secrets; the call limit is out of the way."""
    base = user_settings.demo_settings(url, folder)
    return replace(base, **{"app_key": SECRETS[0], "app_secret": SECRETS[1], "rate_limit": 100_000.0, **changes})


def session(day: date = WEDNESDAY) -> Session:
    return TradingCalendar().session(day)


def raw(
    hour: str, close: int, volume: int, acml: int, *, ohl: tuple[int, int, int] | None = None, day: date = WEDNESDAY
) -> dict[str, str]:
    """A row of `output2`; one price unless open, high and low are given."""
    opened, high, low = ohl or (close, close, close)
    return {
        "stck_bsop_date": f"{day:%Y%m%d}",
        "stck_cntg_hour": hour,
        "stck_prpr": str(close),
        "stck_oprc": str(opened),
        "stck_hgpr": str(high),
        "stck_lwpr": str(low),
        "cntg_vol": str(volume),
        "acml_tr_pbmn": str(acml),
    }


def at(hour: int, minute: int, day: date = WEDNESDAY) -> datetime:
    """Naive KST."""
    return datetime(day.year, day.month, day.day, hour, minute)


def trading(minutes: Iterable[tuple[str, int, int]], *, before: int = 0, day: date = WEDNESDAY) -> list[dict[str, str]]:
    """Rows newest first, as KIS sends them, from (hour, price, volume) oldest first; `before`: turnover before them."""
    rows, acml = [], before
    for hour, price, volume in minutes:
        acml += price * volume
        rows.append(raw(hour, price, volume, acml, day=day))
    return rows[::-1]
