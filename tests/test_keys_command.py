"""Several keys of a real user: the commands name each, use each, and print no secret of any."""

from pathlib import Path

import pytest
from backfill_tools import User, simulator

KEYS = {f"KEY-{name}-0123456789abcdef": f"SECRET-{name}/0123456789+abcdef=" for name in ("one", "two")}


@pytest.fixture
def user(tmp_path: Path):
    with simulator(keys=dict(KEYS)) as kis:
        tables = [
            f"[[key]]\nname = '{name}'\napp_key = '{key}'\napp_secret = '{secret}'\nrate_limit = {rate}\n"
            for (key, secret), name, rate in zip(KEYS.items(), ("one", "two"), (3000, 2000), strict=True)
        ]
        (tmp_path / "kis_keys.toml").write_text("\n".join(tables), encoding="utf-8")
        (tmp_path / "kis_keys.toml").chmod(0o600)
        user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/x.db")
        user.settings |= {
            "KIS_KEYS_FILE": str(tmp_path / "kis_keys.toml"), "KIS_APP_KEY": "-", "KIS_APP_SECRET": "-",
            "KIS_RATE_LIMIT": "-",
        }  # fmt: skip
        yield user, kis


FLAGS = ("--symbols", "005930,000660,373220", "--days", "7")


def test_dry_run_backfill_and_doctor_by_key(user) -> None:
    user, kis = user
    planned = user.run(*FLAGS, "--dry-run")
    assert planned.code == 0 and "키 2개(3000 + 2000)로 초당 5000회" in planned.out
    ran = user.run(*FLAGS, "--verbose")
    assert ran.code == 0
    assert {request.key for request in kis.requests} == set(KEYS) and kis.tokens.issued == 2
    checked = user.run("--doctor")
    assert "✅ 키 one: 오늘 분봉을 받았습니다 (real, 초당 3000회)" in checked.out and "✅ 키 two" in checked.out
    log = (user.logs / "minute_data_collection.log").read_text(encoding="utf-8")
    for text in (planned.out, planned.err, ran.out, ran.err, checked.out, checked.err, log):
        assert not any(secret in text for pair in KEYS.items() for secret in pair)


def test_a_refused_key_is_named_and_the_other_does_its_work(user) -> None:
    user, kis = user
    del kis.keys[next(iter(KEYS))]
    ran = user.run(*FLAGS)
    assert ran.code == 0 and "⚠️ 키 one: KIS가 앱 키를 거절했습니다" in ran.err
    checked = user.run("--doctor")
    assert checked.code == 1 and "❌ 키 one: KIS가 앱 키를 거절했습니다" in checked.out
