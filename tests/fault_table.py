"""The fault matrix as people read it: what breaks, what they see, what is lost (nothing).

`python tests/fault_table.py` prints it as the README's Korean Markdown table; `test_faults.py` proves every row: its
exit code, and that the line it names is really printed.
"""

from typing import NamedTuple


class Fault(NamedTuple):
    """`says` is a line of the output, … standing for anything; `code` is the exit code of that run."""

    what: str
    says: str
    code: str
    then: str
    lost: str = "없음"


_AGAIN = "조용히 다시 물어 채움"
_RERUN = "그 종목일만 저장하지 않고 이름을 댐. 다시 실행하면 그것만 받음"
_KEY = "고친 뒤 다시 실행"
_RESUME = "저장된 것은 그대로. 다시 실행하면 이어서 받음"
_SPOILT = "000660 2026-11-18 실패: "

KIS = {
    "reset": Fault("답 전에 연결이 끊김", "", "0", _AGAIN),
    "reset_amid": Fault("답 중간에 연결이 끊김", "", "0", _AGAIN),
    "hang": Fault("답이 오지 않음 (30초)", "", "0", "10초 뒤 다시 물어 채움"),
    "truncated": Fault("잘린 JSON", "", "0", _AGAIN),
    "non_json": Fault("JSON이 아닌 답 (점검 안내 HTML)", "", "0", _AGAIN),
    "http500_empty": Fault("코드가 빈 HTTP 500", "", "0", _AGAIN),
    "gateway": Fault("EGW00202·203·215·300·316, 90020000", "", "0", _AGAIN),
    "over_limit": Fault("EGW00201 (HTTP 500·429, 200 속에도)", "", "0", "1초 쉬고 조금 천천히 계속"),
    "storm": Fault("호출 한도가 설정의 3분의 1뿐 (EGW00201 폭주)", "", "0", "스스로 느려지며 끝까지 받음"),
    "token_dead": Fault("토큰 만료·무효 (EGW00123·121)", "토큰을 갱신합니다", "0", "한 번만 새로 발급받아 계속"),
    "token_too_soon": Fault(
        "토큰을 1분에 두 번 요청 (EGW00133)", "토큰은 1분에 한 번만 발급됩니다", "0", "61초 뒤 발급받아 계속"
    ),
    "token_refused": Fault("내준 토큰을 계속 거절", "KIS가 내준 토큰을 KIS가 거절합니다", "1", _RESUME),
    "bad_key": Fault("앱 키 오류 (EGW00103)", "KIS가 앱 키를 거절했습니다 (EGW00103)", "2", _KEY),
    "bad_secret": Fault("시크릿 오류 (EGW00105·00304)", "KIS가 앱 키를 거절했습니다 (EGW00…", "2", _KEY),
    "wrong_host": Fault("다른 환경의 키 (EGW02004·02007)", "키와 서버의 환경이 다릅니다", "2", _KEY),
    "not_offered": Fault("모의투자 키로 과거 분봉 (EGW02006)", "과거 분봉에는 실전 키가 필요합니다", "1", _KEY),
    "spoilt": Fault("가끔 이상한 답 (아래 모든 종류)", "", "0", _AGAIN),
    "shape_missing": Fault("행에 없는 필드", f"{_SPOILT}…값이 없거나", "1", _RERUN),
    "shape_numbers": Fault("문자열 자리에 숫자", f"{_SPOILT}행의 날짜나 시각이 없거나 숫자가 아닙니다", "1", _RERUN),
    "shape_list": Fault("목록이 아닌 output2", f"{_SPOILT}…", "1", _RERUN),
    "negative_price": Fault("음수 가격", f"{_SPOILT}…0 이상의 정수가 아닙니다", "1", _RERUN),
    "absurd_price": Fault("터무니없는 가격", f"{_SPOILT}일봉의 고가·저가를 벗어난 분봉이 있습니다", "1", _RERUN),
    "low_above_open": Fault("저가가 시가보다 높음", f"{_SPOILT}…가격이 있을 수 없는 값입니다", "1", _RERUN),
    "duplicate_conflict": Fault("값이 다른 중복 행", f"{_SPOILT}…서로 다른 값으로 두 번 왔습니다", "1", _RERUN),
    "missing_rows": Fault("빠진 행", f"{_SPOILT}거래대금이 맞지 않는 분이 있습니다", "1", _RERUN),
    "other_date": Fault("다른 날짜의 행이 섞임", "", "0", _AGAIN),
    "empty": Fault(
        "그 종목일만 계속 빈 답, 앞 거래일의 행만 옴",
        "분봉이 계속 비어 있음. …의심되면 --force",
        "0",
        "이름과 이유를 남김. `--force` 로 다시 받음",
    ),
    "harmless": Fault("순서가 섞이거나 같은 행이 두 번", "✅ 완료", "0", "정리해서 저장"),
    "maintenance": Fault(
        "점검: 수십 초 동안 연결 거부", "KIS 서버에 연결할 수 없습니다 …다시 시도합니다", "0", "기다렸다가 이어서 받음"
    ),
    "outage": Fault("점검: 5분 넘게 연결 거부", "인터넷과 KIS_BASE_URL(…을 확인하세요", "1", _RESUME),
    "silent": Fault(
        "장중 내내 어제의 행이나 빈 답만 옴",
        "KIS 분봉 문제 시작: …분째 어느 종목도 새 분봉이 없습니다",
        "0",
        "한 번 알리고 `--status` 1, 마감 뒤 과거 분봉으로 채움",
    ),
    "closed": Fault(
        "KIS가 여는 날을 휴장이라고 답함",
        "KIS는 휴장이라고 했지만 거래되고 있습니다. 개장일로 봅니다",
        "0",
        "개장 뒤 시장에 물어 장을 갱신",
    ),
    "nobody": Fault("처음부터 KIS에 연결할 수 없음", "KIS 서버에 연결할 수 없습니다", "1", _RESUME),
}
STORE = {
    "killed": Fault("DB 서버가 죽었다가 다시 뜸", "데이터베이스 재연결 성공", "0", "기다렸다가 이어서 저장"),
    "restarted": Fault("DB 서버 재시작", "데이터베이스 재연결 성공", "0", "기다렸다가 이어서 저장"),
    "gone": Fault(
        "DB 서버가 2분 넘게 돌아오지 않음",
        "데이터베이스 연결이 끊어졌습니다 …서버를 확인하세요",
        "1",
        _RESUME,
    ),
    "read_only": Fault(
        "DB가 읽기 전용이 됨", "데이터베이스가 읽기 전용입니다 …쓸 수 있는 서버(DB_HOST)인지 확인하세요", "1", _RESUME
    ),
    "failover": Fault(
        "페일오버: 옛 주 서버는 읽기 전용으로 남고 주소가 새 주 서버로 감",
        "데이터베이스가 읽기 전용입니다 …다시 연결합니다",
        "0",
        "새 주 서버를 찾아 이어서 저장",
    ),
    "full": Fault("DB 디스크가 가득 참", "디스크나 테이블 공간이 가득 찼습니다 …공간을 비우세요", "1", _RESUME),
    "slow": Fault("다른 연결이 행을 몇 초 잠금", "✅ 완료", "0", "기다렸다가 저장"),
    "locked": Fault(
        "다른 연결이 행을 2분 넘게 잠금",
        "다른 연결이 같은 행이나 테이블을 잠그고 있습니다 …서버를 확인하세요",
        "1",
        _RESUME,
    ),
    "crowded": Fault(
        "시작할 때 DB 연결 한도 초과", "연결 수가 한도에 이르렀습니다 …잠시 뒤 다시 실행하세요", "1", _KEY
    ),
    "crowded_later": Fault("연결을 잃은 뒤 연결 한도 초과", "✅ 완료", "0", "자리가 나면 이어서 저장"),
    "revoked": Fault("도중에 권한을 빼앗김", "권한이 없습니다 …관리자에게 권한(GRANT)을 요청하세요", "1", _RESUME),
    "updater_store": Fault("장중에 DB가 죽었다가 다시 뜸", "✅ DB 복구: …만에", "0", "다음 라운드가 빈 곳까지 채움"),
}
HOST = {
    "kill": Fault("수집 중 kill -9 (50번)", "", "-9", _RESUME),
    "kill_updater": Fault("실시간 라운드 중 kill -9 (20번)", "", "-9", "다시 시작하면 오늘 빈 곳부터 채움"),
    "term": Fault("수집 중 SIGTERM (50번)", "다시 실행하면 이어서 받습니다", "130", _RESUME),
    "term_updater": Fault("실시간 라운드 중 SIGTERM (20번)", "", "0", "저장 중인 것만 마치고 끝남"),
    "no_space": Fault(
        "로그·결과 파일 디스크가 가득 참",
        "로그 파일에 쓰지 못했습니다: …수집은 계속합니다",
        "0",
        "캔들은 모두 저장, 경고 한 번",
    ),
    "no_space_updater": Fault(
        "로그·상태 파일 디스크가 가득 참",
        "로그 파일에 쓰지 못했습니다: …수집은 계속합니다",
        "0",
        "캔들은 모두 저장, 경고 한 번",
    ),
    "no_log_dir": Fault("LOG_DIR에 쓸 수 없음", "LOG_DIR", "2", "아무것도 하기 전에 멈춤"),
    "bad_token_file": Fault(
        "쓰다 만·깨진 토큰 파일", "토큰 파일을 읽을 수 없어 새로 발급받습니다", "0", "새로 발급받아 계속"
    ),
    "clock_jump": Fault("시계가 앞뒤로 몇 시간 뜀", "✅ 완료", "0", "그대로 계속"),
    "clock_wrong": Fault(
        "시계가 KIS와 어긋남",
        "이 컴퓨터의 시계가 KIS보다 …시간 동기화(NTP)를 켜세요",
        "0",
        "KIS의 시계로 마감된 분만 저장",
    ),
    "clock_ahead": Fault(
        "시계가 KIS보다 몇 시간 빠름 (수집)",
        "KIS에서는 …장이 아직 마감되지 않았습니다. 이 컴퓨터의 시계가 KIS보다 …시간 동기화(NTP)를 켜세요",
        "1",
        "KIS에서 마감된 날만 저장. 시계를 맞추고 다시 실행",
    ),
    "two": Fault("수집을 두 개 함께 실행", "✅ 완료", "0", "토큰·호출 한도를 나눠 쓰고 둘 다 완료"),
    "two_updaters": Fault(
        "실시간 갱신을 두 번 실행",
        "이미 실행 중입니다 (pid …멈추려면: python realtime_updater.py --stop",
        "2",
        "먼저 것이 계속",
    ),
    "no_stdin": Fault("stdin·stdout·stderr가 닫혀 있음", "", "0", "그대로 계속"),
    "head": Fault("`| head -1` 로 파이프가 닫힘", "", "0", "그대로 계속"),
    "locale": Fault("C 로캘, cp949 콘솔", "", "0", "글자가 깨져도 멈추지 않음"),
}
SECURITY = {
    "bad_symbols": Fault("종목 파일에 `'; DROP TABLE …`", "종목코드가 아닙니다", "2", _KEY),
    "bad_tls": Fault("믿을 수 없는 TLS 인증서", "TLS 인증서를 믿을 수 없어 키를 보내지 않았습니다", "2", _KEY),
}
GROUPS = {"KIS": KIS, "데이터베이스": STORE, "이 컴퓨터": HOST, "보안": SECURITY}


class Proof(NamedTuple):
    """A fault that a test of its own proves, at its lowest level: `test` is a file below tests/ and its function."""

    what: str
    shown: str
    code: str
    then: str
    test: str


_NAMED = "메시지에 있는 SQL을 실행하고 다시 실행"
MACHINES = [
    Proof('KIS가 모르는 토큰 (EGW00122, 점검 뒤; "token"이라 말하는 모르는 코드도)', "토큰을 갱신합니다", "0",
          "한 번만 새로 발급받아 계속", "kis/test_client.py::test_that_kis_no_longer_knows_is_renewed"),
    Proof("앱 키에 권한이 없음·IP가 등록되지 않음 (EGW00206·207·004·303)", "KIS Developers(…", "2",
          "한 번만 묻고 멈춤", "kis/test_client.py::test_by_code_at_once_without_a_second_try"),
    Proof("키 여럿 가운데 하나를 KIS가 거절하거나 막음", "⚠️ 키 …: … 다른 키로 계속합니다", "0",
          "나머지 키로 계속, 30초~10분마다 다시 써 봄",
          "kis/test_key_ring.py::test_a_refused_key_leaves_with_a_line_and_comes_back"),
    Proof("2,700종목 장중에 키 하나가 막히고 하나의 토큰이 취소됨", "⚠️ 키 …: … 다른 키로 계속합니다", "0",
          "빠지는 캔들 없이 계속",
          "test_whole_market.py::test_four_keys_keep_2700_symbols_while_one_is_blocked_and_one_loses_its_token"),
    Proof("KIS가 요청 자체를 거절 (OPSQ2002)", "KIS가 오류로 답했습니다", "1", "그 종목일만 실패",
          "kis/test_client.py::test_by_code_at_once_without_a_second_try"),
    Proof("ETN 코드 (`Q` + 숫자 6자리)", "", "0", "다른 종목과 같음",
          "config/test_symbols_file.py::test_zeros_are_put_back_on_the_command_line_and_said"),
    Proof("스스로 바뀌는 키의 열 (`TIMESTAMP … ON UPDATE`)", "서버가 스스로 채우거나 바꿉니다", "2", _NAMED,
          "storage/test_migrate.py::test_a_table_that_cannot_hold_the_truth_is_refused_by_name"),
    Proof("문자 정렬이 다른 데이터베이스, 다른 상태 테이블", "두 테이블의 JOIN이 실패할 수 있습니다", "0",
          "새 테이블은 가격 테이블의 정렬을 따름, 옛 것은 ALTER를 보임",
          "storage/test_note_migration.py::test_an_older_table_in_another_collation_is_named_with_the_sql_that_mends_it"),
    Proof("AUTO_INCREMENT가 없는 `id`", "ALTER TABLE stock_minute_prices MODIFY id …", "2", _NAMED,
          "storage/test_migrate.py::test_the_remedy_that_is_named_heals"),
    Proof("`binlog_format=STATEMENT` 인 서버", "", "0", "그대로 저장",
          "storage/test_migrate.py::test_a_server_that_logs_statements_takes_a_day"),
    Proof("소문자 ENUM, 너무 좁은 열", "우리 값을 담을 수 없습니다", "2", _NAMED,
          "storage/test_migrate.py::test_a_table_that_cannot_hold_the_truth_is_refused_by_name"),
    Proof("꺼진 고유 키 (IGNORED, INVISIBLE)", "서버가 쓰지 않습니다", "2", _NAMED,
          "storage/test_migrate.py::test_a_key_that_queries_may_not_use_is_refused_with_the_sql_that_turns_it_on"),
    Proof("파티션이 없는 날짜 (1526)", "테이블에 이 날짜의 파티션이 없습니다", "1", _NAMED,
          "storage/test_migrate.py::test_a_month_without_its_partition_is_one_line"),
    Proof("TLS 없는 서버의 caching_sha2_password (2061)", "계정은 TLS로만 비밀번호를 보낼 수 있는데", "2",
          "서버의 TLS를 켜거나 인증 방식을 바꿈",
          "storage/test_connection.py::test_a_password_that_may_travel_encrypted_only"),
    Proof("로그인 거절 (틀린 비밀번호, 익명 사용자)", "계정의 로그인을 거부했습니다", "2", _KEY,
          "storage/test_connection.py::test_a_wrong_password_or_user"),
    Proof("모자란 권한 (SELECT·INSERT·UPDATE·DELETE·CREATE·ALTER·INDEX의 모든 조합)",
          "계정에 필요한 권한이 없습니다", "2", "--doctor 와 다음 명령이 같은 GRANT를 보임",
          "storage/test_migrate.py::test_doctor_and_the_next_command_agree_for_every_set_of_rights"),
    Proof("없는 인증서 묶음 (`REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`)",
          "가리키는 인증서 파일을 쓸 수 없습니다", "2", _KEY,
          "kis/test_transport.py::test_certificates_that_cannot_be_used_name_the_variable"),
    Proof("잘못 적은 프록시", "의 프록시 주소를 쓸 수 없습니다", "2", _KEY,
          "kis/test_transport.py::test_a_malformed_proxy_is_a_setting_to_mend"),
    Proof("PySocks 없는 SOCKS 프록시", "pip install PySocks", "2", _KEY,
          "kis/test_transport.py::test_a_socks_proxy_without_its_package_says_what_to_install"),
    Proof("죽은 프록시", "의 프록시를 확인하세요", "1", "변수를 고치거나 `NO_PROXY=.koreainvestment.com`",
          "kis/test_transport.py::test_a_dead_proxy_is_named_where_the_run_ends"),
    Proof("시뮬레이터를 장중으로 (`CLOCK_AT`), 진짜 KIS에는 거절", "CLOCK_AT 값이 잘못되었습니다", "2", _KEY,
          "kis_simulator/test_clock_at.py::test_a_made_up_time_is_refused_for_any_other_kis"),
    Proof("시계가 몇 시간 틀림", "KIS보다 약 12시간 6분 빠릅니다", "0", "시간 동기화(NTP)를 켬",
          "kis/test_clock_skew.py::test_a_wrong_clock_is_reported_in_hours_and_minutes"),
    Proof("아무것도 묻지 않은 라운드", "ℹ️ … 묻지 않음", "0", "다음 라운드",
          "live/test_round.py::test_a_round_that_requested_nothing_is_no_success"),
    Proof("다른 프로그램과 함께 읽는 토큰 파일 (0640)", "", "0", "갱신해도 권한을 그대로 둠",
          "kis/test_token.py::test_a_file_keeps_its_mode_where_it_is_no_wider_than_0640"),
    Proof("Excel이 열어 둔 내보내기 파일 (Windows)", "다른 프로그램…", "1", "닫고 다시 실행",
          "export/test_export.py::test_a_target_that_another_program_holds_open_is_one_line"),
]  # fmt: skip
FAULTS: dict[str, Fault] = {key: fault for group in GROUPS.values() for key, fault in group.items()}


def markdown() -> str:
    """The table for the README."""
    lines = ["| | 고장 | 보이는 것 | 종료 코드 | 그다음 | 잃는 것 |", "|---|---|---|---|---|---|"]
    for name, group in GROUPS.items():
        for number, fault in enumerate(group.values()):
            says = f"`{_code(fault.says)}`" if fault.says else "(없음)"
            cells = [
                f"**{name}**" if not number else "",
                fault.what.replace("|", "\\|"),
                says,
                fault.code,
                fault.then,
                fault.lost,
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def machines() -> str:
    """The table of what machines have; each row names its test."""
    lines = ["| 고장 | 보이는 것 | 종료 코드 | 그다음 | 시험 (`tests/`) |", "|---|---|---|---|---|"]
    for one in MACHINES:
        shown = f"`{one.shown}`" if one.shown else "(없음)"
        lines.append(f"| {one.what} | {shown} | {one.code} | {one.then} | `{one.test}` |")
    return "\n".join(lines)


def _code(says: str) -> str:
    return says.replace("000660 2026-11-18 실패: ", "").replace("|", "\\|").strip()


if __name__ == "__main__":
    print(markdown())
