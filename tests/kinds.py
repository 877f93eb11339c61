"""Many kinds of one thing: `make test` shows the named ones, `make test-all` all of them."""

from collections.abc import Collection, Mapping
from typing import Any

import pytest


def shown(kinds: Collection[Any], *now: Any) -> list[Any]:
    """Parameters of all kinds; who is not among `now` is slow. A mapping's keys name its values (a tuple: several)."""
    assert now and set(now) <= set(kinds), "a kind that is not there"

    def of(kind: Any) -> Any:
        values = kinds[kind] if isinstance(kinds, Mapping) else kind
        name = str(kind) if isinstance(kinds, Mapping) else None
        marks = () if kind in now else pytest.mark.slow
        return pytest.param(*(values if isinstance(values, tuple) else (values,)), id=name, marks=marks)

    return [of(kind) for kind in kinds]
