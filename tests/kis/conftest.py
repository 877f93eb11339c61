"""A clock that stands still until somebody sleeps, and the simulator listening by it."""

from collections.abc import Iterator

import pytest
from kis_testing import FakeClock, Listening


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sim(clock: FakeClock) -> Iterator[Listening]:
    with Listening(clock) as running:
        yield running
