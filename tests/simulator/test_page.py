"""docs/simulator.md names every switch there is, with its default."""

import dataclasses

import pytest
from places import ROOT

from simulator import faults
from simulator.market import ODDITIES, PROFILES
from simulator.surprises import SURPRISES
from simulator.teller import Manner
from simulator.ticks import TickForm
from simulator.traps import Traps

PAGE = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
KINDS = [*faults.WIRE, *faults.CODES, *faults.ROWS, *faults.STREAM, *faults.STREAM_CODES, *SURPRISES]
SWITCHES = [field.name for kind in (Traps, Manner, TickForm) for field in dataclasses.fields(kind)]


def test_the_page_names_every_fault_surprise_trap_profile_and_oddity() -> None:
    names = {*KINDS, *SWITCHES, *PROFILES, *ODDITIES} - {"look"}
    assert not {name for name in names if f"`{name}`" not in PAGE}


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Traps)])
def test_the_page_tells_the_default_of_each_trap(name: str) -> None:
    default = getattr(Traps(), name)
    told = {True: "켜짐", False: "꺼짐"}.get(default, default) if isinstance(default, bool) else default
    assert f"| `{name}` | {told} |" in PAGE.replace("`counted` |", "counted |")
