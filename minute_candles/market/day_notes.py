"""Reasons of a symbol-day in short Korean, for every surface: console, log, page, frames, `note`. Pure.

Written for people only: no program reads these texts back.
"""

from collections.abc import Iterable, Sequence

from minute_candles.market.calendar import Session
from minute_candles.market.day_status import Finding, Reason
from minute_candles.market.reject_text import reject_text

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

_FACTS = {
    Reason.ADJUSTED_SOURCE: "수정되어 온 날을 되돌린 값 (계수 {0:.6f})",
    Reason.MISSING_AT_SOURCE: "장중에 확인한 {0}분이 과거 분봉에는 끝내 없음",
    Reason.UNPROVEN_START: "첫 봉({at}) 이전 거래대금이 하루의 {0:.1f}%: 하루의 시작을 확인할 수 없습니다",
    Reason.VOLUME_SHORT: "분봉 거래량의 합이 일봉의 {0}%이고 하루의 시작을 확인할 수 없습니다",
    Reason.DROPPED_MINUTES: "과거 분봉에 없는 {0}분({at} 등)을 뺌: 거래대금이 그것 없이 이어짐",
    Reason.EMPTY_WITH_VOLUME: "일봉 거래량은 {0:,}주인데 분봉이 계속 비어 있음",
    Reason.EARLY_LABEL: "첫 봉 라벨이 개장 1분 전({at})",
    Reason.NO_CLOSING_AUCTION: "종가 단일가 봉이 없고 마지막 종가 {0:,}원이 일봉 종가 {1:,}원과 다름",
}
"""By reason: `at` is the first minute, the numbers are shares, KRW, minutes, percent or the factor."""
_WITHOUT_FACTS = {Reason.ADJUSTED_SOURCE: "수정되어 온 날인데 계수를 알 수 없어 되돌리지 못했습니다"}
_DAILY_TEXTS = {
    "open": "첫 시가 {0:,}원이 일봉 시가 {1:,}원과 다릅니다.",
    "range": "일봉의 고가·저가를 벗어난 분봉이 있습니다 ({0:,}~{1:,}원, 일봉 {2:,}~{3:,}원).",
    "volume": "분봉 거래량의 합 {0:,}주가 일봉 거래량 {1:,}주보다 많습니다.",
}
MOST_NAMED = 3
"""So many minutes or rows of a kind are named in a note."""


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


def finding_text(finding: Finding) -> str:
    """Return a finding in Korean, with its facts."""
    match finding.reason:
        case Reason.TURNOVER_MISMATCH:
            more = " …" if len(finding.minutes) > MOST_NAMED else ""
            named = ", ".join(f"{minute:%H:%M}" for minute in finding.minutes[:MOST_NAMED])
            return f"거래대금이 맞지 않는 분이 있습니다 ({named}{more}): 빠졌거나 틀린 행"
        case Reason.INVALID_ROWS:
            return _first_few([reject_text(reject) for reject in finding.rejects])
        case Reason.CONFLICTING_ROWS:
            return _first_few([f"{minute:%H:%M} 행이 페이지마다 다른 값으로 왔습니다." for minute in finding.minutes])
        case Reason.DAILY_MISMATCH:
            return _DAILY_TEXTS[finding.aspect].format(*finding.numbers)
        case reason if (pattern := _FACTS.get(reason)) and (finding.minutes or finding.numbers):
            return pattern.format(*finding.numbers, at=f"{finding.minutes[0]:%H:%M}" if finding.minutes else "")
        case reason:
            return _WITHOUT_FACTS.get(reason) or reason_text(reason)


def note_of(findings: Iterable[Finding]) -> str | None:
    """Return what people read of a symbol-day: contradictions first; None where there is nothing to say."""
    ordered = sorted(findings, key=lambda finding: not finding.contradicts)
    return " · ".join(map(finding_text, ordered)) or None


def _first_few(texts: Sequence[str]) -> str:
    unique = list(dict.fromkeys(texts))
    more = [f"그 밖의 행 {len(unique) - MOST_NAMED}개도 읽을 수 없어 뺐습니다."] if len(unique) > MOST_NAMED else []
    return " · ".join([*unique[:MOST_NAMED], *more])
