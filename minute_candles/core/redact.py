"""The rule "Secrets never print": a text comes back with every secret replaced by ●●●. Pure.

Known secrets are replaced wherever they stand, also percent-encoded, JSON-escaped or as `repr` shows them. What only
looks like one (a bearer token, a field named `appsecret`) is replaced too: an unknown token stays hidden.
"""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "●●●"
SHORT = 4
"""A secret with fewer characters (a database password `1`) is hidden only where it stands as a credential: replacing it
everywhere would eat every price and time in the log."""

_NAMES = (
    r"(?:app_?key|app_?secret|secret_?key|secret|access_token|approval_key|authorization|token|password|passwd|pwd)"
)
_FIELD = re.compile(
    rf"""(?i)(?P<name>(?<![a-z]){_NAMES}\\?["']?\s*[:=]\s*)(?P<quote>\\?["'])(?P<value>[^"'\\]+)"""
    rf"""|(?P<bearer>\bbearer\s+)[^\s"'\\,}})]+"""
    rf"""|\beyJ[\w-]+\.[\w-]+\.[\w-]*"""
)


class Redactor:
    """Hides the given secrets; calling it with a text without any costs a few regular expressions."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        long = [_written(secret) for secret in known if len(secret) >= SHORT]
        short = [_written(secret) for secret in known if len(secret) < SHORT]
        self._long = re.compile("|".join(long)) if long else None
        self._short = _as_credential("|".join(short)) if short else None

    def __call__(self, text: str) -> str:
        """Return the text without them."""
        if self._long:
            text = self._long.sub(MASK, text)
        if self._short:
            text = self._short.sub(lambda match: (match["field"] or match["user"]) + MASK, text)
        return _FIELD.sub(_hide_value, text)


def _written(secret: str) -> str:
    """Return a pattern for the ways a secret may be written.

    They are: plain, in a URL, in a JSON body, in a `repr`, or one in another.
    """
    return "".join(map(_character, re.sub(r"\\+", r"\\", secret)))


def _character(character: str) -> str:
    """Return a pattern for a character itself, escaped or percent-encoded, any number of times.

    Possessive and bounded: no text makes it slow.

    Possessive over a single character only: over a group Python 3.11.2 (Debian 12) matches wrongly (gh-106052).
    """
    if character.isascii() and character.isalnum():
        return character
    if character == "\\":
        return r"(?:\\{1,64}+|(?:%(?:25)*5[Cc]){1,64})"
    escapes = {json.dumps(character)[1:-1], ascii(character)[1:-1]} - {character}
    escaped = [r"\\{1,64}+".join(re.escape(part) for part in escape.split("\\")[1:]) for escape in escapes]
    encoded = f"(?i:{quote(character, safe='', errors='replace')})".replace("%", "%(?:25)*")
    plain = re.escape(character) + ("|[+]" if character == " " else "")
    return rf"(?:\\{{0,64}}+(?:{'|'.join([plain, *escaped])})|{encoded})"


def _as_credential(secret: str) -> re.Pattern[str]:
    """Return a pattern for a short secret after `password=`, `"password": "`, or between `user:` and `@host`."""
    field = rf"(?:(?i:{_NAMES})|비밀번호)\\?[\"']?\s*[:=]\s*\\?[\"']?"
    return re.compile(rf"(?P<field>{field})(?:{secret})(?!\w)|(?P<user>//[^\s/:@]+:)(?:{secret})(?=@)")


def _hide_value(match: re.Match[str]) -> str:
    if match["name"]:
        return f"{match['name']}{match['quote']}{MASK}"
    return f"{match['bearer'] or ''}{MASK}"
