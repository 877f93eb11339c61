"""A process that wants the token: URL FOLDER [REDIS]; prints a hash of it (never the token itself)."""

import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from kis_testing import settings_for

from minute_candles.core.clock import Clock
from minute_candles.kis.token import TokenCache
from minute_candles.redis_feed.shared_state import Scripts

if __name__ == "__main__":
    shared = Scripts(sys.argv[3]) if len(sys.argv) > 3 else None
    token = TokenCache(settings_for(sys.argv[1], Path(sys.argv[2])), Clock(), shared).get()
    print(hashlib.sha256(token.encode()).hexdigest())
