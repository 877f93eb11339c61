"""KIS's master files: 2,900 generated lines, served as KIS's site serves them, and what each universe holds of them.

The layout is written down once more here, from KIS's published structure: widths in order, fields by their place.
"""

import io
import logging
import threading
import time
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from backfill_tools import User, url_of

from minute_candles.config import symbols_file
from minute_candles.config.settings import Database, demo_settings
from minute_candles.config.universe import UNIVERSE_FILE, Kind, Market, Universe, parse_master
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.core.kst import KST

NOW = datetime(2026, 11, 20, 20, tzinfo=KST)
_AFTER = [9, 5, 5, 1, 1, 1, 2, 1, 1, 1, 2, 2, 2, 3, 1, 3, 12, 12, 8, 15, 21, 2, 7]
WIDTHS = {
    "kospi": [2, 1, 4, 4, 4, *[1] * 26, *_AFTER, 1, 1, 1, 1, 1, 9, 9, 9, 5, 9, 8, 9, 3, 1, 1, 1],
    "kosdaq": [2, 1, 4, 4, 4, *[1] * 21, *_AFTER, 1, 1, 1, 1, 9, 9, 9, 5, 9, 8, 9, 3, 1, 1, 1],
}
"""KOSPI: 15 flags to SRI, KOSDAQ: venture to KOSDAQ 150, then the same from the base price on."""
PLACES = {"kospi": {"etp": 12, "spac": 19, "index": 8}, "kosdaq": {"etp": 8, "spac": 14, "index": 25}}


def line(market: str, symbol: str, name: str, group: str = "ST", **flags: str) -> bytes:
    values = [group, *["0" if width == 1 else "N" * width for width in WIDTHS[market][1:]]]
    if market == "kosdaq":
        values[PLACES[market]["index"]] = "N"
    for field, value in flags.items():
        values[PLACES[market][field]] = value
    tail = "".join(value.ljust(width)[:width] for value, width in zip(values, WIDTHS[market], strict=True))
    front = symbol.ljust(9) + f"KR7{symbol}003".ljust(12)
    return front.encode() + name.encode("cp949").ljust(40) + tail.encode() + b"\n"


def kospi() -> bytes:
    """1,100 lines: 900 shares (200 of the index), 60 ETF, 40 ETN, 20 REIT, and 80 that nobody collects."""
    shares = [line("kospi", f"{n:05}0", f"회사{n}", index="5" if n < 200 else "0") for n in range(900)]
    etfs = [line("kospi", f"{n:04}A0", f"KODEX {n}", "EF", etp="1") for n in range(60)]
    etns = [line("kospi", f"Q50{n:04}", f"신한 ETN {n}", "EN", etp="3") for n in range(40)]
    reits = [line("kospi", f"3{n:05}", f"리츠{n}", "RT") for n in range(20)]
    rest = [line("kospi", f"F7010{n:04}", f"수익증권{n}", "BC") for n in range(80)]
    return b"".join([*shares, *etfs, *etns, *reits, *rest])


def kosdaq() -> bytes:
    """1,800 lines: 70 SPAC, 150 of the index."""
    shares = [line("kosdaq", f"2{n:05}", f"코스닥{n}", index="Y" if n < 150 else "N") for n in range(1730)]
    return b"".join([*shares, *[line("kosdaq", f"4{n:05}", f"스팩{n}호", spac="Y") for n in range(70)]])


FILES = {"/common/master/kospi_code.mst.zip": kospi(), "/common/master/kosdaq_code.mst.zip": kosdaq()}


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.calls += 1
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(self.path.split("/")[-1].removesuffix(".zip"), FILES[self.path])
        self.send_response(200 if self.server.is_open else 503)
        self.end_headers()
        self.wfile.write(packed.getvalue())
        while self.server.is_endless:
            self.wfile.write(b" " * 1000)
            time.sleep(0.01)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.calls, server.is_open, server.is_endless = 0, True, False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def universe(site: ThreadingHTTPServer, folder: Path, later: timedelta = timedelta()) -> Universe:
    return Universe.of(demo_settings(f"http://127.0.0.1:{site.server_port}", folder), Clock(at=NOW + later))


def test_every_kind_is_told_apart() -> None:
    kinds = [one.kind for market, raw in zip(Market, FILES.values(), strict=True) for one in parse_master(raw, market)]
    assert {kind: kinds.count(kind) for kind in Kind} == {
        Kind.STOCK: 2630, Kind.SPAC: 70, Kind.REIT: 20, Kind.FUND: 0, Kind.ETF: 60, Kind.ETN: 40,
    }  # fmt: skip
    assert parse_master("짧은 줄\n\n".encode("cp949"), Market.KOSPI) == []


@pytest.mark.parametrize(
    ("name", "count", "member"),
    [
        ("@kospi", 920, "000000"), ("@kosdaq", 1800, "400069"), ("@kospi200", 200, "001990"), ("@ETF", 60, "0059A0"),
        ("@kosdaq150", 150, "200149"), ("@all", 2820, "Q500039"),
    ],
)  # fmt: skip
def test_universes(site: ThreadingHTTPServer, tmp_path: Path, name: str, count: int, member: str) -> None:
    found = symbols_file.choose(f"{name},005930", None, universe(site, tmp_path))
    assert len(found) == count + (name not in {"@kospi", "@all"})
    assert member in found and found["005930"] in {"회사593", "삼성전자"} and all(found.values())


def test_a_day_is_kept_and_an_old_copy_used_while_the_site_is_away(
    site: ThreadingHTTPServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    assert len(universe(site, tmp_path).members("@all")) == 2820 and site.calls == 2
    assert universe(site, tmp_path, timedelta(hours=23)).members("@etf") and site.calls == 2
    site.is_open = False
    assert len(universe(site, tmp_path, timedelta(days=2)).members("@all")) == 2820
    assert "2026-11-20 에 받은 것을 씁니다" in caplog.text
    assert universe(site, tmp_path).names()["0059A0"] == "KODEX 59"
    (tmp_path / UNIVERSE_FILE).write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="받을 수 없습니다"):
        universe(site, tmp_path).members("@all")


@pytest.mark.parametrize(("limit", "value"), [("_MOST_BYTES", 100_000), ("_MOST_SECONDS", 0.2)])
def test_a_file_without_end_is_not_read_on(
    site: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: float
) -> None:
    site.is_endless = True
    monkeypatch.setattr(f"minute_candles.config.universe.{limit}", value)
    with pytest.raises(ConfigError):
        universe(site, tmp_path).members("@all")
    site.is_endless = False


def test_a_dry_run_of_the_whole_market_says_calls_and_hours(site: ThreadingHTTPServer, tmp_path: Path) -> None:
    database = url_of(Database("sqlite", path=tmp_path / "a.db"))
    user = User(tmp_path, f"http://127.0.0.1:{site.server_port}", database, {"KIS_RATE_LIMIT": "15"})
    ran = user.run("--dry-run", "--symbols", "@all", "--days", "30")
    assert ran.code == 0 and "회 호출" in ran.out and "시간" in ran.out and "키 하나" in ran.out, ran.all
