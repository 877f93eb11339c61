"""Reasons of a symbol-day in short Korean, for every surface: console, log, page, frames, `note`. Pure.

Written for people only: no program reads these texts back.
"""

from minute_candles.market.calendar import Session
from minute_candles.market.day_status import Reason

_TEXTS = {
    Reason.ADJUSTED_SOURCE: "수정되어 온 날을 되돌린 값",
    Reason.TURNOVER_MISMATCH: "거래대금이 맞지 않는 분이 있음: 빠졌거나 틀린 행",
    Reason.MISSING_AT_SOURCE: "장중에 확인한 분이 과거 분봉에는 끝내 없음",
    Reason.UNEXPECTED_HOURS: "알려진 거래 시간과 다른 시각에 거래된 행이 있음",
    Reason.UNPROVEN_START: "하루의 시작을 확인할 수 없음",
    Reason.DAILY_MISMATCH: "일봉과 다름",
    Reason.DAILY_MISSING: "분봉은 있는데 일봉에 이 날이 없음",
    Reason.DAILY_UNREADABLE: "일봉의 이 날을 읽을 수 없음",
    Reason.VOLUME_SHORT: "분봉 거래량의 합이 일봉보다 크게 적음",
    Reason.INVALID_ROWS: "있을 수 없는 값의 행을 뺌",
    Reason.CONFLICTING_ROWS: "같은 분이 페이지마다 다른 값으로 옴",
    Reason.DROPPED_MINUTES: "과거 분봉에 없는 분을 뺌: 거래대금이 그것 없이 이어짐",
    Reason.EMPTY_WITH_VOLUME: "일봉 거래량은 있는데 분봉이 계속 비어 있음",
    Reason.DAILY_UNAVAILABLE: "일봉이 비어 있어 대조하지 못함",
    Reason.EARLY_LABEL: "첫 봉 라벨이 개장 1분 전",
    Reason.NO_CLOSING_AUCTION: "종가 단일가 봉이 없고 마지막 종가가 일봉 종가와 다름",
    Reason.CSAT_HOURS: "10:00~16:30에 거래된 날 (CSAT_DATES)",
    Reason.INTRADAY: "장중: 오늘 TR이나 스트림으로 받은 임시 데이터",
    Reason.QUOTE_AHEAD: "현재가의 거래량이 분봉보다 앞서 있어 다음 날 아침에 확정",
    Reason.ROWS_LOST: "확인할 때보다 행이 적음",
    Reason.OTHER_HOURS: "다른 거래 시간으로 저장된 날",
}


def reason_text(reason: Reason) -> str:
    """Return what a reason says without its facts, in a few Korean words."""
    return _TEXTS[reason]


def hours_advice(session: Session) -> str:
    """Return what to set where rows contradict the announced hours of a day."""
    hours = f"{session.open:%H:%M}~{session.close:%H:%M}"
    says = f"{session.day}: 알려진 거래 시간({hours})과 다른 시각에 거래된 행이 있어 UNPROVEN으로 적습니다."
    if session.csat:
        return f"{says} 수능일이 아니면 .env의 CSAT_DATES를 고치고 다시 실행하면 그날을 다시 받습니다."
    if session.open.hour == 10:
        return says
    return f"{says} 수능일이면 .env에 CSAT_DATES={session.day} 을 적고 다시 실행하면 그날을 다시 받습니다."


def says_csat_hours(note: str | None) -> bool:
    """Return whether a note of an older version says 10:00-16:30."""
    return "10:00~16:30에 거래된 날" in (note or "")
