"""What the days on a fake clock share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from updater_tools import FakeDay


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., FakeDay]]:
    """Make a `FakeDay`; `USUAL` of the module holds what its days have in common, `profiles` among it."""
    made: list[FakeDay] = []

    def make(start: Any, symbols: Any = None, profile: str = "liquid", **options: Any) -> FakeDay:
        usual = {**request.module.USUAL, **options}
        profiles, symbols = usual.pop("profiles"), symbols or ()
        given = symbols if isinstance(symbols, dict) else dict.fromkeys(symbols, profile)
        made.append(FakeDay(tmp_path, start, given or profiles, **usual))
        return made[-1]

    yield make
    for day in made:
        day.close()
