"""What the numbers of MySQL's, MariaDB's and the client library's errors mean: one table."""

import re

from minute_candles.storage.driver import Kind

UNREACHABLE = {2002, 2003, 2004, 2005}
HALF_OPEN = {1043, 2012, 2026}
KILLED = {1053, 1077, 1079, 1080, 1317, 1927, 3024, 4031}
BROKEN = {-1, 1152, 1158, 1159, 1160, 1161, 2006, 2013, 2014, 2027, 2055, *KILLED}
CROWDED = {1040, 1203, 1226}
LOCKED = {1020, 1205, 1213, 3572}
FORBIDDEN = {1044, 1045, 1130, 1142, 1143, 1227, 1370, 1698}
READ_ONLY = {1290, 1792, 1836, 3100}
NOT_PRIMARY = re.compile(r"read.?only|not (?:the |a )?(?:primary|master)", re.IGNORECASE)
"""How servers and proxies say it under numbers of their own."""
MEANINGS: tuple[tuple[set[int], Kind, str], ...] = (
    (UNREACHABLE | HALF_OPEN | BROKEN, "lost", "데이터베이스 연결이 끊어졌습니다 {mark}."),
    (CROWDED, "locked", "데이터베이스의 연결 수가 한도에 이르렀습니다 {mark}."),
    (LOCKED, "locked", "다른 연결이 같은 행이나 테이블을 잠그고 있습니다 {mark}."),
    (
        READ_ONLY,
        "refused",
        "데이터베이스가 읽기 전용입니다 {mark}. 쓸 수 있는 서버(DB_HOST)인지 확인하세요.",
    ),
    (
        {3, 28, 1021, 1026, 1030, 1114},
        "fatal",
        "데이터베이스 서버의 디스크나 테이블 공간이 가득 찼습니다 {mark}. 공간을 비우세요.",
    ),
    (
        FORBIDDEN,
        "refused",
        "{user} 계정에 이 작업의 권한이 없습니다 {mark}. 관리자에게 권한(GRANT)을 요청하세요.",
    ),
)
"""What a server's or the client library's error number means."""
