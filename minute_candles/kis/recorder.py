"""Raw answers of KIS kept for a bug report, without any secret: JSON lines for `python -m kis_simulator --replay`.

{"method", "path", "tr_id", "params", "status", "headers", "body"}      one data call a line; tokens are never kept
"""

import json
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import requests

from minute_candles.core.errors import ConfigError
from minute_candles.core.redact import Redactor

_HEADERS = ("date", "content-type", "tr_id", "tr_cont", "gt_uid")
_QUOTATIONS = "/uapi/"


class Recorder:
    """Takes each answer of a `KisClient` (`listen`), and writes what is fit to be shown."""

    def __init__(self, file: Path, secrets: Iterable[str]) -> None:
        self._file, self._redact = file, Redactor(secrets)
        try:
            file.write_text("", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"--record 파일을 쓸 수 없습니다 ({error.strerror}): {file}") from None

    def __call__(self, answer: requests.Response) -> None:
        """Write an answer down; whatever is no quotation (a token) is passed over."""
        url = urlsplit(str(answer.request.url))
        if not url.path.startswith(_QUOTATIONS):
            return
        line = {
            "method": answer.request.method,
            "path": url.path,
            "tr_id": answer.request.headers.get("tr_id", ""),
            "params": dict(parse_qsl(url.query, keep_blank_values=True)),
            "status": answer.status_code,
            "headers": {name: value for name, value in answer.headers.items() if name.lower() in _HEADERS},
            "body": _body(answer.content),
        }
        with self._file.open("a", encoding="utf-8") as file:
            file.write(self._redact(json.dumps(line, ensure_ascii=False)) + "\n")


def _body(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
