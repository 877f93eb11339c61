"""Korean standard time: the one zone of this project ("KST, always")."""

from zoneinfo import ZoneInfo

KST = ZoneInfo("Asia/Seoul")
