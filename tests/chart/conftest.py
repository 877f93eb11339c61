"""An embedded database a test, and one browser for all of them."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from chart_browser import Page, browser
from chart_testing import AT, FRIDAY, LAST, TODAY, Server, put, serving
from store_testing import CALENDAR, minutes, ready

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.storage.store import Store, open_store


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database("sqlite", path=tmp_path / "minutes.db")


@pytest.fixture
def empty(database: Database) -> Database:
    ready(database).close()
    return database


@pytest.fixture(scope="session")
def _morning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chart") / "minutes.db"
    with closing(ready(Database("sqlite", path=path))) as store:
        put(store, "005930", LAST, "COMPLETE")
        put(store, "005930", TODAY[:90])
        put(store, "000660", minutes(CALENDAR.session(FRIDAY), 2), "COMPLETE")
        put(store, "000660", minutes(CALENDAR.session(TODAY[0].timestamp.date()), 8)[:90])
    return path


@pytest.fixture
def store(database: Database, _morning: Path) -> Iterator[Store]:
    """Friday whole, Monday until 10:29, of two symbols; nothing of the third."""
    shutil.copy(_morning, database.path)
    with closing(open_store(database, Clock())) as store:
        yield store


@pytest.fixture
def server(database: Database, store: Store) -> Iterator[Server]:
    with serving(database, at=AT) as found:
        yield found


@pytest.fixture(scope="session")
def _browser() -> Iterator[Page]:
    """Its timers of half a second and more (polls, reconnections) take a fifth of it."""
    with browser(1440, 900) as found:
        for name in ("setTimeout", "setInterval"):
            quick = "(act, ms, ...more) => timer(act, ms < 500 ? ms : ms / 5, ...more)"
            script = {"source": f"{{ const timer = window.{name}; window.{name} = {quick} }}"}
            found.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
        yield found


@pytest.fixture
def chromium(_browser: Page, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """An empty page of a server that reads its table and lists its symbols five times a second."""
    monkeypatch.setattr("minute_candles.chart.broadcast.READ_SECONDS", 0.2)
    monkeypatch.setattr("minute_candles.chart.listing.FRESH_SECONDS", 0.2)
    yield _browser
    _browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    _browser.get("about:blank")
    _browser.errors(), _browser.hosts()


@pytest.fixture
def tab(chromium: Page, server: Server) -> Iterator[Page]:
    """Nothing is opened yet."""
    with chromium.looking_at(server):
        yield chromium


@pytest.fixture
def page(tab: Page) -> Page:
    """The chart of 005930 by the minute at 10:32:10."""
    tab.open()
    return tab
