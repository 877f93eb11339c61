"""Korean for a rejected row, for notes, logs and errors. Nothing reads it back."""

from minute_candles.market.rows import Reject, RejectedDay, RowFault

_FIELDS = {
    "open": "시가", "high": "고가", "low": "저가", "close": "종가", "volume": "거래량", "turnover": "누적 거래대금",
}  # fmt: skip


def reject_text(reject: Reject) -> str:
    """Return why a minute row is rejected (Korean)."""
    at = f"{reject.minute:%H:%M} 행" if reject.minute else "행"
    match reject.code:
        case RowFault.NOT_A_RECORD:
            return "행이 JSON 객체가 아닙니다."
        case RowFault.NO_TIME:
            return "행의 날짜나 시각이 없거나 숫자가 아닙니다."
        case RowFault.IMPOSSIBLE_TIME:
            return "행의 날짜나 시각이 있을 수 없는 값입니다."
        case RowFault.NOT_A_NUMBER:
            return f"{at}의 {_FIELDS[reject.field]} 값이 없거나 0 이상의 정수가 아닙니다."
        case RowFault.IMPOSSIBLE_PRICES:
            return f"{at}의 가격이 있을 수 없는 값입니다 (0 < 저가 ≤ 시가·종가 ≤ 고가)."
        case RowFault.CONFLICT:
            return f"{at}이 서로 다른 값으로 두 번 왔습니다."


def rejected_day_text(reject: RejectedDay) -> str:
    """Return why a daily row is rejected (Korean)."""
    match reject.code:
        case RowFault.NOT_A_RECORD | RowFault.NO_TIME:
            return "일봉 행의 날짜가 없거나 숫자가 아닙니다."
        case RowFault.IMPOSSIBLE_TIME:
            return "일봉 행의 날짜가 있을 수 없는 값입니다."
        case RowFault.NOT_A_NUMBER:
            return f"{reject.day} 일봉의 {_FIELDS[reject.field]} 값이 없거나 0 이상의 정수가 아닙니다."
        case RowFault.IMPOSSIBLE_PRICES:
            return f"{reject.day} 일봉의 고가가 저가의 몇백 배입니다."
        case RowFault.CONFLICT:
            return f"{reject.day} 일봉이 서로 다른 값으로 두 번 왔습니다."
