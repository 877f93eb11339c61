"""What each error code of KIS asks of the caller: the one table (docs/dev/kis_http.md §3).

Sources: KIS's published table of error codes, and what readers of its answers report.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Action(StrEnum):
    """What to do about an error."""

    RENEW = "RENEW"
    """Renew the token once and repeat the call."""
    SLOW_DOWN = "SLOW_DOWN"
    """Wait a second, call more slowly, repeat."""
    WAIT_FOR_TOKEN = "WAIT_FOR_TOKEN"
    """KIS issues one token a minute: wait the minute out."""
    RETRY = "RETRY"
    """A passing fault: repeat the call, later and later."""
    STOP_KEY = "STOP_KEY"
    """KIS refuses the key or its secret."""
    STOP_HOST = "STOP_HOST"
    """The key belongs to the other environment."""
    STOP_PERMISSION = "STOP_PERMISSION"
    """The key may not use this API: to be set on KIS's portal."""
    STOP_ADDRESS = "STOP_ADDRESS"
    """This computer's IP address is not registered for the key: to be set on KIS's portal."""
    NOT_OFFERED = "NOT_OFFERED"
    """This environment has no such TR."""
    THIS_SYMBOL = "THIS_SYMBOL"
    """The request itself is refused: repeating it brings the same, other symbols may be answered."""


_CODES: Mapping[Action, str] = {
    Action.RENEW: "EGW00121 EGW00122 EGW00123 EGW00205",
    Action.SLOW_DOWN: "EGW00201",
    Action.WAIT_FOR_TOKEN: "EGW00133",
    Action.STOP_KEY: "EGW00102 EGW00103 EGW00104 EGW00105 EGW00304",
    Action.STOP_HOST: "EGW02004 EGW02007 EGW00210",
    Action.STOP_PERMISSION: "EGW00004 EGW00206",
    Action.STOP_ADDRESS: "EGW00207 EGW00303",
    Action.NOT_OFFERED: "EGW02006 EGW00213",
    Action.THIS_SYMBOL: "OPSQ2002",
    Action.RETRY: "EGW00001 EGW00002 EGW00202 EGW00203 EGW00215 EGW00300 EGW00301 EGW00302 EGW00316 90020000",
}
ACTIONS: Mapping[str, Action] = MappingProxyType(
    {code: action for action, codes in _CODES.items() for code in codes.split()}
)
"""Code → what to do. A code that is not here is repeated like a passing fault; so is an answer without a code."""
