"""Korean advice for what KIS or the way to KIS refuses. Nothing reads it back."""

from collections.abc import Mapping

from minute_candles.core.korean import particle
from minute_candles.kis.codes import Action

TOKEN_REFUSED = "KIS가 내준 토큰을 KIS가 거절합니다. 잠시 뒤 다시 실행하세요. 계속되면 앱 키 상태를 확인하세요."
TOKEN_WITHHELD = "KIS가 몇 분째 토큰을 내주지 않습니다 (EGW00133). 같은 키를 쓰는 다른 프로그램을 확인하세요."
_PORTAL = "KIS Developers(https://apiportal.koreainvestment.com)"
_TEXTS: Mapping[Action, str] = {
    Action.RENEW: "토큰이 만료되었거나 유효하지 않습니다 ({code}).",
    Action.SLOW_DOWN: "KIS의 초당 호출 한도를 넘었습니다 (EGW00201).",
    Action.WAIT_FOR_TOKEN: "토큰은 1분에 한 번만 발급됩니다 ({code}).",
    Action.STOP_KEY: (
        "KIS가 앱 키를 거절했습니다 ({code}). .env의 KIS_APP_KEY·KIS_APP_SECRET에 빈칸이나 빠진 글자가 없는지, "
        "KIS_ENV({env})와 같은 환경의 키인지 확인하세요."
    ),
    Action.STOP_HOST: (
        "키와 서버의 환경이 다릅니다 ({code}). 모의투자 키는 KIS_ENV=vts, 실전 키는 real 입니다 (지금: {env})."
    ),
    Action.STOP_PERMISSION: (
        f"이 앱 키에는 시세 API를 쓸 권한이 없습니다 ({{code}}). "
        f"{_PORTAL}에서 Open API 서비스 신청과 앱 키의 상태를 확인하세요."
    ),
    Action.STOP_ADDRESS: (
        f"이 컴퓨터의 IP 주소가 앱 키에 등록되어 있지 않습니다 ({{code}}). "
        f"{_PORTAL}의 앱 키 설정에 이 컴퓨터의 공인 IP를 등록하세요."
    ),
    Action.NOT_OFFERED: "이 조회는 모의투자(VTS)에서 제공되지 않습니다 ({code}).",
    Action.THIS_SYMBOL: "KIS가 이 요청을 거절합니다 ({code}).",
}
_UNTRUSTED = (
    "KIS 서버의 TLS 인증서를 믿을 수 없어 키를 보내지 않았습니다. KIS_BASE_URL과 이 컴퓨터의 시계를 확인하세요. "
    "회사 프록시를 쓴다면 그 인증서를 REQUESTS_CA_BUNDLE 환경변수로 알려 주세요."
)


def refusal_text(action: Action, code: str, env: str) -> str:
    """Return what KIS refuses, and what to do."""
    return _TEXTS[action].format(code=code, env=env)


def untrusted_text() -> str:
    """Return that the server's certificate cannot be verified."""
    return _UNTRUSTED


def bundle_text(variable: str, path: str) -> str:
    """Return that the file of certificates that the variable names cannot be used."""
    named = particle(variable, "이/가")
    return f"환경변수 {named} 가리키는 인증서 파일을 쓸 수 없습니다: {path}. 고치거나 지우세요 (unset {variable})."


def proxy_text(variable: str) -> str:
    """Return that the variable names no usable proxy; the address may hold a password."""
    return (
        f"환경변수 {variable} 의 프록시 주소를 쓸 수 없습니다. http://호스트:포트 형태로 고치거나 지우세요. "
        "KIS만 프록시 없이 부르려면 NO_PROXY=.koreainvestment.com"
    )


def socks_text(variable: str) -> str:
    """Return that the proxy is a SOCKS one and its package is missing."""
    return (
        f"환경변수 {variable} 의 SOCKS 프록시에는 패키지가 하나 더 필요합니다: pip install PySocks. "
        "KIS만 프록시 없이 부르려면 NO_PROXY=.koreainvestment.com"
    )


def unreachable_text(kind: str) -> str:
    """Return that no answer came."""
    return f"KIS 서버에 연결할 수 없습니다 ({kind})."


def advice_text(base_url: str, proxy_variable: str) -> str:
    """Return what to check where KIS cannot be reached."""
    if proxy_variable:
        return f"환경변수 {proxy_variable} 의 프록시를 확인하세요. 프록시 없이 부르려면 NO_PROXY=.koreainvestment.com"
    return f"인터넷과 KIS_BASE_URL({base_url})을 확인하세요."
