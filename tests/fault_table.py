"""The fault matrix as docs/faults.md has it: what breaks, what is printed, the exit code; test_faults.py proves each.

The key of a row stands in its line as a comment (`<!-- reset -->`), which the rendered page does not show.
"""

import re
from typing import NamedTuple

from places import ROOT


class Fault(NamedTuple):
    """`says` is a line of the output, … standing for anything; `code` is the exit code of that run."""

    says: str
    code: str
    then: str
    lost: str


PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
_ROW = r"^\|[^|]*\| .+ <!-- (\w+) --> \| (?:`(.+)`|\(없음\)) \| (-?\d+) \| (.+) \| (.+) \|$"
FAULTS = {key: Fault(*rest) for key, *rest in re.findall(_ROW, PAGE, re.MULTILINE)}
