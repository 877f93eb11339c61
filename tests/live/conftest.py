"""What the days on a fake clock share."""

from contextlib import ExitStack, closing

import pytest
from updater_tools import FakeDay


@pytest.fixture
def make(tmp_path, request):
    """Make a `FakeDay` (or `kind`); the module's `USUAL` holds what its days have in common, `profiles` among it."""
    with ExitStack() as exits:

        def make(start, symbols=(), profile="liquid", **options):
            usual = {**request.module.USUAL, **options}
            kind, profiles = usual.pop("kind", FakeDay), usual.pop("profiles")
            given = symbols if isinstance(symbols, dict) else dict.fromkeys(symbols, profile)
            return exits.enter_context(closing(kind(tmp_path, start, given or profiles, **usual)))

        yield make
