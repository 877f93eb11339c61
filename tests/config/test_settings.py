"""Settings: where they are found, what is accepted, and that no mistake ever shows a secret."""

import re
from datetime import date
from pathlib import Path

import pytest
from places import ROOT

from minute_candles.config import settings
from minute_candles.config.settings import KEYS, Database
from minute_candles.core.errors import ConfigError

SECRET = "S3cr3t-VALUE-4711"
KEY = {"KIS_APP_KEY": "PSabcdef", "KIS_APP_SECRET": "c2VjcmV0/+=="}
ENOUGH = {**KEY, "DB_PASSWORD": "pw"}


@pytest.fixture
def here(tmp_path):
    """The folder of the scripts, deep enough that ../../BE stays inside the test's own folder."""
    (folder := tmp_path / "project" / "collector").mkdir(parents=True)
    return folder


def load(here: Path, **environ: str) -> settings.Settings:
    return settings.load({**ENOUGH, **environ}, here)


def refused(here: Path, environ: dict[str, str], *names: object) -> None:
    """Refused in one Korean line that names these and shows no secret."""
    with pytest.raises(ConfigError) as caught:
        settings.load(environ, here)
    message = str(caught.value)
    assert (
        "\n" not in message
        and caught.value.__cause__ is None
        and re.search("[가-힣]", message)
        and SECRET not in message
    )
    assert not [name for name in names if str(name) not in message], message


def test_the_defaults_need_only_key_secret_and_password_and_what_is_set_is_taken(here):
    found = load(here)
    assert (found.env, found.base_url, found.rate_limit) == ("real", "https://openapi.koreainvestment.com:9443", 15)
    assert found.database == Database("mysql", "localhost", 3306, "hanazoom_user", "pw", "hanazoom")
    assert (found.log_dir, found.token_file) == (here, here / "kis_rest_token.json")
    assert (dict(found.every), found.active, found.csat_days) == ({1: 1, 5: 5, 15: 15}, 30, frozenset())
    assert found.warnings == found.integrations.redis_recent == ()
    demo = load(here, KIS_ENV=" Vts ")
    assert (demo.env, demo.rate_limit, demo.base_url) == ("vts", 0.9, "https://openapivts.koreainvestment.com:29443")
    found = load(here, REDIS_RECENT="005930, Q500001", EVERY_15MIN="900", ACTIVE_SYMBOLS="0", CSAT_DATES="2027-11-18, ")
    assert found.integrations.redis_recent == ("005930", "Q500001") and found.csat_days == {date(2027, 11, 18)}
    assert (dict(found.every), found.active) == ({1: 1, 5: 5, 15: 900}, 0)


def test_the_environment_wins_over_every_file_and_files_in_their_order(here):
    (backend := here.parent.parent / "BE").mkdir()
    lines = [f"{key}=be" for key in ("KIS_APP_KEY", "KIS_APP_SECRET", "DB_PASSWORD", "DB_NAME")]
    (backend / ".env").write_text("\n".join(lines), encoding="utf-8")
    (here / ".env").write_text("KIS_ENV_FILE=x\nKIS_APP_KEY=own\nDB_PASSWORD=own\nKIS_ENV=vts\n", encoding="utf-8")
    (here / "named.env").write_text("KIS_APP_KEY=named\nKIS_APP_SECRET=named\n", encoding="utf-8")
    found = settings.load({"KIS_ENV_FILE": "named.env", "KIS_APP_KEY": "environment", "KIS_ENV": "  "}, here)
    assert (found.app_key, found.app_secret, found.env) == ("environment", "named", "vts")
    assert (found.database.password, found.database.name) == ("own", "be")
    assert found.token_file == backend / "kis_rest_token.json"


def test_blanks_around_a_value_are_dropped_but_never_those_of_the_password_which_may_be_empty(here):
    (here / ".env").write_text("DB_PASSWORD=other\n", encoding="utf-8")
    found = load(here, KIS_APP_KEY=" PSabc ", DB_NAME=" candles ", DB_PASSWORD=" p w ")
    assert (found.app_key, found.database.name, found.database.password) == ("PSabc", "candles", " p w ")
    assert load(here, DB_PASSWORD="").database.password == "" and "" not in load(here, DB_PASSWORD="").secrets()
    assert settings.load(KEY, here).database.password == "other"


@pytest.mark.parametrize(("content", "name", "password"), [
    ("\ufeffDB_NAME=candles\r\nDB_PASSWORD=pw\r\n", "candles", "pw"),  # Notepad's mark and line ends
    ("# 설명\nexport DB_NAME='my db' # 뒤의 설명\nDB_PASSWORD='pa$$w${HOME}#rd'\n", "my db", "pa$$w${HOME}#rd"),
    ("spring: 'x\nDB_NAME=candles\nDB_PASSWORD=pw\n", "candles", "pw"),  # a line of others that cannot be read
])  # fmt: skip
def test_what_a_file_may_hold(here, content, name, password):
    (here / ".env").write_text(content, encoding="utf-8", newline="")
    database = settings.load(KEY, here).database
    assert (database.name, database.password) == (name, password)


def test_a_file_or_a_line_of_ours_that_cannot_be_read_is_named_not_shown(here, monkeypatch):
    for content, place in (
        (f'# a\n\nKIS_APP_SECRET="{SECRET}\n'.encode(), "3번째"), (f"A={SECRET}\n".encode("utf-16-le"), "UTF-8"),
        (f"DB_PASSWORD='{SECRET}\nDB_NAME=x\nDB_HOST='y'\n".encode(), "1번째"),
        (f'DB_PASSWORD="{SECRET}\\nmore"\n'.encode(), "1번째"), (f"DB_NAME=한글 {SECRET}".encode("cp949"), "UTF-8"),
    ):  # fmt: skip
        (here / ".env").write_bytes(content)
        refused(here, KEY, place, here / ".env")
    refused(here, {**ENOUGH, "KIS_ENV_FILE": "nowhere.env"}, "KIS_ENV_FILE", here / "nowhere.env")
    refused(here, {**ENOUGH, "KIS_ENV_FILE": "."}, here)
    (here / ".env").write_text("A=1\n")
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "denied")))
    refused(here, ENOUGH, here / ".env", "권한")


def test_missing_settings_are_named_together_with_the_way_out(here):
    required = ("KIS_APP_KEY", "KIS_APP_SECRET", "DB_PASSWORD")
    refused(here, {}, *required, "cp .env.example .env", here / ".env", "--demo")
    refused(here, KEY, "DB_PASSWORD=")
    (here / ".env").write_text(text := (ROOT / ".env.example").read_text(encoding="utf-8"), encoding="utf-8")
    refused(here, {}, ", ".join(required))
    for name in required:
        text = re.sub(rf"^(# )?{name}=$", f"{name}=filled", text, flags=re.MULTILINE)
    (here / ".env").write_text(text, encoding="utf-8")
    assert settings.load({}, here).secrets() == ("filled", "filled", "filled"), "the example is valid"


def test_another_base_url_and_a_rate_above_the_official_limit_which_is_a_warning(here):
    for url in ("https://proxy.example.com:8443/kis/", "http://127.8.8.8/", "http://localhost:1", "http://[::1]:9443"):
        found = load(here, KIS_BASE_URL=url)
        assert found.base_url == url.rstrip("/")
        assert found.integrations.ws_url == "", "quotes of another host are never mixed with KIS's own trades"
    for env, rate, warnings in (("real", ".5", 0), ("real", "1e1", 0), ("real", "18.5", 1), ("vts", "1.01", 1)):
        found = load(here, KIS_ENV=env, KIS_RATE_LIMIT=rate)
        assert found.rate_limit == float(rate) and len(found.warnings) == warnings
        assert all("KIS_RATE_LIMIT" in warning for warning in found.warnings)


REFUSED = {
    "KIS_RATE_LIMIT": "0|-1|nan|inf|1_0|１５|1,5|0x10|1e999|1e-999|15회|.",
    "KIS_BASE_URL": "http://openapi.koreainvestment.com:9443|http://127.0.0.1.evil.com|https://a.com:99999|https://|"
                    f"https://user:{SECRET}@a.com|https://a.com/?key={SECRET}|https://:80|https://a b.com|ftp://a.com|"
                    "openapi.koreainvestment.com|https://[::1|http://localhost\\@evil.com|https://한글.com/\u3000x",
    "DB_PORT": "0|65536|-1|3306a|３３０６|3_306", "DB_HOST": "db:3306|/var/run/mysqld.sock|h h|u@h",
    "KIS_TOKEN_FILE": "folder", "EVERY_1MIN": f"0|61|{'9' * 5000}", "EVERY_5MIN": "301|1.5|５", "EVERY_15MIN": "901",
    "ACTIVE_SYMBOLS": "-1|many", "CSAT_DATES": "20271118|2027-13-01|2027-W46-4|soon|2027-11-18 2028-11-16",
    "DB_URL": f"mysql://u:{SECRET}@h:3306/n?ssl=1|mysql://u:{SECRET}@h:3306/|mysql://:{SECRET}@h/n|mysql://{SECRET}|"
              f"mysql://u:{SECRET}@/n|mysql://u:{SECRET}@h:port/n|mysql:/u:{SECRET}@h/n|mysql://u:{SECRET}@h/n/m|"
              f"mysql://u:{SECRET}@h h/n|mysql://u:{SECRET}@[::1/n|postgres://u:{SECRET}@h/n|u:{SECRET}@h/n|sqlite:///|"
              f"sqlite:///folder|sqlite://{SECRET}|sqlite:///:memory:|sqlite:///c.db?key={SECRET}|sqlite:{SECRET}",
    **dict.fromkeys(("KIS_APP_KEY", "KIS_APP_SECRET", "KIS_ACCOUNT_CODE", "KIS_PRODUCT_CODE"),
                    "|".join(f"{SECRET}{blemish}{SECRET}" for blemish in " \u3000\u200b가\x07\t")),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_value_that_is_wrong_or_unsafe_is_refused_by_its_name(here, name):
    (here / "folder").mkdir()
    for text in REFUSED[name].split("|"):
        refused(here, {**ENOUGH, name: text}, name)


FREE = {"DB_PASSWORD", "LOG_DIR", "KIS_TOKEN_FILE", "ALERT_URLS", "CHART_PASSWORD"}


@pytest.mark.parametrize("name", sorted({key.name for key in KEYS} - FREE))
def test_a_secret_pasted_into_the_wrong_key_is_never_shown(here, name):
    refused(here, {**ENOUGH, name: f"{SECRET} \x00/?"}, name)


def test_paths_are_relative_to_the_scripts_and_a_tilde_is_home(here, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    found = load(here, KIS_TOKEN_FILE="~/token.json", LOG_DIR="../logs", DB_URL="sqlite:///data/c.db")
    assert (found.token_file, found.log_dir) == (tmp_path / "token.json", here.parent / "logs")
    assert found.database.path == here / "data" / "c.db"
    assert load(here, DB_URL=f"sqlite:///{tmp_path}/c.db").database.path == tmp_path / "c.db"


@pytest.mark.parametrize(("text", "expected"), [
    ("MySQL://root@h/n", ("h", 3306, "root", "")), ("mariadb://u:@127.0.0.1:3307/n", ("127.0.0.1", 3307, "u", "")),
    ("mysql://u:p@[::1]:3307/n", ("::1", 3307, "u", "p")), ("mysql://u:비밀@h/n", ("h", 3306, "u", "비밀")),
    ("mysql://us%40er:p%40ss%2Fw%3A@h/n", ("h", 3306, "us@er", "p@ss/w:")),
    ("mysql://u:p@s:s/w?#x@h/n", ("h", 3306, "u", "p@s:s/w?#x")), ("mysql://u:100%@h/n", ("h", 3306, "u", "100%")),
    ("mysql://u:a%FFb@h/n", ("h", 3306, "u", "a%FFb")),
])  # fmt: skip
def test_a_mysql_url(here, text, expected):
    assert load(here, DB_URL=text, DB_HOST="other").database == Database("mysql", *expected, "n")


def test_settings_print_no_secret(here):
    found = load(here, KIS_APP_KEY="K" + SECRET, KIS_APP_SECRET="S" + SECRET, DB_PASSWORD="P" + SECRET,
                 KIS_ACCOUNT_CODE="A" + SECRET, KIS_PRODUCT_CODE="X" + SECRET)  # fmt: skip
    assert SECRET not in repr(found) and SECRET not in str(found)
    assert set(found.secrets()) == {"K" + SECRET, "S" + SECRET, "P" + SECRET, "A" + SECRET}
    database = load(here, DB_URL=f"mysql://u:{SECRET}@[::1]:3307/n").database
    assert database.describe() == "mysql://u@[::1]:3307/n" and SECRET not in repr(database)


def test_the_demo_reads_no_file_of_the_user_and_writes_in_its_folder(here, monkeypatch):
    (here / ".env").mkdir()  # would be refused
    monkeypatch.setenv("KIS_APP_KEY", SECRET)
    found = settings.demo_settings("http://127.0.0.1:9/", here)
    assert found.base_url == "http://127.0.0.1:9" and found.app_key != SECRET
    assert found.database.kind == "sqlite" and found.database.path is not None
    assert {found.database.path.parent, found.token_file.parent, found.log_dir} == {here}
