"""What goes wrong at the simulated KIS: faults that strike calls by dice or number, and what each makes of an answer.

Three families are about HTTP. WIRE: the connection or the bytes. CODES: an error answer instead of the data. ROWS: a
successful answer whose rows are not what traded. Two are about the WebSocket. STREAM: frames and connections.
STREAM_CODES: answers to a registration. Pure and deterministic: a fault's n-th call always meets the same dice.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

Rows = list[Any]

WIRE = ("reset", "reset_amid", "truncated", "hang", "non_json", "drip", "endless", "huge", "wrong_date")
"""`drip`: a byte every `seconds`. `endless`: no end. `huge`: 64 MB. `wrong_date`: the Date is off by `seconds`."""
CODES: dict[str, tuple[str, str, int]] = {
    "http500_empty": ("", "", 500),
    "egw00103": ("EGW00103", "유효하지 않은 AppKey입니다.", 403),
    "egw00105": ("EGW00105", "유효하지 않은 AppSecret입니다.", 403),
    "egw00121": ("EGW00121", "유효하지 않은 token 입니다.", 500),
    "egw00122": ("EGW00122", "token을 찾을 수 없습니다.", 500),
    "egw00123": ("EGW00123", "기간이 만료된 token 입니다.", 500),
    "egw00133": ("EGW00133", "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)", 403),
    "egw00201": ("EGW00201", "초당 거래건수를 초과하였습니다.", 500),
    "egw00202": ("EGW00202", "GW라우팅 중 오류가 발생했습니다.", 500),
    "egw00203": ("EGW00203", "OPS라우팅 중 오류가 발생했습니다.", 500),
    "egw00206": ("EGW00206", "해당 API 사용 권한이 없습니다.", 403),
    "egw00207": ("EGW00207", "등록되지 않은 IP 입니다.", 403),
    "egw00215": ("EGW00215", "일시적인 오류가 발생했습니다.", 500),
    "egw00300": ("EGW00300", "Gateway 오류가 발생했습니다.", 500),
    "egw00304": ("EGW00304", "고객식별키가 유효하지 않습니다.", 500),
    "egw00316": ("EGW00316", "조회 처리 중 오류가 발생했습니다.", 500),
    "egw02004": ("EGW02004", "실전투자 도메인에 모의투자 앱키를 사용할 수 없습니다.", 500),
    "egw02006": ("EGW02006", "모의투자 TR 이 아닙니다.", 500),
    "egw02007": ("EGW02007", "모의투자 도메인에 실전투자 앱키를 사용할 수 없습니다.", 500),
    "90020000": ("90020000", "서비스 처리 중 오류가 발생했습니다.", 500),
}
STREAM = {
    "ws_lost": "a record is not sent",
    "ws_doubled": "a frame comes twice",
    "ws_swapped": "a frame comes after the next one",
    "ws_garbled": "a frame holds bytes that are no UTF-8",
    "ws_stray": "an error without a symbol comes unasked",
    "ws_hour": "a record has an hour that is none",
    "ws_absurd": "a record has an absurd volume of the day",
    "ws_cut": "a connection ends without a close frame when it is `seconds` old",
    "ws_stall": "nothing at all is sent for `seconds`, and nothing later of that time",
    "ws_forbidden": "a handshake is answered with HTTP 403",
    "ws_mute": "registered with success, and no data",
}
STREAM_CODES = tuple(f"opsp{code}" for code in ("0007", "0009", "0010", "0011", "8996", "8999", "9995"))
CUTTING = ("OPSP8996",)
"""Codes after which the connection ends without a close frame."""
ALIASES = {"invalid_token": "egw00121", "expired_token": "egw00123", "bad_key": "egw00103", "bad_secret": "egw00105"}
PATHS = ("past", "today", "daily", "token", "holiday", "approval", "*")
OTHER_DATE_ROWS = 3
NEEDED = ("stck_", "cntg_", "acml_", "bass_", "opnd_")
"""How the fields begin that nobody can do without."""


@dataclass
class Fault:
    """What happens (`kind`), to which calls, how often.

    A matching call is struck with probability `rate`, after the first `after` ones, at most `times` times.
    `status` overrules the HTTP status of an error code, `unquoted` spoils its JSON, `seconds` is the length of a hang.
    `share` is the part of the rows that goes missing: other rows in each answer, or always the same (`persistent`).
    """

    kind: str
    rate: float = 1.0
    times: int | None = None
    path: str = "*"
    symbol: str | None = None
    key: str | None = None
    day: date | None = None
    after: int = 0
    status: int | None = None
    seconds: float = 30.0
    share: float = 0.03
    persistent: bool = False
    unquoted: bool = False
    seed: int = 0
    seen: int = 0
    fired: int = 0

    def __post_init__(self) -> None:
        self.kind = ALIASES.get(self.kind, self.kind)
        if self.kind not in (*WIRE, *CODES, *ROWS, *STREAM, *STREAM_CODES) or self.path not in PATHS:
            raise ValueError(f"unknown fault {self.kind!r} or path {self.path!r}")
        if isinstance(self.day, str):
            self.day = date.fromisoformat(self.day)

    def matches(self, path: str, symbol: str | None, days: tuple[date, date] | None, key: str = "") -> bool:
        """Return whether this fault may strike a call for these days (first and last) with this app key."""
        here = self.path in ("*", path) and self.symbol in (None, symbol) and self.key in (None, key)
        return here and (self.day is None or (days is not None and days[0] <= self.day <= days[1]))

    def strikes(self) -> bool:
        """Throw the dice for one matching call; return whether it is struck."""
        self.seen += 1
        spent = self.times is not None and self.fired >= self.times
        hit = not spent and self.seen > self.after and self.dice().random() < self.rate
        self.fired += hit
        return hit

    def dice(self) -> Random:
        """Return the dice of the latest call."""
        return Random(f"{self.seed}/{self.kind}/{self.path}/{self.symbol}/{self.day}/{self.seen}")

    def spoil(self, rows: Rows) -> object:
        """Return `output2` after this fault; the rows given are not touched."""
        return ROWS[self.kind]([dict(row) for row in rows], self)


def parse(spec: str) -> dict[str, Any]:
    """Return a fault on a command line, `kind:rate=0.05,path=past,times=3`, as the arguments of `Fault`."""
    kind, _, options = spec.partition(":")
    pairs = dict(option.split("=", 1) for option in options.split(",") if option)
    types: dict[str, Callable[[str], Any]] = {
        "rate": float, "times": int, "after": int, "status": int, "seconds": float, "share": float, "factor": float,
        "persistent": _is_yes, "unquoted": _is_yes, "once": _is_yes,
    }  # fmt: skip
    return {"kind": kind, **{name: types.get(name, str)(text) for name, text in pairs.items()}}


def _is_yes(text: str) -> bool:
    return text.lower() in ("1", "true", "yes")


def code(kind: str, *, on_data: bool) -> tuple[str, str, int]:
    """Return code, message and HTTP status of a kind of CODES; a wrong secret has another code on a data call."""
    return CODES["egw00304" if on_data and kind == "egw00105" else kind]


def _spoil_one(rows: Rows, fault: Fault, change: Callable[[dict[str, Any]], None]) -> Rows:
    change(rows[fault.dice().randrange(len(rows))])
    return rows


def _names(row: dict[str, Any]) -> tuple[str, str, str]:
    """Return the names of high, close and volume: the minute TRs and the daily one differ."""
    return "stck_hgpr", *(("stck_prpr", "cntg_vol") if "stck_prpr" in row else ("stck_clpr", "acml_vol"))


def _shape_missing(rows: Rows, fault: Fault) -> Rows:
    needed = sorted(name for name in rows[0] if name.startswith(NEEDED))
    return _spoil_one(rows, fault, lambda row: row.pop(fault.dice().choice(needed)))


def _shape_numbers(rows: Rows, _: Fault) -> Rows:
    return [{name: int(text) if text.isdigit() else text for name, text in row.items()} for row in rows]


def _shape_list(rows: Rows, fault: Fault) -> object:
    lists = [list(row.values()) for row in rows]
    return fault.dice().choice(["조회 결과 없음", None, ["row"] * len(rows), lists, {"0": rows[0]}])


def _negative_price(rows: Rows, fault: Fault) -> Rows:
    return _spoil_one(rows, fault, lambda row: row.update(stck_lwpr="-" + row["stck_lwpr"]))


def _absurd_price(rows: Rows, fault: Fault) -> Rows:
    return _spoil_one(rows, fault, lambda row: row.update(stck_hgpr=row["stck_hgpr"] + "000"))


def _low_above_open(rows: Rows, fault: Fault) -> Rows:
    return _spoil_one(rows, fault, lambda row: row.update(stck_lwpr=str(int(row["stck_hgpr"]) + 100)))


def _duplicate_same(rows: Rows, fault: Fault) -> Rows:
    at = fault.dice().randrange(len(rows))
    return [*rows[: at + 1], dict(rows[at]), *rows[at + 1 :]]


def _duplicate_conflict(rows: Rows, fault: Fault) -> Rows:
    at = fault.dice().randrange(len(rows))
    high, close, volume = _names(rows[at])
    other = {**rows[at], close: rows[at][high], volume: str(int(rows[at][volume]) + 1)}
    return [*rows[: at + 1], other, *rows[at + 1 :]]


def _unordered(rows: Rows, fault: Fault) -> Rows:
    fault.dice().shuffle(rows)
    return rows


def _other_date(rows: Rows, fault: Fault) -> Rows:
    """Add rows of a week earlier with absurd values, anywhere but at the end (they would prove a day's start)."""
    dice = fault.dice()
    for _ in range(OTHER_DATE_ROWS):
        row = dict(dice.choice(rows))
        row["stck_bsop_date"] = f"{_date(row) - timedelta(days=7):%Y%m%d}"
        row.update(dict.fromkeys(_names(row), "999999999"))
        rows.insert(dice.randrange(len(rows)), row)
    return rows


def _date(row: dict[str, Any]) -> date:
    text = row["stck_bsop_date"]
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _missing_rows(rows: Rows, fault: Fault) -> Rows:
    dice = fault.dice()
    if not fault.persistent:
        return [row for row in rows if dice.random() >= fault.share]
    names = ("stck_bsop_date", "stck_cntg_hour", "stck_oprc")  # the opening price stands for the symbol
    marks = [zlib.crc32(f"{fault.seed}/{[row.get(name) for name in names]}".encode()) % 10_000 for row in rows]
    return [row for row, mark in zip(rows, marks, strict=True) if mark >= fault.share * 10_000]


ROWS: dict[str, Callable[[Rows, Fault], Any]] = {
    "shape_missing": _shape_missing,
    "shape_numbers": _shape_numbers,
    "shape_list": _shape_list,
    "negative_price": _negative_price,
    "absurd_price": _absurd_price,
    "low_above_open": _low_above_open,
    "duplicate_same": _duplicate_same,
    "duplicate_conflict": _duplicate_conflict,
    "unordered": _unordered,
    "other_date": _other_date,
    "empty": lambda *_: [],
    "wrong_day": lambda rows, _: rows,  # the server asks for the session before instead
    "missing_rows": _missing_rows,
}
HOLIDAY_ROWS = ("shape_missing", "shape_list", "empty", "unordered", "duplicate_same")
"""The kinds of ROWS that can happen to a list of holidays."""
