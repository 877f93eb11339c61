"""Law 12: secrets never print. Takes a text, gives it back with every secret replaced by ●●●. Pure.

Known secrets are replaced wherever they stand, also percent-encoded, JSON-escaped or as `repr` shows them. What only
looks like one (a bearer token, a field named `appsecret`) is replaced too: a token nobody told us of stays hidden.
"""

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

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
    """Hides the given secrets; calling it with a text without any costs one regular expression."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {secret for secret in secrets if secret}
        long = {form for secret in known if len(secret) >= SHORT for form in _forms(secret)}
        short = {form for secret in known if len(secret) < SHORT for form in _forms(secret)}
        self._long = _any_of(long) if long else None
        self._short = _as_credential(_any_of(short)) if short else None

    def __call__(self, text: str) -> str:
        if self._long:
            text = self._long.sub(MASK, text)
        if self._short:
            text = self._short.sub(lambda match: (match["field"] or match["user"]) + MASK, text)
        return _FIELD.sub(_hide_value, text)


def _forms(secret: str) -> Iterator[str]:
    """The ways a secret may be written in a URL, a JSON body or a traceback."""
    for encoded in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield encoded
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    for written in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]):
        yield written
        yield written.replace("\\", "\\\\")


def _any_of(forms: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))


def _as_credential(secret: re.Pattern[str]) -> re.Pattern[str]:
    """A short secret after `password=`, `"password": "`, or between `user:` and `@host`."""
    field = rf"(?:(?i:{_NAMES})|비밀번호)\\?[\"']?\s*[:=]\s*\\?[\"']?"
    return re.compile(rf"(?P<field>{field})(?:{secret.pattern})(?!\w)|(?P<user>//[^\s/:@]+:)(?:{secret.pattern})(?=@)")


def _hide_value(match: re.Match[str]) -> str:
    if match["name"]:
        return f"{match['name']}{match['quote']}{MASK}"
    return f"{match['bearer'] or ''}{MASK}"
