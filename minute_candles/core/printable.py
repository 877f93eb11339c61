"""Text of others (KIS, a database, a user) made safe to show: it moves no cursor and forges no line. Pure."""

import re

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, line separators, and what changes the direction of writing."""


def printable(text: str, *, keep: str = "") -> str:
    r"""Return `text` with control characters written out (`\n`, `\x1b`), but for those in `keep`."""
    return _CONTROLS.sub(lambda found: found[0] if found[0] in keep else _written_out(found[0]), text)


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode()
