"""Answers of the real KIS, served again by `--replay FILE`, as `fetch_minute_data.py --doctor --record FILE` writes it.

One JSON object a line, in the order of the calls, without any secret:

    {"method": "GET", "path": "/uapi/…", "tr_id": "FHKST03010200", "params": {"FID_INPUT_ISCD": "005930", …},
     "status": 200, "headers": {"Date": "…", "tr_id": "…", "tr_cont": ""}, "body": {"rt_cd": "0", …}}

`params` = the query, or the JSON body of a POST without keys and secrets; `body` = the JSON answered, or the text where
it was none. The record of a call's path, TR and symbol whose other parameters are most like its own answers it;
the same call again by the next such record, the last one from then on. Tokens are the simulator's own, unless KIS
refused one. The clock starts at the first record's Date.
"""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple

from kis_simulator.http import Call, Reply

KST = timezone(timedelta(hours=9))
MISSING = {"rt_cd": "1", "msg_cd": "SIM00404", "msg1": "녹화 파일에 이 호출의 답이 없습니다."}


class Record(NamedTuple):
    """A call and its answer; `params` with names in upper case."""

    path: str
    params: dict[str, str]
    status: int
    headers: dict[str, str]
    body: Any


class Recording:
    """What was recorded, and how often each record was served."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self._served: Counter[int] = Counter()

    @classmethod
    def read(cls, text: str) -> "Recording":
        """Return the lines of a file. Raises `ValueError` naming the line that is none."""
        return cls([_record(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()])

    @property
    def begun(self) -> datetime | None:
        """Return when the first answer came, naive KST."""
        for record in self.records:
            sent_at = {name.lower(): value for name, value in record.headers.items()}.get("date")
            if sent_at:
                return parsedate_to_datetime(sent_at).astimezone(KST).replace(tzinfo=None)
        return None

    def reply(self, call: Call, *, only_refusals: bool = False) -> Reply | None:
        """Return the recorded answer to a call; `only_refusals` = None unless KIS said no."""
        fitting = [record for record in self.records if record.path.lower() == call.path.lower()]
        params = _upper(call.params)
        fitting = [one for one in fitting if one.params.get("FID_INPUT_ISCD") == params.get("FID_INPUT_ISCD")]
        if only_refusals:
            fitting = [record for record in fitting if record.status >= 400]
        if not fitting:
            return None if only_refusals else Reply(500, MISSING)
        best = max(_likeness(record, params) for record in fitting)
        alike = [record for record in fitting if _likeness(record, params) == best]
        chosen = min(alike, key=lambda record: self._served[id(record)])
        if self._served[id(alike[-1])]:
            chosen = alike[-1]
        self._served[id(chosen)] += 1
        body = chosen.body.encode() if isinstance(chosen.body, str) else chosen.body
        return Reply(chosen.status, body)


def load(path: Path | str) -> tuple[Recording | None, Mapping[str, Any] | None]:
    """Return a recording, or today's answers of some symbols as one JSON object (`symbols`, `envelope`)."""
    text = Path(path).read_text(encoding="utf-8")
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if isinstance(whole, dict) and "symbols" in whole:
        return None, whole
    return Recording.read(text), None


def _record(number: int, line: str) -> Record:
    try:
        said = json.loads(line)
        return Record(
            str(said["path"]), _upper(said.get("params") or {}), int(said["status"]), dict(said.get("headers") or {}),
            said["body"],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"line {number} is no record: {error!r}") from error


def _upper(params: Mapping[str, Any]) -> dict[str, str]:
    return {name.upper(): str(value) for name, value in params.items()}


def _likeness(record: Record, params: Mapping[str, str]) -> int:
    return sum(record.params.get(name) == value for name, value in params.items())
