"""`KIS_KEYS_FILE`: several keys, each with its own files, and no value in any message."""

import os

import pytest

from minute_candles.config.settings import load
from minute_candles.core.errors import ConfigError

SECRETS = {"KIS_APP_KEY": "a" * 36, "KIS_APP_SECRET": "b" * 180}
FILE = {"DB_URL": "sqlite:///x.db", "KIS_KEYS_FILE": "kis_keys.toml"}
TWO = """
[[key]]
name = "둘째"
app_key = "SECOND-KEY"
app_secret = "SECOND-SECRET"
[[key]]
name = "모의"
app_key = "VTS-KEY"
app_secret = "VTS-SECRET"
env = "vts"
rate_limit = 0.5
"""


def write(folder, text=TWO, mode=0o600):
    (file := folder / "kis_keys.toml").write_text(text, encoding="utf-8")
    file.chmod(mode)
    return str(file)


def test_each_key_has_its_own_token_environment_and_rate(tmp_path) -> None:
    write(tmp_path)
    found = load(SECRETS | FILE, tmp_path)
    keys = [(key.key_name, key.rate_limit, key.env) for key in found.kis_keys]
    assert keys == [(".env", 15, "real"), ("둘째", 15, "real"), ("모의", 0.5, "vts")]
    assert len({key.token_file for key in found.kis_keys}) == 3 and found.token_file == found.kis_keys[0].token_file
    assert "vts" in found.kis_keys[2].base_url and found.kis_keys[2].integrations.ws_url.endswith(":31000")
    assert (found.integrations.stream_symbols, found.rate_limit, found.warnings) == (120, 30.5, ())
    assert {"SECOND-KEY", "SECOND-SECRET", "VTS-KEY", "VTS-SECRET", *SECRETS.values()} <= set(found.secrets())
    assert "SECOND" not in repr(found)
    assert load(SECRETS | FILE | {"STREAM_SYMBOLS": "0"}, tmp_path).integrations.stream_symbols == 0
    with pytest.raises(ConfigError, match="STREAM_SYMBOLS"):
        load(SECRETS | FILE | {"STREAM_SYMBOLS": "121"}, tmp_path)


def test_the_key_of_env_is_one_of_them_and_the_file_alone_enough_or_none_at_all(tmp_path) -> None:
    with pytest.raises(ConfigError, match="KIS_KEYS_FILE"):
        load(SECRETS | FILE, tmp_path)
    write(tmp_path, TWO.replace("SECOND-KEY", "a" * 36))
    found = load(SECRETS | FILE, tmp_path)
    assert [key.key_name for key in found.kis_keys] == ["둘째", "모의"]
    assert found.kis_keys[0].token_file.name == "kis_rest_token.json"
    write(tmp_path)
    assert load(FILE, tmp_path).app_key == "SECOND-KEY"
    found = load(SECRETS | FILE | {"KIS_KEYS_FILE": ""}, tmp_path)
    assert found.kis_keys == (found,) and found.integrations.stream_symbols == 40


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_file_that_others_may_read_is_a_warning(tmp_path) -> None:
    write(tmp_path, mode=0o644)
    assert "chmod 600" in load(SECRETS | FILE, tmp_path).warnings[0]


@pytest.mark.parametrize("text", [
    "", "[[key]", "[" * 3000, "key = 1", "[key]\nname='x'", "other = 1\n" + TWO, TWO + "colour = 'SECRET'",
    TWO.replace('app_key = "VTS-KEY"', ""), TWO.replace('"VTS-SECRET"', "7"), TWO.replace('"VTS-SECRET"', '"SEC RET"'),
    TWO.replace('"vts"', '"SECRET"'), TWO.replace("0.5", "0"), TWO.replace("0.5", "true"), TWO.replace("0.5", "nan"),
    TWO.replace('"모의"', '"둘째"'), TWO.replace("VTS-KEY", "SECOND-KEY"), TWO.replace('"모의"', '"\\u001b[31m"'),
])  # fmt: skip
def test_a_mistake_is_one_line_that_names_the_file_and_no_value(tmp_path, text) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(SECRETS | FILE, tmp_path)
    message = str(caught.value)
    assert file in message and message.isprintable()
    assert not any(value in message for value in ("SECRET", "SEC RET", "VTS-KEY", "SECOND-KEY"))
