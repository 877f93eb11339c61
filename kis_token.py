"""The 24-hour KIS access token: cached in a file that all processes of the key share, renewed an hour early.

    python kis_token.py          shows when the stored token expires, never the token itself

    from kis_token import TokenCache
    token = TokenCache(settings, clock).get()

The implementation is `minute_candles/kis/token.py`.
"""

import os
from pathlib import Path

from minute_candles.config import settings as user_settings
from minute_candles.console import command_line, console
from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError
from minute_candles.kis.token import TokenCache
from minute_candles.kis.token_file import Token

__all__ = ["Token", "TokenCache"]

_EXIT_CODES = "종료 코드: 0 쓸 수 있음 · 1 없거나 만료됨 · 2 설정 오류"


def main() -> int:
    """Print the state of the token file. Return 0: usable, 1: none or expired, 2: configuration error."""
    console.prepare_streams()
    about = "저장된 KIS 토큰의 만료시간을 보입니다 (토큰은 보이지 않습니다)."
    command_line.Parser("kis_token.py", about, _EXIT_CODES).parse_args()
    clock = Clock()
    try:
        settings = user_settings.load(os.environ, Path(__file__).resolve().parent)
        clock.start_at(settings.clock_at)
        token, line = TokenCache(settings, clock).state()
    except MinuteDataError as error:
        console.complain(str(error))
        return error.exit_code
    print(line)
    return 0 if token and token.expires_at > clock.now() else 1


if __name__ == "__main__":
    raise SystemExit(main())
