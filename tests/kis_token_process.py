"""A process that wants the token: URL FOLDER; prints a hash of it (never the token itself)."""

import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from kis_testing import settings_for

from base.clock import Clock
from kis_token import TokenCache

if __name__ == "__main__":
    token = TokenCache(settings_for(sys.argv[1], Path(sys.argv[2])), Clock()).get()
    print(hashlib.sha256(token.encode()).hexdigest())
