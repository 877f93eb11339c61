"""What the numbers of MySQL's, MariaDB's and the client library's errors mean: one table."""

import re

from minute_candles.storage.driver import Problem

_KILLED = {1053, 1077, 1079, 1080, 1317, 1927, 3024, 4031}
_BROKEN = {-1, 1043, 1152, 1158, 1159, 1160, 1161, 2006, 2012, 2013, 2014, 2027, 2055, *_KILLED}
_MEANINGS: dict[Problem, set[int]] = {
    Problem.LOST: {1047, *_BROKEN},  # 1047: a cluster's node that has left it, or is not ready
    Problem.UNREACHABLE: {2002, 2003, 2004},
    Problem.UNKNOWN_HOST: {2005},
    Problem.TLS_FAILED: {2026},
    Problem.NEEDS_TLS: {2061},
    Problem.LOGIN_REFUSED: {1045, 1130, 1698},
    Problem.NO_DATABASE: {1044, 1049},
    Problem.READ_ONLY: {1290, 1792, 1836, 3100},
    Problem.DENIED: {1142, 1143, 1227, 1370},
    Problem.CROWDED: {1040, 1203, 1226},
    # 1062: another inserted the row meanwhile; 1180, 3101: a cluster's certification let another node's transaction win
    Problem.LOCKED: {1020, 1062, 1180, 1205, 1213, 3101, 3572},
    Problem.FULL: {3, 28, 1021, 1026, 1030, 1114},
    Problem.NO_PARTITION: {1526},
    Problem.ALREADY_MADE: {1050, 1060, 1061},
    Problem.INVALID: {1054, 1146, 1364, 1423},
}
_PROBLEMS = {number: problem for problem, numbers in _MEANINGS.items() for number in numbers}
_NOT_PRIMARY = re.compile(r"read.?only|not (?:the |a )?(?:primary|master)", re.IGNORECASE)
"""How servers and proxies say it under numbers of their own."""


def problem_of(number: int, message: str) -> Problem:
    """Return what an error means."""
    found = _PROBLEMS.get(number)
    if found is None:
        return Problem.READ_ONLY if _NOT_PRIMARY.search(message) else Problem.REJECTED
    return found
