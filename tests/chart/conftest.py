"""An embedded database a test, and one browser for all of them."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from chart_browser import Page, browser
from chart_testing import AT, FRIDAY, LAST, MONDAY, TODAY, Server, filled, put, serving
from store_testing import CALENDAR, minutes

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.storage.store import Store, open_store


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database("sqlite", path=tmp_path / "minutes.db")


@pytest.fixture
def empty(database: Database) -> Database:
    with closing(open_store(database, Clock())) as store:
        store.preflight()
    return database


@pytest.fixture(scope="session")
def _tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tables, made once: `days` holds two days of two symbols, `morning` Friday and Monday's first 90 minutes."""
    folder = tmp_path_factory.mktemp("chart")
    for name in ("days", "morning"):
        with closing(open_store(Database("sqlite", path=folder / name), Clock())) as store:
            store.preflight()
            if name == "days":
                filled(store)
                continue
            for symbol, seed in (("005930", 1), ("000660", 2)):
                put(store, symbol, minutes(CALENDAR.session(FRIDAY), seed), "COMPLETE")
                put(store, symbol, minutes(CALENDAR.session(MONDAY), 6 + seed)[:90])
    assert minutes(CALENDAR.session(FRIDAY)) == LAST and minutes(CALENDAR.session(MONDAY), 7) == TODAY
    return folder


@pytest.fixture
def lite(database: Database, _tables: Path) -> Iterator[Server]:
    """The page over two days of two symbols."""
    shutil.copy(_tables / "days", database.path)
    with serving(database) as found:
        yield found


@pytest.fixture
def store(database: Database, _tables: Path) -> Iterator[Store]:
    """Friday whole, Monday until 10:29, of two symbols; nothing of the third."""
    shutil.copy(_tables / "morning", database.path)
    with closing(open_store(database, Clock())) as store:
        yield store


@pytest.fixture(scope="session")
def _browser() -> Iterator[Page]:
    with browser(1440, 900) as found:
        yield found


@pytest.fixture
def chromium(_browser: Page) -> Iterator[Page]:
    """An empty page that remembers nothing."""
    yield _browser
    _browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    _browser.execute_script("try { localStorage.clear() } catch {}")
    _browser.get("about:blank")
    _browser.errors(), _browser.hosts()


@pytest.fixture
def page(chromium: Page, database: Database, store: Store) -> Iterator[Page]:
    """The chart of 005930 by the minute at 10:32:10."""
    with serving(database, at=AT) as server, chromium.looking_at(server):
        chromium.open()
        yield chromium
