"""An embedded database a test, one browser a worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chart_browser import browser, errors, hosts
from selenium import webdriver

from minute_candles.config.settings import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database("sqlite", path=tmp_path / "minutes.db")


@pytest.fixture(scope="session")
def _one_browser() -> Iterator[webdriver.Chrome]:
    with browser() as found:
        yield found


@pytest.fixture
def chromium(_one_browser: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """The worker's browser at an empty page, its logs read."""
    _one_browser.get("about:blank")
    errors(_one_browser), hosts(_one_browser)
    yield _one_browser
    _one_browser.get("about:blank")
