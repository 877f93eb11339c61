"""An embedded database a test."""

from pathlib import Path

import pytest

from minute_candles.config.settings import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database("sqlite", path=tmp_path / "minutes.db")
