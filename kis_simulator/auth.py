"""Who may call: paths and TRs, tokens, the call limit, and which calls are refused with which code.

kis_http.md §1–§5. Pure but for what it remembers; moments are naive KST, arrivals monotonic seconds.
"""

from collections import deque
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from random import Random
from typing import NamedTuple

from kis_simulator.faults.faults import CODES

QUOTATIONS = "/uapi/domestic-stock/v1/quotations/"
TOKEN_PATH = "/oauth2/tokenP"
APPROVAL_PATH = "/oauth2/Approval"
KEY_NAMES = ("token", "approval")
"""What a key requests before any data: errors of the other shape, not counted by the call limit."""
MINUTES = ("FID_COND_MRKT_DIV_CODE", "FID_INPUT_ISCD", "FID_INPUT_HOUR_1", "FID_PW_DATA_INCU_YN")
DAYS = ("FID_COND_MRKT_DIV_CODE", "FID_INPUT_ISCD", "FID_INPUT_DATE_1", "FID_INPUT_DATE_2")
TOKEN_LIFE, SAME_TOKEN, TOKEN_PAUSE = timedelta(hours=24), timedelta(hours=6), timedelta(minutes=1)


class Tr(NamedTuple):
    """A quotation: its short name here, its TR id and the parameters it cannot do without."""

    name: str
    tr_id: str
    needs: tuple[str, ...]


TRS = {
    QUOTATIONS + "inquire-time-itemchartprice": Tr("today", "FHKST03010200", (*MINUTES, "FID_ETC_CLS_CODE")),
    QUOTATIONS + "inquire-time-dailychartprice": Tr(
        "past", "FHKST03010230", (*MINUTES, "FID_INPUT_DATE_1", "FID_FAKE_TICK_INCU_YN")
    ),
    QUOTATIONS + "inquire-daily-itemchartprice": Tr(
        "daily", "FHKST03010100", (*DAYS, "FID_PERIOD_DIV_CODE", "FID_ORG_ADJ_PRC")
    ),
    QUOTATIONS + "chk-holiday": Tr("holiday", "CTCA0903R", ("BASS_DT", "CTX_AREA_FK", "CTX_AREA_NK")),
}


class RefusalError(Exception):
    """The call is answered with an error: KIS's code, its message, the HTTP status."""

    def __init__(self, code: str, message: str = "", status: int = 500) -> None:
        known = CODES.get(code.lower(), (code, message, status))
        super().__init__(*known)


class Tokens:
    """Access tokens: valid a day, the same one within six hours, one request a minute for a key."""

    def __init__(self, seed: int) -> None:
        self.issued = 0
        self._seed = seed
        self._issued_at: dict[str, datetime] = {}
        self._live: dict[str, tuple[str, datetime, datetime]] = {}
        self.known: dict[str, tuple[str, datetime]] = {}

    def issue(self, key: str, now: datetime) -> tuple[str, datetime]:
        """Return the token of a key and its expiry; RefusalError EGW00133 within a minute of the request before."""
        if key in self._issued_at and now - self._issued_at[key] < TOKEN_PAUSE:
            raise RefusalError("EGW00133")
        self._issued_at[key] = now
        token, born, expiry = self._live.get(key, ("", datetime.min, datetime.min))
        if not token or now - born >= SAME_TOKEN:
            self.issued += 1
            digits = Random(f"{self._seed}/{key}/{self.issued}").getrandbits(256)
            token, expiry = f"eyJ0eXAi.{digits:064x}", now + TOKEN_LIFE
            self._live[key], self.known[token] = (token, now, expiry), (key, expiry)
        return token, expiry

    def check(self, header: str, key: str, now: datetime) -> None:
        """Raise `RefusalError`: EGW00121 for a token of nobody or of another key, EGW00123 for one that is over."""
        kind, _, token = header.partition(" ")
        owner, expiry = self.known.get(token, ("", now))
        if kind != "Bearer" or owner != key or not key:
            raise RefusalError("EGW00121")
        if now >= expiry:
            raise RefusalError("EGW00123")

    def revoke(self, key: str | None = None) -> None:
        """Forget a key's token (None: all), as another program may: EGW00121, a new one a minute after the last."""
        self.known = {token: kept for token, kept in self.known.items() if key not in (None, kept[0])}
        self._live = {owner: kept for owner, kept in self._live.items() if key not in (None, owner)}

    def expire(self) -> None:
        """End every token; the next request, at once if need be, brings a new one."""
        self.known = {token: (key, datetime.min) for token, (key, _) in self.known.items()}
        self._live.clear()
        self._issued_at.clear()


class CallLimit:
    """More than `rate` arrivals of a key within any second, both ends counted; a refused call counts too."""

    def __init__(self) -> None:
        self._arrivals: dict[str, deque[float]] = {}

    def is_over(self, key: str, arrival: float, rate: float) -> bool:
        """Count this arrival; return whether it is one too many."""
        arrivals = self._arrivals.setdefault(key, deque())
        arrivals.append(arrival)
        while arrival - arrivals[0] > 1.0:
            arrivals.popleft()
        return len(arrivals) > rate


def path_name(path: str) -> str:
    """Return the short name of a path (past, today, daily, holiday, token, approval), "" for one KIS does not have."""
    names = {TOKEN_PATH: "token", APPROVAL_PATH: "approval"}
    return names.get(path) or (TRS[path].name if path in TRS else "")


def check_keys(key: str, secret: str, known: Mapping[str, str] | None, *, on_data: bool) -> None:
    """Raise `RefusalError` for a key or secret that is empty or, where only some are known, wrong."""
    is_known = known is None or key in known
    if not key or not (is_known or on_data):
        raise RefusalError("EGW00103")
    if not secret or not is_known or (known is not None and known[key] != secret):
        raise RefusalError("EGW00304" if on_data else "EGW00105")


def check_environment(tr: Tr, env: str, key_env: str, *, past_on_vts: bool) -> None:
    """Raise `RefusalError` for a key of the other environment, and for a TR that VTS does not offer."""
    if key_env != env:
        raise RefusalError("EGW02004" if env == "real" else "EGW02007")
    if env == "vts" and (tr.name == "holiday" or (tr.name == "past" and not past_on_vts)):
        raise RefusalError("EGW02006")


def check_call(tr: Tr, headers: Mapping[str, str], params: Mapping[str, str]) -> None:
    """Raise `RefusalError` for a call without a header or a parameter, or with one in a form that KIS refuses."""
    if headers.get("tr_id") != tr.tr_id:
        raise RefusalError("OPSQ0002", "없는 서비스 코드 입니다")
    if headers.get("custtype", "P") not in ("P", "B"):
        raise RefusalError("OPSQ2001", "ERROR INPUT FIELD NOT FOUND [custtype]")
    missing = [name for name in tr.needs if name not in params]
    if missing:
        raise RefusalError("OPSQ2001", f"ERROR INPUT FIELD NOT FOUND [{missing[0]}]")
    wrong = [name for name, value in params.items() if not _is_sound(name, value)]
    if wrong:
        raise RefusalError("OPSQ2002", f"ERROR INVALID INPUT [{wrong[0]}]")


def _is_sound(name: str, value: str) -> bool:
    """Return whether a parameter has the form KIS takes."""
    if name == "FID_INPUT_ISCD":
        is_etn = len(value) == 7 and value[0] == "Q" and value[1:].isdigit()
        return value.isascii() and (is_etn or (len(value) == 6 and value.isalnum()))
    if name == "FID_INPUT_HOUR_1":
        return not value or (len(value) == 6 and value.isdigit() and value[2] < "6" and value[4] < "6" and value < "24")
    if name in ("FID_INPUT_DATE_1", "FID_INPUT_DATE_2", "BASS_DT"):
        return parse_date(value) is not None
    return name not in ("FID_COND_MRKT_DIV_CODE", "FID_PERIOD_DIV_CODE") or value in ("J", "D")


def parse_date(text: str) -> date | None:
    """Return the day of `YYYYMMDD`, None for anything else."""
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        return None
