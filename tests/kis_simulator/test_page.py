"""docs/simulator.md names every switch there is, with its default."""

import dataclasses

from places import ROOT

from kis_simulator import __main__ as command
from kis_simulator.exchange.market import ODDITIES, PROFILES
from kis_simulator.exchange.ticks import TickForm
from kis_simulator.faults import faults
from kis_simulator.faults.inconsistencies import INCONSISTENCIES
from kis_simulator.faults.server_behaviour import ServerBehaviour
from kis_simulator.ws.publisher import StreamBehaviour

KINDS = [*faults.WIRE, *faults.CODES, *faults.ROWS, *faults.STREAM, *faults.STREAM_CODES, *INCONSISTENCIES]
SWITCHES = [field.name for kind in (ServerBehaviour, StreamBehaviour, TickForm) for field in dataclasses.fields(kind)]


def test_the_page_names_every_fault_behaviour_profile_and_oddity_and_each_default() -> None:
    page = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8").replace("`counted` |", "counted |")
    names = {*KINDS, *SWITCHES, *PROFILES, *ODDITIES} - {"look"}
    assert not {name for name in names if f"`{name}`" not in page}
    defaults = {name: {True: "켜짐", False: "꺼짐"}[value] if isinstance(value, bool) else value
                for name, value in dataclasses.asdict(ServerBehaviour()).items()}  # fmt: skip
    assert not [name for name, default in defaults.items() if f"| `{name}` | {default} |" not in page]


def test_every_switch_can_be_set_by_a_word_on_the_command_line() -> None:
    server, stream, form = ServerBehaviour(), StreamBehaviour(), TickForm()
    for spec in ("late_rows=1", "off_hours=0.5", "phantoms=volume", "patience=3", "split=7"):
        command.switch(spec, server, stream, form)
    assert (server.late_rows, server.off_hours, server.phantoms) == (True, 0.5, "volume")
    assert (stream.patience, form.split) == (3.0, 7) and command.main(["--set", "limit=many"]) == 2
