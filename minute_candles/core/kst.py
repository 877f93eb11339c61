"""Korean standard time: the one zone of this house (law 9)."""

from zoneinfo import ZoneInfo

KST = ZoneInfo("Asia/Seoul")
