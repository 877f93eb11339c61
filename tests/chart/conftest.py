"""An embedded database a test, and one browser for all of them."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from chart_browser import browser, errors, hosts
from chart_testing import Server, filled, serving
from selenium.webdriver import Chrome

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.storage.store import open_store


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database("sqlite", path=tmp_path / "minutes.db")


@pytest.fixture
def lite(database: Database) -> Iterator[Server]:
    """The page over two days of two symbols."""
    with closing(open_store(database, Clock())) as store:
        store.preflight()
        filled(store)
        with serving(database) as found:
            yield found


@pytest.fixture(scope="session")
def _browser() -> Iterator[Chrome]:
    with browser() as found:
        yield found


@pytest.fixture
def chromium(_browser: Chrome) -> Iterator[Chrome]:
    """An empty page that remembers nothing."""
    errors(_browser), hosts(_browser)
    yield _browser
    _browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    _browser.execute_script("try { localStorage.clear() } catch {}")
    _browser.get("about:blank")
