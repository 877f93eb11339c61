"""KIS's field names, each with its meaning in Korean: the one table.

Sources: docs/dev/kis_http.md §5–§8, docs/dev/kis_websocket.md §1.
"""

from typing import Final

# rows of minutes (FHKST03010200, FHKST03010230: output2)
DAY: Final = "stck_bsop_date"  # 주식 영업일자, YYYYMMDD
HOUR: Final = "stck_cntg_hour"  # 주식 체결시간, HHMMSS, the minute's start
OPEN: Final = "stck_oprc"  # 시가
HIGH: Final = "stck_hgpr"  # 고가
LOW: Final = "stck_lwpr"  # 저가
PRICE: Final = "stck_prpr"  # 현재가: the minute's close
VOLUME: Final = "cntg_vol"  # 체결 거래량 of the minute
TURNOVER: Final = "acml_tr_pbmn"  # 누적 거래대금 of the day so far, KRW

# daily rows (FHKST03010100: output2); DAY, OPEN, HIGH, LOW and TURNOVER as above
DAILY_CLOSE: Final = "stck_clpr"  # 종가
DAILY_VOLUME: Final = "acml_vol"  # 누적 거래량 of the day, off-hours trades included
ACTION: Final = "flng_cls_code"  # 락 구분 코드
ADJUSTMENT: Final = "prtt_rate"  # 분할 비율: (factor − 1) · 100

# the live quote (output1); DAILY_VOLUME and TURNOVER as above
NAME: Final = "hts_kor_isnm"  # HTS 한글 종목명
PREVIOUS_CLOSE: Final = "stck_prdy_clpr"  # 전일 종가

# holidays (CTCA0903R: output)
BASE_DAY: Final = "bass_dt"  # 기준일자
OPENS: Final = "opnd_yn"  # 개장일 여부; tr_day_yn is Y on Saturdays

# records of H0STCNT0, by position
TICK_SYMBOL: Final = 0  # MKSC_SHRN_ISCD 유가증권 단축 종목코드
TICK_HOUR: Final = 1  # STCK_CNTG_HOUR 체결시간, HHMMSS
TICK_PRICE: Final = 2  # STCK_PRPR 체결가
TICK_AVERAGE: Final = 6  # WGHN_AVRG_STCK_PRC 가중평균가, without off-hours trades
TICK_DAY_OPEN: Final = 7  # STCK_OPRC 당일 시가
TICK_DAY_HIGH: Final = 8  # STCK_HGPR 당일 고가
TICK_DAY_LOW: Final = 9  # STCK_LWPR 당일 저가
TICK_VOLUME: Final = 12  # CNTG_VOL 체결 거래량
TICK_ALL_VOLUME: Final = 13  # ACML_VOL 누적 거래량
TICK_ALL_TURNOVER: Final = 14  # ACML_TR_PBMN 누적 거래대금
TICK_SELLS: Final = 15  # SELN_CNTG_CSNU 매도 체결 건수
TICK_BUYS: Final = 16  # SHNU_CNTG_CSNU 매수 체결 건수
TICK_OPEN_HOUR: Final = 24  # OPRC_HOUR 시가 시간
TICK_DAY: Final = 33  # BSOP_DATE 영업일자
TICK_MARKET_CLASS: Final = 46  # MARKET_CLS_CODE 시장 구분, since 2026-09-14: 1 pre-, 3 after-market
