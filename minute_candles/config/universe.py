"""Every symbol of the exchange, from KIS's master files: names, `@kospi200` and its like.

A copy is kept for a day in the folder of the logs.

The files are `kospi_code.mst.zip` and `kosdaq_code.mst.zip` (docs/dev/kis_http.md §14): CP949, a line a symbol, the
name in front and a tail of fixed width behind it. They need no key and cost no call of the budget.
"""

import io
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from minute_candles.config.addresses import is_loopback
from minute_candles.config.settings import Settings
from minute_candles.core import files
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.core.korean import particle

UNIVERSE_FILE = "symbol_universe.json"
SITE = "https://new.real.download.dws.co.kr"
_PATH = "/common/master/{market}_code.mst.zip"
_KEPT = timedelta(days=1)
_TIMEOUT = 10.0
_MOST_BYTES, _MOST_SECONDS = 50_000_000, 60.0
_log = logging.getLogger(__name__)


class Market(StrEnum):
    """Where a symbol is listed; the value is the name of KIS's file."""

    KOSPI = "kospi"
    KOSDAQ = "kosdaq"


class Kind(StrEnum):
    """What is listed under a code; warrants, ELW and beneficiary certificates are left out."""

    STOCK = "STOCK"
    SPAC = "SPAC"
    REIT = "REIT"
    FUND = "FUND"
    ETF = "ETF"
    ETN = "ETN"


SHARES = (Kind.STOCK, Kind.SPAC, Kind.REIT, Kind.FUND)


class Listing(NamedTuple):
    """A listed symbol; `is_index` says whether KOSPI 200 or KOSDAQ 150 holds it."""

    symbol: str
    name: str
    market: Market
    kind: Kind
    is_index: bool


class _Layout(NamedTuple):
    """Positions in the tail of a line, whose length is `tail`."""

    tail: int
    etp: int
    spac: int
    in_index: int
    not_in_index: str


_LAYOUTS = {Market.KOSPI: _Layout(227, 22, 29, 18, "0 "), Market.KOSDAQ: _Layout(221, 18, 24, 35, "N 0")}
_GROUPS = {
    **dict.fromkeys(("ST", "FS", "DR"), Kind.STOCK), "RT": Kind.REIT,
    **dict.fromkeys(("MF", "SC", "IF"), Kind.FUND), **dict.fromkeys(("EF", "FE"), Kind.ETF), "EN": Kind.ETN,
}  # fmt: skip
_ETN_PRODUCTS = "34"
_MEMBERS: Mapping[str, Callable[[Listing], bool]] = {
    "@kospi": lambda one: one.market == Market.KOSPI and one.kind in SHARES,
    "@kosdaq": lambda one: one.market == Market.KOSDAQ and one.kind in SHARES,
    "@kospi200": lambda one: one.market == Market.KOSPI and one.is_index,
    "@kosdaq150": lambda one: one.market == Market.KOSDAQ and one.is_index,
    "@etf": lambda one: one.kind == Kind.ETF,
    "@all": lambda _: True,
}
UNIVERSES = tuple(_MEMBERS)


def parse_master(raw: bytes, market: Market) -> list[Listing]:
    """Return the listings of a master file; lines that are too short, and products that are left out, say nothing."""
    lines = raw.decode("cp949", errors="replace").splitlines()
    return [listing for line in lines if (listing := _listing(line, market))]


def _listing(line: str, market: Market) -> Listing | None:
    layout = _LAYOUTS[market]
    front, tail = line[: -layout.tail], line[-layout.tail :]
    symbol, name = front[:9].strip(), "".join(filter(str.isprintable, front[21:])).strip()
    kind = Kind.ETN if tail[layout.etp : layout.etp + 1] in tuple(_ETN_PRODUCTS) else _GROUPS.get(tail[:2])
    if kind is None or not symbol or not name:
        return None
    if kind == Kind.STOCK and tail[layout.spac] == "Y":
        kind = Kind.SPAC
    return Listing(symbol, name, market, kind, tail[layout.in_index] not in layout.not_in_index)


def members(name: str, listings: Iterable[Listing]) -> dict[str, str]:
    """Return symbol → name of a universe such as "@kospi200". Raises `ConfigError` for one that does not exist."""
    is_member = _MEMBERS.get(name.lower())
    if is_member is None:
        raise ConfigError(f"{particle(repr(name[:20]), '은/는')} 없습니다. {' '.join(UNIVERSES)} 가운데 고르세요.")
    return {one.symbol: one.name for one in listings if is_member(one)}


class Universe:
    """The listings of the file in the log folder, renewed once a day from KIS's site.

    While the site is away the old file serves.
    """

    def __init__(self, path: Path, site: str, clock: Clock) -> None:
        self._path, self._site, self._clock = path, site, clock

    @classmethod
    def of(cls, settings: Settings, clock: Clock) -> "Universe":
        """Return that of a user; a KIS of one's own (a loopback `KIS_BASE_URL`) serves the files itself."""
        own = urlsplit(settings.base_url)
        site = f"{own.scheme}://{own.netloc}" if is_loopback(own.hostname or "") else SITE
        return cls(settings.log_dir / UNIVERSE_FILE, site, clock)

    def members(self, name: str) -> dict[str, str]:
        """Return symbol → name of "@kospi", "@etf", … Raises `ConfigError` where no copy is at hand."""
        members(name, ())
        return members(name, self._today)

    def names(self) -> dict[str, str]:
        """Return the name of every symbol that a copy, however old, knows; nothing is fetched for it."""
        return {one.symbol: one.name for one in self._copy[1]}

    @cached_property
    def _copy(self) -> tuple[datetime | None, list[Listing]]:
        return _read_copy(self._path)

    @cached_property
    def _today(self) -> list[Listing]:
        fetched_at, listings = self._copy
        now = self._clock.now()
        if fetched_at and timedelta() <= now - fetched_at < _KEPT:
            return listings
        try:
            found = [one for market in Market for one in parse_master(self._fetched(market), market)]
        except (OSError, ValueError) as error:
            if not listings:
                raise ConfigError(
                    f"종목 목록을 받을 수 없습니다({type(error).__name__}): {self._site}. 잠시 뒤에 다시 하거나 "
                    "--symbols-file 을 쓰세요."
                ) from error
            _log.warning(
                "⚠️ 종목 목록을 받을 수 없어 %s 에 받은 것을 씁니다 (%s).",
                f"{fetched_at:%Y-%m-%d}",
                type(error).__name__,
            )
            return listings
        _write_copy(self._path, now, found)
        return found

    def _fetched(self, market: Market) -> bytes:
        return _unpacked(_downloaded(self._site + _PATH.format(market=market)), market)


def _downloaded(url: str) -> bytes:
    """Return a file of limited size, loaded in limited time. Raises `OSError`."""
    import requests

    from minute_candles.core.timed_http import TimedAdapter

    with requests.Session() as session:
        session.mount(f"{urlsplit(url).scheme}://", TimedAdapter(_MOST_SECONDS, _MOST_BYTES))
        answer = session.get(url, timeout=_TIMEOUT)
        answer.raise_for_status()
        return answer.content


def _unpacked(archive_bytes: bytes, market: Market) -> bytes:
    """Return the master file in an archive. Raises `ValueError`."""
    import zipfile  # like requests 60 ms: only where a universe is requested

    try:
        with zipfile.ZipFile(io.BytesIO(archive_bytes)) as archive:
            member = archive.infolist()[0]
            raw = archive.read(member) if member.file_size <= _MOST_BYTES else b""
    except (zipfile.BadZipFile, IndexError) as error:
        raise ValueError("no archive") from error
    if not parse_master(raw, market):
        raise ValueError("no listing")
    return raw


def _read_copy(path: Path) -> tuple[datetime | None, list[Listing]]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        listings = [Listing(s, n, Market(m), Kind(k), bool(i)) for s, n, m, k, i in kept["listings"]]
        return datetime.fromisoformat(kept["fetched_at"]), listings
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None, []


def _write_copy(path: Path, now: datetime, listings: Iterable[Listing]) -> None:
    kept = {"fetched_at": now.isoformat(timespec="seconds"), "listings": [list(one) for one in listings]}
    try:
        files.atomic_write(path, json.dumps(kept, ensure_ascii=False) + "\n")
    except OSError as error:
        _log.debug("universe file not written: %s", error)


def known_names(log_dir: Path, bundled: Mapping[str, str]) -> dict[str, str]:
    """Return the `bundled` names and those of the copy in the log folder."""
    return {one.symbol: one.name for one in _read_copy(log_dir / UNIVERSE_FILE)[1]} | dict(bundled)
