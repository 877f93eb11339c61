"""`KIS_KEYS_FILE`: several keys, each with its own files, and no value in any message."""

import os
from pathlib import Path

import pytest

from minute_candles.config.settings import load
from minute_candles.core.errors import ConfigError

BASE = {
    "KIS_APP_KEY": "a" * 36,
    "KIS_APP_SECRET": "b" * 180,
    "DB_URL": "sqlite:///x.db",
    "KIS_KEYS_FILE": "kis_keys.toml",
}
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


def write(folder: Path, text: str) -> Path:
    file = folder / "kis_keys.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file


def test_each_key_has_its_own_token_environment_and_rate(tmp_path: Path) -> None:
    write(tmp_path, TWO)
    found = load(BASE, tmp_path)
    assert [key.key_name for key in found.kis_keys] == [".env", "둘째", "모의"]
    assert [key.rate_limit for key in found.kis_keys] == [15, 15, 0.5] and found.rate_limit == 30.5
    assert [key.env for key in found.kis_keys] == ["real", "real", "vts"]
    assert len({key.token_file for key in found.kis_keys}) == 3 and found.token_file == found.kis_keys[0].token_file
    assert "vts" in found.kis_keys[2].base_url and found.kis_keys[2].integrations.ws_url.endswith(":31000")
    assert found.integrations.stream_symbols == 120 and found.warnings == ()
    assert {"SECOND-KEY", "SECOND-SECRET", "VTS-KEY", "VTS-SECRET", "a" * 36, "b" * 180} <= set(found.secrets())
    assert "SECOND" not in repr(found)


def test_the_key_of_env_is_one_of_them(tmp_path: Path) -> None:
    write(tmp_path, TWO.replace("SECOND-KEY", "a" * 36))
    found = load(BASE, tmp_path)
    assert [key.key_name for key in found.kis_keys] == ["둘째", "모의"]
    assert found.kis_keys[0].token_file.name == "kis_rest_token.json"


def test_the_file_alone_is_enough(tmp_path: Path) -> None:
    write(tmp_path, TWO)
    alone = {name: value for name, value in BASE.items() if not name.startswith("KIS_APP")}
    assert load(alone, tmp_path).app_key == "SECOND-KEY"


def test_without_a_file_there_is_one_key(tmp_path: Path) -> None:
    found = load(BASE | {"KIS_KEYS_FILE": ""}, tmp_path)
    assert found.kis_keys == (found,) and found.integrations.stream_symbols == 40


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_file_that_others_may_read_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path, TWO).chmod(0o644)
    assert "chmod 600" in load(BASE, tmp_path).warnings[0]


@pytest.mark.parametrize(
    "text",
    [
        "", "[[key]", "[" * 3000, "key = 1", "[key]\nname='x'", "other = 1\n" + TWO, TWO + "colour = 'SECRET'",
        TWO.replace('app_key = "VTS-KEY"', ""), TWO.replace('"VTS-SECRET"', "7"),
        TWO.replace('"VTS-SECRET"', '"SEC RET"'),
        TWO.replace('"vts"', '"SECRET"'), TWO.replace("0.5", "0"),
        TWO.replace("0.5", "true"), TWO.replace("0.5", "nan"),
        TWO.replace('"모의"', '"둘째"'), TWO.replace("VTS-KEY", "SECOND-KEY"), TWO.replace('"모의"', '"\\u001b[31m"'),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_the_file_and_no_value(tmp_path: Path, text: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(BASE, tmp_path)
    message = str(caught.value)
    assert str(file) in message and "\n" not in message and message.isprintable()
    assert not any(value in message for value in ("SECRET", "SEC RET", "VTS-KEY", "SECOND-KEY"))


def test_a_file_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="KIS_KEYS_FILE"):
        load(BASE, tmp_path)


@pytest.mark.parametrize(("symbols", "is_right"), [("120", True), ("121", False), ("0", True)])
def test_forty_symbols_a_key_are_streamed(tmp_path: Path, symbols: str, is_right: bool) -> None:  # noqa: FBT001
    write(tmp_path, TWO)
    if is_right:
        assert load(BASE | {"STREAM_SYMBOLS": symbols}, tmp_path).integrations.stream_symbols == int(symbols)
    else:
        with pytest.raises(ConfigError, match="STREAM_SYMBOLS"):
            load(BASE | {"STREAM_SYMBOLS": symbols}, tmp_path)
