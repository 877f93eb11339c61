"""The client: what it sends, what it makes of every answer of kis_http.md §3, and what no message contains."""

import contextlib
import json
import logging
import time
from datetime import date, datetime, timedelta
from unittest.mock import Mock

import pytest
from kis_testing import SECRETS, WEDNESDAY, Listening, Scripted, client_of, error_text, in_threads, said, settings_for

from minute_candles.core import errors
from minute_candles.core.clock import Clock
from minute_candles.core.errors import AuthError, ConfigError, MinuteDataError, Outage, SourceError, Stopped
from minute_candles.core.kst import KST
from minute_candles.kis import http as kis_http
from minute_candles.kis.http import Transient

LAST = datetime(2026, 11, 18, 15, 39, 59, tzinfo=KST)
OK = said(b'{"rt_cd":"0","msg_cd":"MCA00000","msg1":"ok","output1":{},"output2":[]}')
PASSING = ["http500_empty", "egw00316", "egw00202", "egw00203", "egw00215", "egw00300", "90020000",
           "reset", "reset_amid", "truncated", "non_json"]  # fmt: skip


def refusal(code: str, text: str = "x") -> bytes:
    return said(f'{{"rt_cd":"1","msg_cd":"{code}","msg1":"{text}"}}'.encode(), "500 Internal Server Error")


def unquoted(code: str) -> bytes:
    """As KIS writes some errors (kis_http.md §3)."""
    return said(f'{{rt_cd:"1","msg1":"...","msg_cd":"{code}"}}'.encode(), "500 Internal Server Error")


@pytest.fixture
def make(tmp_path, clock):
    """Make the client of a server."""
    return lambda url, of=clock, **changes: client_of(settings_for(url, tmp_path, **changes), of)


@pytest.fixture
def client(sim, make):
    return make(sim.url)


@pytest.fixture
def scripted(make):
    """Make the client of a server that gives these answers."""
    with contextlib.ExitStack() as servers:
        yield lambda *answers: make(servers.enter_context(Scripted(*answers)).url)


def past(client, symbol="005930"):
    return client.past_minutes(symbol, LAST)


def failure(client, symbol="005930") -> SourceError:
    with pytest.raises(SourceError) as caught:
        past(client, symbol)
    return caught.value


STOCK = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
HOUR = {"FID_INPUT_HOUR_1": "153959", "FID_PW_DATA_INCU_YN": "N"}
REQUESTS = [
    (past, "inquire-time-dailychartprice", "FHKST03010230",
     STOCK | HOUR | {"FID_INPUT_DATE_1": "20261118", "FID_FAKE_TICK_INCU_YN": ""}),
    (lambda client: client.today_minutes("005930", LAST), "inquire-time-itemchartprice", "FHKST03010200",
     STOCK | HOUR | {"FID_ETC_CLS_CODE": ""}),
    (lambda client: client.daily("005930", date(2026, 10, 1), WEDNESDAY), "inquire-daily-itemchartprice",
     "FHKST03010100", STOCK | {"FID_INPUT_DATE_1": "20261001", "FID_INPUT_DATE_2": "20261118",
                               "FID_PERIOD_DIV_CODE": "D", "FID_ORG_ADJ_PRC": "1"}),
    (lambda client: client.holidays(WEDNESDAY), "chk-holiday", "CTCA0903R",
     {"BASS_DT": "20261118", "CTX_AREA_FK": "", "CTX_AREA_NK": ""}),
]  # fmt: skip


class TestRequest:
    @pytest.mark.parametrize(("call", "path", "tr_id", "params"), REQUESTS)
    def test_is_that_of_the_official_sample(self, sim, client, call, path, tr_id, params):
        call(client)
        sent = sim.received[-1]
        assert (sent.path, sent.params) == ("/uapi/domestic-stock/v1/quotations/" + path, params)
        headers = {
            "appkey": SECRETS[0], "appsecret": SECRETS[1], "tr_cont": "", "custtype": "P", "tr_id": tr_id,
            "content-type": "application/json; charset=utf-8", "connection": "keep-alive",
            "authorization": f"Bearer {client.token()}",
        }  # fmt: skip
        assert headers.items() <= sent.headers.items()
        assert not any(secret in str(request.params) for request in sim.requests[1:] for secret in SECRETS)

    def test_for_a_long_span_of_daily_candles_is_several(self, sim, client):
        days = [row.day for row in client.daily("005930", date(2026, 6, 1), WEDNESDAY)]
        assert len(days) == len(set(days)) > 110 and sim.calls("daily") == client.calls > 1

    def test_keeps_its_connection_and_is_counted(self, sim, client, monkeypatch):
        monkeypatch.setattr(sim._server, "process_request", opened := Mock(wraps=sim._server.process_request))
        sim.add_fault("egw00316", times=2, path="past")
        in_threads(4, lambda: [past(client) for _ in range(5)])
        assert opened.call_count <= 5 and client.calls == sim.calls("past") == 22  # one of them for the token

    def test_takes_a_slot_of_the_budget_and_shows_the_skew_of_the_clocks(self, make, clock):
        with Listening(clock, skew=timedelta(seconds=90)) as sim:
            client = make(sim.url, rate_limit=10.0)
            assert all(past(client) for _ in range(5))
        assert sim.shortest_gap() == pytest.approx(0.1022, abs=1e-3)
        assert client.skew == pytest.approx(timedelta(seconds=90), abs=timedelta(seconds=1))


class TestRefusal:
    @pytest.mark.parametrize("keys", [{"another": "key"}, {SECRETS[0]: "another"}], ids=["key", "secret"])
    def test_of_the_key_before_any_data(self, make, clock, keys):
        with Listening(clock, keys=keys) as sim:
            with pytest.raises(AuthError, match="KIS_APP_KEY.*KIS_APP_SECRET") as caught:
                past(make(sim.url))
            assert caught.value.exit_code == 2 and len(sim.received) == 1

    @pytest.mark.parametrize(("code", "error", "names"), [
        ("EGW00103", "AuthError", "KIS_APP_KEY"), ("EGW00105", "AuthError", "KIS_APP_SECRET"),
        ("EGW00304", "AuthError", "KIS_APP_SECRET"), ("EGW02004", "ConfigError", "KIS_ENV"),
        ("EGW02007", "ConfigError", "KIS_ENV"), ("EGW02006", "NotOffered", "VTS"),
        ("EGW00206", "AuthError", "apiportal"), ("EGW00004", "AuthError", "apiportal"), ("EGW00207", "AuthError", "IP"),
        ("EGW00303", "AuthError", "IP"), ("OPSQ2002", "SourceError", "OPSQ2002"),
    ])  # fmt: skip
    def test_by_code_at_once_without_a_second_try(self, scripted, code, error, names):
        client = scripted(refusal(code))
        with pytest.raises(getattr(errors, error), match=names) as caught:
            past(client)
        assert client.calls == 1 and type(caught.value).__name__ == error

    def test_of_a_wrong_path_is_a_setting_to_mend_and_a_404_with_a_body_is_not(self, make, sim, scripted):
        with pytest.raises(ConfigError, match="KIS_BASE_URL"):
            past(make(f"{sim.url}/nowhere"))
        assert past(scripted(said(b"<html>", "404 Not Found"), OK)) == []

    def test_is_quoted_in_one_short_printable_line(self, scripted):
        error = str(failure(scripted(refusal("EGW00001", "a\\n2026 - ERROR - forged\\u001b[31m" + "x" * 500))))
        assert error.isprintable() and len(error) < 300


class TestToken:
    @pytest.mark.parametrize(("code", "status"), [("egw00121", 500), ("egw00123", 401), ("egw00123", 200)])
    def test_is_renewed_once_and_the_call_repeated(self, sim, client, clock, code, status):
        past(client)
        clock.move(hours=7)
        sim.add_fault(code, times=1, status=status, path="past")
        assert past(client) and sim.calls("token") == 2 and client.calls == 3

    @pytest.mark.parametrize(
        "error", [("EGW00122", "token을 찾을 수 없습니다"), ("EGW00999", "Token revoked"), ("", "토큰 오류")]
    )
    def test_that_kis_no_longer_knows_is_renewed(self, scripted, error):
        client = scripted(refusal(*error), OK)
        assert past(client) == [] and client.calls == 2
        client = scripted(refusal("EGW00999", "token"))
        assert isinstance(failure(client), Transient) and 6 <= client.calls <= 10, "an unknown code: once"

    def test_that_stays_refused_stops_without_a_loop_and_now_and_then_by_mistake_not(self, sim, client, clock):
        sim.add_fault("egw00123", times=3, path="past")
        assert past(client) and sim.calls("token") == 1
        sim.add_fault("egw00123", path="past")
        for _ in range(2):
            with pytest.raises(errors.TokenRefused):
                past(client)
        assert client.calls <= 14 and sim.calls("token") == 2 and 50 < max(clock.slept) < 62

    @pytest.mark.parametrize("minutes", [0, 2], ids=["waits the minute out", "later"])
    def test_revoked_is_renewed_once_for_all_threads(self, sim, client, clock, minutes):
        past(client)
        sim.expire_tokens()
        clock.move(minutes=minutes)
        assert len(in_threads(8, lambda: past(client))) == 8 and sim.calls("token") == 2


class TestLimit:
    @pytest.mark.parametrize("answer", [
        refusal("EGW00201"), refusal("EGW00201").replace(b"500 Internal Server Error", b"200 OK"),
        unquoted("EGW00201"), said(b"Too Many Requests", "429 Too Many Requests"),
    ], ids=["500", "200", "unquoted", "429"])  # fmt: skip
    def test_answer_waits_a_second_and_repeats(self, scripted, clock, answer):
        assert past(scripted(answer, OK)) == []
        assert any(1.0 <= seconds <= 2.0 for seconds in clock.slept)

    def test_answer_slows_every_call_down_is_no_failure_and_without_end_says_what_to_do(self, sim, make, caplog):
        client = make(sim.url, rate_limit=10.0)
        sim.add_fault("egw00201", times=40, path="past")
        with caplog.at_level(logging.WARNING, "minute_candles"):
            assert all(past(client) for _ in range(3))
        assert sim.requests[-1].at - sim.requests[-2].at > 0.105 and caplog.records == []
        sim.add_fault("egw00201", path="past")
        with pytest.raises(Outage, match="KIS_RATE_LIMIT"):
            past(client)


NO_ANSWERS = [
    *map(said, (b"", b"null", b'{"rt_cd":"0"}', b'{"rt_cd":"0","output2":{}}', b'{"rt_cd":0,"output2":[]}',
                b'{"rt_cd":"1","msg_cd":null,"msg1":null}', b'{"rt_cd":"1","msg_cd":{"a":[1]},"msg1":7}',
                b'{"rt_cd":"0","output2":[' + b"9" * 5000 + b"]}", b"[" * 100_000, b"\xff\xfe\xfa")),
    b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n", unquoted("EGW00550"),
]  # fmt: skip


class TestPassingFault:
    @pytest.mark.parametrize("kind", PASSING)
    def test_waits_longer_each_time(self, sim, client, clock, kind):
        sim.add_fault(kind, times=5, path="past")
        assert past(client)
        waits = [seconds for seconds in clock.slept if seconds > 0.2]
        assert waits == sorted(waits) and 7 < sum(waits) < 60

    def test_that_stays_is_logged_once_fails_the_call_in_a_minute_and_ends_with_a_stop(
        self, sim, client, clock, caplog
    ):
        past(client)
        caplog.clear()
        sim.add_fault("egw00316", path="past")
        with caplog.at_level(logging.WARNING, "minute_candles"):
            error = failure(client)
        assert "EGW00316" in str(error) and not isinstance(error, Outage)
        assert 6 <= client.calls <= 9 and sum(clock.slept) < 90 and len(caplog.records) == 1
        clock.stop.set()
        with pytest.raises(Stopped):
            past(client)

    def test_hang_is_bounded_by_the_timeout(self, make, monkeypatch):
        monkeypatch.setattr(kis_http, "READ_SECONDS", 0.2)
        with Listening(clock := Clock()) as sim:
            sim.add_fault("hang", times=1, seconds=20, path="past")
            began = time.monotonic()
            assert past(make(sim.url, clock)) and time.monotonic() - began < 5

    @pytest.mark.parametrize("answer", NO_ANSWERS, ids=lambda answer: repr(answer[-24:]))
    def test_that_is_no_answer_is_repeated(self, scripted, answer):
        assert past(scripted(answer, OK)) == []


class TestOutage:
    def test_a_server_that_never_answered_is_given_up_within_half_a_minute(self, make, clock):
        with pytest.raises(Outage, match="KIS_BASE_URL"):
            past(make("http://127.0.0.1:9"))
        assert sum(clock.slept) < 40

    def test_a_server_that_went_away_is_waited_for_for_minutes_and_then_an_outage(self, sim, client, clock):
        past(client)
        sim.down()
        sleep = clock.sleep
        clock.sleep = lambda seconds: (sleep(seconds), sim.down(sum(clock.slept) < 240))
        assert past(client) and sum(clock.slept) >= 240
        clock.sleep = sleep
        clock.slept.clear()
        sim.down()
        assert isinstance(failure(client), Outage) and 290 < sum(clock.slept) < 400

    def test_errors_only_for_two_minutes_are_an_outage_and_a_pause_before_them_is_not(self, sim, client, clock):
        past(client)
        clock.move(hours=10)
        sim.add_fault("egw00316")
        found = [isinstance(failure(client), Outage) for _ in range(4)]
        assert found[0] is False and found[-1] is True

    @pytest.mark.parametrize(("kind", "times"), [("egw00316", 4), ("reset", 1)])
    def test_one_bad_symbol_among_good_ones_is_none(self, sim, client, clock, kind, times):
        sim.add_fault(kind, symbol="000660")
        sleep = clock.sleep
        clock.sleep = lambda seconds: (sleep(seconds), seconds > 0.2 and past(client))
        for _ in range(times):
            past(client)
            assert not isinstance(failure(client, "000660"), Outage)


class TestSecrets:
    @pytest.mark.parametrize("kind", [*PASSING[:2], *PASSING[-4:], "egw00103", "egw02006", "egw00123"])
    def test_are_in_no_exception_and_no_log_line(self, sim, client, kind, caplog):
        token = client.token()
        sim.add_fault(kind, path="past")
        with caplog.at_level(logging.DEBUG), pytest.raises(MinuteDataError) as caught:
            past(client)
        assert not any(secret in error_text(caught.value) + caplog.text for secret in (*SECRETS, token))

    @pytest.mark.parametrize("secret", [*SECRETS, "eyJ.token"])
    def test_that_kis_echoes_are_not_repeated(self, scripted, secret):
        echo = json.dumps({"rt_cd": "1", "msg_cd": "OPSQ0001", "msg1": f"INVALID [{secret}]"}).encode()
        assert secret not in error_text(failure(scripted(said(echo))))
