"""Several keys of a real user: the commands name each, use each, and print no secret of any."""

from pathlib import Path

import pytest
from backfill_tools import User, simulator

KEYS = {f"KEY-{name}-0123456789abcdef": f"SECRET-{name}/0123456789+abcdef=" for name in ("one", "two")}
RATES = {"one": 3000, "two": 2000}


@pytest.mark.slow
def test_backfill_and_doctor_by_key_and_a_refused_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "kis_keys.toml"
    file.write_text("".join(
        f"[[key]]\nname = '{name}'\napp_key = '{key}'\napp_secret = '{secret}'\nrate_limit = {rate}\n"
        for (key, secret), (name, rate) in zip(KEYS.items(), RATES.items(), strict=True)
    ))  # fmt: skip
    file.chmod(0o600)
    with simulator(keys=dict(KEYS)) as kis:
        user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/x.db")
        user.settings |= {"KIS_KEYS_FILE": str(file), "KIS_APP_KEY": "-", "KIS_APP_SECRET": "-", "KIS_RATE_LIMIT": "-"}
        flags = ("--symbols", "005930,000660,373220", "--days", "7")
        runs = [user.run(*flags, "--dry-run"), user.run(*flags, "--verbose"), user.run("--doctor")]
        assert [ran.code for ran in runs[:2]] == [0, 0] and "키 2개(3000 + 2000)로 초당 5000회" in runs[0].out
        assert {request.key for request in kis.requests} == set(KEYS) and kis.tokens.issued == 2
        assert "✅ 키 one: 오늘 분봉을 받았습니다 (real, 초당 3000회)" in runs[2].out and "✅ 키 two" in runs[2].out
        del kis.keys[next(iter(KEYS))]
        runs += [user.run(*flags, "--force"), user.run("--doctor")]
        assert runs[3].code == 0 and "⚠️ 키 one: KIS가 앱 키를 거절했습니다" in runs[3].err
        assert runs[4].code == 1 and "❌ 키 one: KIS가 앱 키를 거절했습니다" in runs[4].out
    texts = [(user.logs / "minute_data_collection.log").read_text(encoding="utf-8"), *(ran.all for ran in runs)]
    assert not [text for text in texts if any(secret in text for pair in KEYS.items() for secret in pair)]
