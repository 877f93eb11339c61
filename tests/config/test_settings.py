"""Settings: where they are found, what is accepted, and that no mistake ever shows a secret."""

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT

from minute_candles.config import settings
from minute_candles.config.settings import KEYS, Database
from minute_candles.core.errors import ConfigError

SECRET = "S3cr3t-VALUE-4711"
KEY = {"KIS_APP_KEY": "PSabcdef", "KIS_APP_SECRET": "c2VjcmV0/+=="}
ENOUGH = {**KEY, "DB_PASSWORD": "pw"}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The folder of the scripts, deep enough that ../../BE stays inside the test's own folder."""
    folder = tmp_path / "project" / "collector"
    folder.mkdir(parents=True)
    return folder


def load(here: Path, **environ: str) -> settings.Settings:
    return settings.load({**ENOUGH, **environ}, here)


def refused(here: Path, environ: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        settings.load(environ, here)
    message = str(caught.value)
    assert "\n" not in message and re.search("[가-힣]", message)
    return message


# Where a value comes from


def test_the_defaults_need_only_key_secret_and_password(here):
    found = load(here)
    assert found.env == "real"
    assert found.base_url == "https://openapi.koreainvestment.com:9443"
    assert found.rate_limit == 15
    assert found.database == Database("mysql", "localhost", 3306, "hanazoom_user", "pw", "hanazoom")
    assert found.log_dir == here
    assert found.token_file == here / "kis_rest_token.json"
    assert (dict(found.every), found.active, found.csat_days) == ({1: 1, 5: 5, 15: 15}, 30, frozenset())
    assert found.warnings == ()


def test_redis_recent_names_symbols(here):
    assert load(here).integrations.redis_recent == ()
    assert load(here, REDIS_RECENT="005930, Q500001").integrations.redis_recent == ("005930", "Q500001")


def test_the_environment_wins_over_every_file_and_files_in_their_order(here):
    backend = here.parent.parent / "BE"
    backend.mkdir()
    lines = [f"{key}=be" for key in ("KIS_APP_KEY", "KIS_APP_SECRET", "DB_PASSWORD", "DB_NAME")]
    (backend / ".env").write_text("\n".join(lines), encoding="utf-8")
    (here / ".env").write_text("KIS_APP_KEY=own\nKIS_APP_SECRET=own\nDB_PASSWORD=own\n", encoding="utf-8")
    (here / "named.env").write_text("KIS_APP_KEY=named\nKIS_APP_SECRET=named\n", encoding="utf-8")
    found = settings.load({"KIS_ENV_FILE": "named.env", "KIS_APP_KEY": "environment"}, here)
    assert (found.app_key, found.app_secret) == ("environment", "named")
    assert (found.database.password, found.database.name) == ("own", "be")


def test_an_empty_value_falls_through_to_the_next_place(here):
    (here / ".env").write_text("KIS_ENV=vts\n", encoding="utf-8")
    assert load(here, KIS_ENV="  ").env == "vts"


def test_an_empty_password_is_a_real_one(here):
    (here / ".env").write_text("DB_PASSWORD=other\n", encoding="utf-8")
    assert load(here, DB_PASSWORD="").database.password == ""
    assert settings.load(KEY, here).database.password == "other"


def test_blanks_around_a_value_are_dropped_but_never_those_of_the_password(here):
    found = load(here, KIS_APP_KEY=" PSabc ", DB_NAME=" candles ", DB_PASSWORD=" p w ")
    assert (found.app_key, found.database.name, found.database.password) == ("PSabc", "candles", " p w ")


def test_env_file_may_be_named_by_the_environment_only(here):
    (here / "other.env").write_text("DB_NAME=other\n", encoding="utf-8")
    (here / ".env").write_text("KIS_ENV_FILE=other.env\n", encoding="utf-8")
    assert load(here).database.name == "hanazoom"


@pytest.mark.parametrize(
    ("content", "name", "password"),
    [
        ("\ufeffDB_NAME=candles\r\nDB_PASSWORD=pw\r\n", "candles", "pw"),  # Notepad's mark and line ends
        ("# 설명\nexport DB_NAME='my db' # 뒤의 설명\nDB_PASSWORD='pa$$w${HOME}#rd'\n", "my db", "pa$$w${HOME}#rd"),
        ("spring: 'x\nDB_NAME=candles\nDB_PASSWORD=pw\n", "candles", "pw"),  # a line of others that cannot be read
    ],
)
def test_what_a_file_may_hold(here, content, name, password):
    (here / ".env").write_text(content, encoding="utf-8", newline="")
    database = settings.load(KEY, here).database
    assert (database.name, database.password) == (name, password)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (f'# a\n\nKIS_APP_SECRET="{SECRET}\n', "3번째"),
        (f"DB_PASSWORD='{SECRET}\nDB_NAME=x\nDB_HOST='y'\n", "1번째"),
        (f'DB_PASSWORD="{SECRET}\\nmore"\n', "1번째"),
    ],
)
def test_a_line_of_ours_that_cannot_be_read_is_named_not_shown(here, content, line):
    (here / ".env").write_text(content, encoding="utf-8")
    message = refused(here, KEY)
    assert line in message and str(here / ".env") in message and SECRET not in message


def test_a_named_file_that_is_none_is_refused_by_name(here):
    message = refused(here, {**ENOUGH, "KIS_ENV_FILE": "nowhere.env"})
    assert "KIS_ENV_FILE" in message and str(here / "nowhere.env") in message
    (here / ".env").mkdir()
    assert str(here / ".env") in refused(here, ENOUGH)


@pytest.mark.parametrize("content", [f"DB_NAME=한글 {SECRET}".encode("cp949"), f"A={SECRET}\n".encode("utf-16-le")])
def test_a_file_that_is_not_utf8_is_refused_by_name(here, content):
    (here / ".env").write_bytes(content)
    message = refused(here, ENOUGH)
    assert "UTF-8" in message and str(here / ".env") in message and SECRET not in message


@pytest.mark.skipif(os.name == "nt", reason="no permission bits")
def test_a_file_that_may_not_be_read_is_refused_by_name(here, monkeypatch):
    (here / ".env").write_text("A=1\n")
    (here / ".env").chmod(0)
    if os.access(here / ".env", os.R_OK):  # root reads everything: play the refusal
        monkeypatch.setattr(Path, "read_text", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "denied")))
    message = refused(here, ENOUGH)
    assert str(here / ".env") in message and "권한" in message


# What is missing


def test_missing_settings_are_named_together_with_the_way_out(here):
    message = refused(here, {})
    for word in ("KIS_APP_KEY", "KIS_APP_SECRET", "DB_PASSWORD", "cp .env.example .env", str(here / ".env"), "--demo"):
        assert word in message


def test_a_missing_password_says_how_to_write_an_empty_one_unless_a_url_has_it(here):
    message = refused(here, KEY)
    assert "DB_PASSWORD=" in message and "KIS_APP_KEY" not in message
    assert settings.load({**KEY, "DB_URL": "sqlite:///c.db"}, here).database.kind == "sqlite"


# KIS


@pytest.mark.parametrize("text", ["vts", "VTS", " Vts "])
def test_the_demo_environment_has_its_own_host_and_rate(here, text):
    found = load(here, KIS_ENV=text)
    assert (found.env, found.rate_limit) == ("vts", 0.9)
    assert found.base_url == "https://openapivts.koreainvestment.com:29443"


@pytest.mark.parametrize(
    ("text", "base_url"),
    [
        ("https://proxy.example.com:8443/kis/", "https://proxy.example.com:8443/kis"),
        ("http://127.0.0.1:9443", "http://127.0.0.1:9443"),
        ("http://127.8.8.8/", "http://127.8.8.8"),
        ("http://localhost:1", "http://localhost:1"),
        ("http://[::1]:9443", "http://[::1]:9443"),
    ],
)
def test_another_base_url(here, text, base_url):
    found = load(here, KIS_BASE_URL=text)
    assert found.base_url == base_url
    assert found.integrations.ws_url == "", "quotes of another host are never mixed with KIS's own trades"


@pytest.mark.parametrize(
    "text",
    [
        "http://openapi.koreainvestment.com:9443", "http://10.0.0.1", "http://localhost.evil.com", "http://127.0.0.1.evil.com",
        f"https://user:{SECRET}@proxy.example.com", f"https://proxy.example.com/?key={SECRET}", "https://", "https://:80",
        "https://a b.com", "https://a.com:x", "https://a.com:99999", "https://a.com:0", "https://a.com:", "ftp://a.com",
        "openapi.koreainvestment.com", "https://[::1", "http://localhost\\@evil.com", "https://한글.com/\u3000x",
    ],
)  # fmt: skip
def test_a_base_url_that_would_not_be_safe_or_does_not_work_is_refused(here, text):
    message = refused(here, {**ENOUGH, "KIS_BASE_URL": text})
    assert "KIS_BASE_URL" in message and SECRET not in message


@pytest.mark.parametrize(("text", "rate"), [("10", 10), ("0.5", 0.5), (".5", 0.5), ("18", 18), ("1e1", 10), ("5.", 5)])
def test_a_rate_is_any_positive_number(here, text, rate):
    found = load(here, KIS_RATE_LIMIT=text)
    assert (found.rate_limit, found.warnings) == (rate, ())


@pytest.mark.parametrize(("env", "text"), [("real", "18.5"), ("real", "1000"), ("vts", "1.01"), ("vts", "15")])
def test_a_rate_above_the_official_limit_is_taken_with_a_warning(here, env, text):
    found = load(here, KIS_ENV=env, KIS_RATE_LIMIT=text)
    assert found.rate_limit == float(text)
    assert len(found.warnings) == 1 and "KIS_RATE_LIMIT" in found.warnings[0]


REFUSED = {
    "KIS_RATE_LIMIT": "0|-1|nan|inf|1_0|１５|١٥|fast|1,5|0x10|1e999|1e-999|15회|1 5|.",
    "DB_PORT": "0|65536|-1|3306a|３３０６|3_306",
    "DB_HOST": "db:3306|/var/run/mysqld.sock|h h|u@h",
    "KIS_TOKEN_FILE": "folder",
    "DB_URL": "sqlite:///folder",
    "EVERY_1MIN": f"0|61|{'9' * 5000}",
    "EVERY_5MIN": "301|1.5|５",
    "EVERY_15MIN": "901",
    "ACTIVE_SYMBOLS": "-1|many",
    "CSAT_DATES": "20271118|2027-13-01|2027-W46-4|soon|2027-11-18 2028-11-16",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_value_out_of_its_range_is_refused_by_its_name(here, name):
    (here / "folder").mkdir()
    for text in REFUSED[name].split("|"):
        assert name in refused(here, {**ENOUGH, name: text}), text


# Token file and folders


def test_the_token_lies_in_the_backend_if_there_is_one(here):
    backend = here.parent.parent / "BE"
    backend.mkdir()
    assert load(here).token_file == backend / "kis_rest_token.json"


def test_paths_are_relative_to_the_scripts_and_a_tilde_is_home(here, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    found = load(here, KIS_TOKEN_FILE="~/token.json", LOG_DIR="../logs", DB_URL="sqlite:///data/c.db")
    assert found.token_file == tmp_path / "token.json"
    assert found.log_dir == here.parent / "logs"
    assert found.database.path == here / "data" / "c.db"


# Database


def url(text: str) -> dict[str, str]:
    return {**KEY, "DB_URL": text}


@pytest.mark.parametrize(
    ("text", "database"),
    [
        ("mysql://u:p@h:3307/n", Database("mysql", "h", 3307, "u", "p", "n")),
        ("MySQL://u:p@h/n", Database("mysql", "h", 3306, "u", "p", "n")),
        ("mariadb://u:p@127.0.0.1:3306/n", Database("mysql", "127.0.0.1", 3306, "u", "p", "n")),
        ("mysql://root@h:3397/n", Database("mysql", "h", 3397, "root", "", "n")),
        ("mysql://u:@h/n", Database("mysql", "h", 3306, "u", "", "n")),
        ("mysql://u:p@[::1]:3307/n", Database("mysql", "::1", 3307, "u", "p", "n")),
        ("mysql://us%40er:p%40ss%2Fw%3A@h/n", Database("mysql", "h", 3306, "us@er", "p@ss/w:", "n")),
        ("mysql://u:p@s:s/w?#x@h/n", Database("mysql", "h", 3306, "u", "p@s:s/w?#x", "n")),
        ("mysql://u:100%@h/n", Database("mysql", "h", 3306, "u", "100%", "n")),
        ("mysql://u:a%FFb@h/n", Database("mysql", "h", 3306, "u", "a%FFb", "n")),
        ("mysql://u:비밀@h/n", Database("mysql", "h", 3306, "u", "비밀", "n")),
    ],
)
def test_a_mysql_url(here, text, database):
    assert settings.load({**url(text), "DB_HOST": "other"}, here).database == database


@given(user=st.text(min_size=1), password=st.text())
def test_any_user_and_password_survive_the_url_percent_encoded(user, password):
    if not user.isprintable():
        return
    address = f"mysql://{quote(user, safe='')}:{quote(password, safe='')}@h/n"
    database = settings.load(url(address), Path("/nowhere/at/all")).database
    assert (database.user, database.password) == (user, password)


@given(password=st.text(st.characters(exclude_characters="%", exclude_categories=["Cs"])))
def test_any_password_without_percent_survives_the_url_as_it_stands(password):
    database = settings.load(url(f"mysql://u:{password}@h/n"), Path("/nowhere/at/all")).database
    assert database.password == password


@given(st.sampled_from([key.name for key in KEYS if key.name != "DB_PASSWORD"]), st.text(max_size=30), st.booleans())
def test_any_text_in_any_key_is_taken_or_refused_properly(name, text, prefix):
    start = {"DB_URL": "mysql://", "KIS_BASE_URL": "http://"}.get(name, "") if prefix else ""
    try:
        settings.load({**ENOUGH, name: start + text}, Path("/nowhere/at/all"))
    except ConfigError as error:
        assert "\n" not in str(error)


def test_sqlite_urls_are_relative_with_three_slashes_and_absolute_with_four(here, tmp_path):
    assert settings.load(url("sqlite:///c.db"), here).database.path == here / "c.db"
    assert settings.load(url(f"sqlite:///{tmp_path}/c.db"), here).database.path == tmp_path / "c.db"


@pytest.mark.parametrize(
    "text",
    [
        f"mysql://u:{SECRET}@h:3306/n?ssl=1", f"mysql://u:{SECRET}@h:3306/", f"mysql://u:{SECRET}@h:3306",
        f"mysql://:{SECRET}@h/n", f"mysql://u:{SECRET}@/n", f"mysql://u:{SECRET}@h:port/n", f"mysql://u:{SECRET}@h:0/n",
        f"mysql://u:{SECRET}@h:65536/n", f"mysql://u:{SECRET}@h:/n", f"mysql:/u:{SECRET}@h/n",
        f"mysql://u:{SECRET}@h:３３０６/n",
        f"mysql://u:{SECRET}@h/n/m", f"mysql://u:{SECRET}@h h/n", f"mysql://u:{SECRET}@[::1/n", f"postgres://u:{SECRET}@h/n",
        f"u:{SECRET}@h/n", f"mysql://{SECRET}", f"sqlite://{SECRET}", "sqlite:///", "sqlite://", "sqlite:///:memory:",
        f"sqlite:///c.db?key={SECRET}", f"sqlite:{SECRET}",
    ],
)  # fmt: skip
def test_a_malformed_url_is_refused_without_showing_it(here, text):
    message = refused(here, url(text))
    assert "DB_URL" in message and SECRET not in message


def test_a_database_describes_itself_without_the_password(here):
    database = settings.load(url(f"mysql://u:{SECRET}@[::1]:3307/n"), here).database
    assert database.describe() == "mysql://u@[::1]:3307/n"
    assert SECRET not in repr(database)


# The updater's


def test_intervals_and_active_symbols(here):
    found = load(here, EVERY_1MIN="2", EVERY_5MIN="10", EVERY_15MIN="900", ACTIVE_SYMBOLS="0")
    assert (dict(found.every), found.active) == ({1: 2, 5: 10, 15: 900}, 0)


def test_csat_days(here):
    assert load(here, CSAT_DATES="2027-11-18, 2028-11-16,").csat_days == {date(2027, 11, 18), date(2028, 11, 16)}


# Secrets


@pytest.mark.parametrize("name", ["KIS_APP_KEY", "KIS_APP_SECRET", "KIS_ACCOUNT_CODE", "KIS_PRODUCT_CODE"])
@pytest.mark.parametrize("blemish", [" ", "\u3000", "\u200b", "가", "\x07", "\t"])
def test_a_key_with_blanks_or_foreign_characters_is_refused_without_showing_it(here, name, blemish):
    message = refused(here, {**ENOUGH, name: f"{SECRET}{blemish}{SECRET}"})
    assert name in message and SECRET not in message


@pytest.mark.parametrize(
    "name",
    [
        key.name
        for key in KEYS
        if key.name not in {"DB_PASSWORD", "LOG_DIR", "KIS_TOKEN_FILE", "ALERT_URLS", "CHART_PASSWORD"}
    ],
)
def test_a_secret_pasted_into_the_wrong_key_is_never_shown(here, name):
    try:
        settings.load({**ENOUGH, name: f"{SECRET} \x00/?"}, here)
    except ConfigError as error:
        assert name in str(error) and SECRET not in str(error) and error.__cause__ is None
    else:
        pytest.fail(f"{name} takes anything")


def test_settings_print_no_secret(here):
    found = load(here, KIS_APP_KEY="K" + SECRET, KIS_APP_SECRET="S" + SECRET, DB_PASSWORD="P" + SECRET,
                 KIS_ACCOUNT_CODE="A" + SECRET, KIS_PRODUCT_CODE="X" + SECRET)  # fmt: skip
    assert SECRET not in repr(found) and SECRET not in str(found)
    assert set(found.secrets()) == {"K" + SECRET, "S" + SECRET, "P" + SECRET, "A" + SECRET}


def test_empty_secrets_are_no_secrets(here):
    assert "" not in load(here, DB_PASSWORD="").secrets()


# Demo, tables, import


def test_the_demo_reads_no_file_of_the_user_and_writes_in_its_folder(here, monkeypatch):
    (here / ".env").mkdir()  # would be refused
    monkeypatch.setenv("KIS_APP_KEY", SECRET)
    found = settings.demo_settings("http://127.0.0.1:9/", here)
    assert found.base_url == "http://127.0.0.1:9" and found.app_key != SECRET
    assert found.database.kind == "sqlite" and found.database.path is not None
    assert {found.database.path.parent, found.token_file.parent, found.log_dir} == {here}


def test_the_example_file_with_the_required_keys_filled_in_is_valid(here):
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name in ("KIS_APP_KEY", "KIS_APP_SECRET", "DB_PASSWORD"):
        text = re.sub(rf"^(# )?{name}=$", f"{name}=filled", text, flags=re.MULTILINE)
    (here / ".env").write_text(text, encoding="utf-8")
    assert settings.load({}, here).secrets() == ("filled", "filled", "filled")


def test_the_untouched_example_file_names_what_is_missing(here):
    (here / ".env").write_text((ROOT / ".env.example").read_text(encoding="utf-8"), encoding="utf-8")
    assert "KIS_APP_KEY, KIS_APP_SECRET, DB_PASSWORD" in refused(here, {})


def test_settings_and_console_load_no_heavy_package():
    heavy = "{'pandas', 'numpy', 'requests', 'mysql', 'tqdm', 'dotenv', 'holidays', 'schedule', 'tenacity'}"
    code = (
        "import sys; from minute_candles.config import settings; from minute_candles.console import console; "
        f"print({heavy} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
