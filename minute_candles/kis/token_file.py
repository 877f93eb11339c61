"""The token as its file keeps it: bound to environment, address and key, readable by its owner.

It keeps `access_token` and `expires_at` (naive local time) as the older format did; a file without the mark of its key
is tried once, until KIS refuses it.
"""

import json
import logging
import stat
from datetime import datetime
from typing import NamedTuple

from minute_candles.config.settings import Settings
from minute_candles.core import files
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.kis.shared_state import key_hash

OWNER_ONLY, WIDEST = 0o600, 0o640
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
_log = logging.getLogger(__name__)


class Token(NamedTuple):
    """An access token; `expires_at` is aware KST."""

    value: str
    expires_at: datetime


class TokenFile:
    """Reads and writes the file of a key. Warns once of what it cannot read, once of what it cannot write."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.path, self._clock = settings.token_file, clock
        self._key = {"env": settings.env, "base_url": settings.base_url, "key_hash": key_hash(settings)}
        self._warned: set[str] = set()

    def load(self) -> Token | None:
        """Return the token if it is readable and of this key and environment."""
        try:
            return self.parse(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, *UNREADABLE):
            self._warn("읽을 수 없어 새로 발급받습니다", "")
            return None

    def save(self, token: Token) -> None:
        """Write it whole or not at all; a file that cannot be written costs one warning."""
        mode, group = self._access()
        try:
            files.atomic_write(self.path, self.text(token), mode=mode, group=group)
        except OSError as error:
            self._warn("저장하지 못해 이 실행에서만 씁니다", f" ({error.strerror})")

    def parse(self, text: str) -> Token | None:
        """Return the token of a file's text, None where it is of another key. Raises one of `UNREADABLE`."""
        kept = json.loads(text)
        if any(kept.get(name, mine) != mine for name, mine in self._key.items()):
            _log.info("저장된 토큰은 다른 키나 환경의 것이라 쓰지 않습니다.")
            return None
        expires = datetime.fromisoformat(kept.get("expires_at_kst") or kept["expires_at"])
        return Token(header_safe(kept["access_token"]), expires.astimezone(KST))

    def text(self, token: Token) -> str:
        """Return the file's text."""
        kept = {
            "access_token": token.value,
            "expires_at": token.expires_at.astimezone().replace(tzinfo=None).isoformat(),
            "expires_at_kst": token.expires_at.isoformat(),
            "created_at": self._clock.now().astimezone().replace(tzinfo=None).isoformat(),
            **self._key,
        }
        return json.dumps(kept, indent=2)

    def _access(self) -> tuple[int, int | None]:
        """Return mode and group to write with: those it has where they are no wider than 0640."""
        try:
            known = self.path.stat()
        except OSError:
            return OWNER_ONLY, None
        mode = stat.S_IMODE(known.st_mode)
        return (
            (mode, known.st_gid) if mode | WIDEST == WIDEST and mode & OWNER_ONLY == OWNER_ONLY else (OWNER_ONLY, None)
        )

    def _warn(self, what: str, why: str) -> None:
        level = logging.DEBUG if what in self._warned else logging.WARNING
        self._warned.add(what)
        _log.log(level, "⚠️ 토큰 파일을 %s%s: %s", what, why, self.path)


def header_safe(value: object) -> str:
    """Return a token fit for a header; anything else would be an error that prints it. Raises `ValueError`."""
    if not (isinstance(value, str) and value.isascii() and value.isprintable() and value and " " not in value):
        raise ValueError("not a token")
    return value
