"""Korean notes of an older coverage table, translated once into reason codes: the only place that reads prose.

Until version 0.2 a symbol-day's reasons were kept as sentences in `note`. The preflight translates the rows that have
a note and no codes, without a call to KIS.
"""

from collections import defaultdict

from minute_candles.market.day_status import COMPLETE, UNPROVEN, Reason
from minute_candles.storage.ddl import COVERAGE
from minute_candles.storage.driver import Run

_PHRASES: tuple[tuple[str, Reason], ...] = (
    ("이 과거 분봉에는 끝내 없음", Reason.MISSING_AT_SOURCE),
    ("거래대금이 맞지 않는 분이 있습니다", Reason.TURNOVER_MISMATCH),
    ("거래대금이 거래량보다 많음", Reason.TURNOVER_MISMATCH),
    ("예고 없이 10:00~16:30에 거래된 날", Reason.UNEXPECTED_HOURS),
    ("장이 쉬는 15:20~15:29에 거래된 분이 있고", Reason.UNEXPECTED_HOURS),
    ("하루의 시작을 확인할 수 없습니다", Reason.UNPROVEN_START),
    ("이전 거래대금이 하루의", Reason.UNPROVEN_START),
    ("일봉 시가", Reason.DAILY_MISMATCH),
    ("일봉의 고가·저가를 벗어난", Reason.DAILY_MISMATCH),
    ("일봉 거래량 ", Reason.DAILY_MISMATCH),
    ("분봉은 있는데 일봉에 이 날이 없습니다", Reason.DAILY_MISSING),
    ("일봉의 이 날을 읽을 수 없", Reason.DAILY_UNREADABLE),
    ("다른 값으로 왔습니다", Reason.CONFLICTING_ROWS),
    ("다른 값으로 두 번 왔습니다", Reason.CONFLICTING_ROWS),
    ("값이 없거나 0 이상의 정수가 아닙니다", Reason.INVALID_ROWS),
    ("가격이 있을 수 없는 값입니다", Reason.INVALID_ROWS),
    ("행이 JSON 객체가 아닙니다", Reason.INVALID_ROWS),
    ("행의 날짜나 시각이", Reason.INVALID_ROWS),
    ("읽을 수 없어 뺐습니다", Reason.INVALID_ROWS),
    ("읽을 수 있는 행이 없습니다", Reason.INVALID_ROWS),
    ("거래대금이 그것 없이 이어짐", Reason.DROPPED_MINUTES),
    ("분봉이 계속 비어 있음", Reason.EMPTY_WITH_VOLUME),
    ("일봉이 비어 있어 대조하지 못함", Reason.DAILY_UNAVAILABLE),
    ("첫 봉 라벨이 개장 1분 전", Reason.EARLY_LABEL),
    ("종가 단일가 봉이 없고", Reason.NO_CLOSING_AUCTION),
    ("10:00~16:30에 거래된 날 (CSAT_DATES)", Reason.CSAT_HOURS),
)
_DOUBTFUL = {Reason.TURNOVER_MISMATCH, Reason.UNEXPECTED_HOURS, Reason.UNPROVEN_START}
"""What older versions could store as COMPLETE, and what is UNPROVEN now."""
_BATCH = 200


def reasons_in(note: str) -> tuple[Reason, ...]:
    """Return the codes of what an older version wrote, each once; nothing of what it does not know."""
    return tuple(dict.fromkeys(reason for phrase, reason in _PHRASES if phrase in note))


def translate_notes(run: Run) -> int:
    """Give the verified rows that have a note and no codes their `reasons`; return how many rows got some."""
    untranslated = run(
        f"SELECT stock_symbol, trade_date, status, note FROM {COVERAGE}"
        " WHERE reasons IS NULL AND note IS NOT NULL AND status IN ('COMPLETE', 'NO_TRADES', 'UNPROVEN')"
    )
    found = defaultdict(list)
    for symbol, day, status, note in untranslated:
        if reasons := reasons_in(note):
            found[_status_of(status, reasons), ",".join(reasons)].append((symbol, day))
    for (status, text), days in found.items():
        for start in range(0, len(days), _BATCH):
            part = days[start : start + _BATCH]
            run(
                f"UPDATE {COVERAGE} SET status = %s, reasons = %s"
                f" WHERE {' OR '.join(['(stock_symbol = %s AND trade_date = %s)'] * len(part))}",
                status, text, *(value for day in part for value in day),
            )  # fmt: skip
    return sum(map(len, found.values()))


def _status_of(status: str, reasons: tuple[Reason, ...]) -> str:
    return str(UNPROVEN) if status == COMPLETE and _DOUBTFUL.intersection(reasons) else status
