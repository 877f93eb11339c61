"""What ended a run of the backfill, in Korean."""

from minute_candles.core.errors import MinuteDataError, NotOffered, Stopped


def explained(error: MinuteDataError) -> str:
    """Return what happened and what to do next."""
    if isinstance(error, Stopped):
        return "중단했습니다. 저장된 것은 그대로 있으니 다시 실행하면 이어서 받습니다."
    if isinstance(error, NotOffered):
        return f"과거 분봉에는 실전 키가 필요합니다. KIS_ENV=real 과 실전 앱 키를 쓰세요. {error}"
    return str(error)
