"""KIS's master files: 2,900 generated lines, served as KIS's site serves them, and what each universe holds of them."""

import logging
from collections import Counter
from datetime import datetime, timedelta

import pytest
from backfill_tools import User
from kis_testing import Scripted, said

from kis_simulator.exchange.master_files import PREFIX, WIDTHS, master_file
from kis_simulator.simulator import Simulator
from minute_candles.config import symbols_file
from minute_candles.config.settings import demo_settings
from minute_candles.config.universe import UNIVERSE_FILE, Kind, Market, Universe, _unpacked, parse_master
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.core.kst import KST


@pytest.fixture
def site():
    with Simulator() as simulator:
        yield simulator


def universe(site, folder, **later):
    now = datetime(2026, 11, 20, 20, tzinfo=KST) + timedelta(**later)
    return Universe.of(demo_settings(site.url, folder), Clock(at=now))


def test_every_kind_is_distinguished() -> None:
    """The layout: 61 bytes and a tail of KIS's published widths."""
    found = []
    for market, width in ((Market.KOSPI, 227), (Market.KOSDAQ, 221)):
        raw = _unpacked(master_file(f"{PREFIX}{market}_code.mst.zip") or b"", market)
        assert {len(line) for line in raw.splitlines()} == {61 + width} and sum(WIDTHS[market]) == width
        found += parse_master(raw, market)
    counts = {Kind.STOCK: 2610, Kind.SPAC: 70, Kind.REIT: 20, Kind.ETF: 100, Kind.ETN: 60}
    assert Counter(one.kind for one in found) == counts
    assert parse_master("짧은 줄\n\n".encode("cp949"), Market.KOSPI) == []


def test_universes(site, tmp_path) -> None:
    for name, count, member in (
        ("@kospi", 900, "001010"), ("@kospi200", 200, "005930"), ("@kosdaq150", 150, "201493"),
        ("@kosdaq", 1800, "400693"), ("@ETF", 100, "0059A0"), ("@all", 2860, "Q500039"),
    ):  # fmt: skip
        found = symbols_file.choose(f"{name},999999", None, universe(site, tmp_path))
        assert len(found) == count + 1 and found[member] and found["999999"] == ""


def test_a_day_is_kept_an_old_copy_used_while_the_site_is_away_and_a_bad_file_refused(
    site, tmp_path, caplog, monkeypatch
) -> None:
    caplog.set_level(logging.WARNING)
    assert len(universe(site, tmp_path).members("@all")) == 2860 and len(site.requests) == 2
    assert universe(site, tmp_path, hours=23).members("@etf") and len(site.requests) == 2
    site.down()
    assert len(universe(site, tmp_path, days=2).members("@all")) == 2860
    assert "2026-11-20 에 받은 것을 씁니다" in caplog.text
    assert universe(site, tmp_path).names()["0059A0"] == "KODEX 59"
    (tmp_path / UNIVERSE_FILE).write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="받을 수 없습니다"):
        universe(site, tmp_path).members("@all")
    monkeypatch.setattr("minute_candles.config.universe._MOST_BYTES", 100_000)
    for body in (b"PK" * 100_000, b"no archive"):  # too large, of another kind
        with Scripted(said(body)) as site, pytest.raises(ConfigError):
            universe(site, tmp_path).members("@all")


def test_a_dry_run_of_the_whole_market_says_calls_and_hours(site, tmp_path) -> None:
    user = User(tmp_path, site.url, f"sqlite:///{tmp_path}/a.db", {"KIS_RATE_LIMIT": "15"})
    ran = user.run("--dry-run", "--symbols", "@all", "--days", "5")
    assert ran.code == 0 and "회 호출" in ran.out and "시간" in ran.out and "키 하나" in ran.out, ran.all
