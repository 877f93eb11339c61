"""The client: what it sends, what it makes of every answer of kis_http.md §3, and what it never says."""

import contextlib
import logging
import threading
import time
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kis_testing import (
    AFTER_CLOSE,
    SECRETS,
    WEDNESDAY,
    FakeClock,
    Listening,
    Scripted,
    client_of,
    error_text,
    said,
    settings_for,
)

from minute_candles.core.clock import Clock
from minute_candles.core.errors import (
    AuthError,
    ConfigError,
    MinuteDataError,
    NotOffered,
    Outage,
    SourceError,
    Stopped,
    TokenRefused,
)
from minute_candles.core.kst import KST
from minute_candles.kis import http as kis_http
from minute_candles.kis.http import Transient
from minute_candles.kis.parse import minute_rows
from minute_candles.kis.transport import new_session
from minute_candles.market.rows import RejectedDay, RowFault

LAST = datetime(2026, 11, 18, 15, 39, 59, tzinfo=KST)
PATH = "/uapi/domestic-stock/v1/quotations/"
OK = b'{"rt_cd":"0","msg_cd":"MCA00000","msg1":"ok","output1":{},"output2":[]}'


def refusal(code: str, text: str) -> bytes:
    return said(f'{{"rt_cd":"1","msg_cd":"{code}","msg1":"{text}"}}'.encode(), "500 Internal Server Error")


@pytest.fixture
def make(tmp_path, clock):
    """Makes the client of a server."""
    return lambda url, of=clock, **changes: client_of(settings_for(url, tmp_path, **changes), of)


@pytest.fixture
def client(sim, make):
    return make(sim.url)


def data_calls(sim: Listening) -> list:
    return [call for call in sim.heard if call.method == "GET"]


# --- what is sent ---


REQUESTS = [
    (
        lambda client: client.past_minutes("005930", LAST), "inquire-time-dailychartprice", "FHKST03010230",
        {"COND_MRKT_DIV_CODE": "J", "INPUT_ISCD": "005930", "INPUT_HOUR_1": "153959", "INPUT_DATE_1": "20261118",
         "PW_DATA_INCU_YN": "N", "FAKE_TICK_INCU_YN": ""},
    ),
    (
        lambda client: client.today_minutes("0126Z0", LAST), "inquire-time-itemchartprice", "FHKST03010200",
        {"COND_MRKT_DIV_CODE": "J", "INPUT_ISCD": "0126Z0", "INPUT_HOUR_1": "153959", "PW_DATA_INCU_YN": "N",
         "ETC_CLS_CODE": ""},
    ),
    (
        lambda client: client.daily("005930", date(2026, 10, 1), WEDNESDAY), "inquire-daily-itemchartprice",
        "FHKST03010100",
        {"COND_MRKT_DIV_CODE": "J", "INPUT_ISCD": "005930", "INPUT_DATE_1": "20261001", "INPUT_DATE_2": "20261118",
         "PERIOD_DIV_CODE": "D", "ORG_ADJ_PRC": "1"},
    ),
]  # fmt: skip


class TestRequest:
    @pytest.mark.parametrize(("call", "path", "tr_id", "params"), REQUESTS, ids=["past", "today", "daily"])
    def test_is_that_of_the_official_sample(self, sim, client, call, path, tr_id, params):
        call(client)
        sent = data_calls(sim)[-1]
        assert (sent.path, sent.params) == (PATH + path, {f"FID_{name}": value for name, value in params.items()})
        headers = {
            "appkey": SECRETS[0], "appsecret": SECRETS[1], "tr_cont": "", "custtype": "P", "tr_id": tr_id,
            "content-type": "application/json; charset=utf-8", "connection": "keep-alive",
            "authorization": f"Bearer {client.token()}",
        }  # fmt: skip
        assert {name: sent.headers[name] for name in headers} == headers

    def test_holidays(self, sim, client):
        assert len(client.holidays(WEDNESDAY)) == 30
        sent = data_calls(sim)[-1]
        assert (sent.path, sent.headers["tr_id"]) == (PATH + "chk-holiday", "CTCA0903R")
        assert sent.params == {"BASS_DT": "20261118", "CTX_AREA_FK": "", "CTX_AREA_NK": ""}

    def test_a_long_span_of_daily_candles_is_whole(self, sim, client):
        rows = client.daily("005930", date(2026, 3, 1), WEDNESDAY)
        days = [row.day for row in rows]
        assert len(days) == len(set(days)) > 170
        assert all(call.params["FID_INPUT_DATE_1"] <= call.params["FID_INPUT_DATE_2"] for call in data_calls(sim))

    def test_rows_come_in_the_order_kis_sent_them(self, sim, client):
        assert client.past_minutes("005930", LAST) == minute_rows(
            sim.endpoints.past("005930", WEDNESDAY, "153959", sim.now())
        )

    def test_connections_are_kept_alive_and_every_request_is_counted(self, sim, client):
        sim.add_fault("egw00316", times=2, path="past")
        for _ in range(20):
            client.past_minutes("005930", LAST)
        assert sim.connections <= 2  # one for the token, one for the quotes
        assert client.calls == len(data_calls(sim)) == 22

    def test_every_call_takes_a_slot_of_the_budget(self, sim, make, clock):
        client = make(sim.url, rate_limit=10.0)
        for _ in range(5):
            client.past_minutes("005930", LAST)
        assert sim.shortest_gap() == pytest.approx(0.1022, abs=1e-3)

    def test_the_skew_of_the_clocks_is_told(self, make, clock):
        with Listening(clock, skew=timedelta(seconds=90)) as sim:
            client = make(sim.url)
            client.past_minutes("005930", LAST)
        assert client.skew == pytest.approx(timedelta(seconds=90), abs=timedelta(seconds=1))

    def test_a_jump_of_the_clock_counts_when_three_answers_agree(self, make, clock):
        client, day = make("http://127.0.0.1:1"), timedelta(days=1)
        told = lambda skew: client.caller.skew.note(format_datetime((clock.now() + skew).astimezone(UTC), usegmt=True))  # noqa: E731
        for skew in (timedelta(0), timedelta(0), -day, timedelta(0), -day, -day):
            told(skew)
            assert abs(client.skew) < timedelta(seconds=2)
        assert client.suspected_skew == pytest.approx(-day, abs=timedelta(seconds=1))
        told(-day)
        assert client.skew == pytest.approx(-day, abs=timedelta(seconds=1)) and client.suspected_skew is None

    @pytest.mark.parametrize(
        "header", ["", "yesterday", "Mon, 99 Nov 2026 99:99:99 GMT", "0", "Fri, 20 Nov 2026 +99999999999"]
    )
    def test_a_strange_date_header_is_ignored(self, make, header):
        with Scripted(said(OK, headers=f"Date: {header}\r\n")) as server:
            client = make(server.url)
            assert client.past_minutes("005930", LAST) == []
            assert client.skew == timedelta(0)


class TestSurroundings:
    def test_a_proxy_of_the_environment_does_not_catch_loopback(self, sim, make, monkeypatch):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        assert make(sim.url).past_minutes("005930", LAST)

    def test_a_netrc_does_not_replace_the_token_on_a_real_host_either(self, monkeypatch, tmp_path):
        import requests

        (tmp_path / "netrc").write_text("machine openapi.koreainvestment.com login me password netrc-password\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        session = new_session("https://openapi.koreainvestment.com:9443", 2)
        url = "https://openapi.koreainvestment.com:9443/x"
        request = session.prepare_request(requests.Request("GET", url, headers={"authorization": "Bearer t"}))
        assert request.headers["authorization"] == "Bearer t"
        assert session.verify is True

    def test_a_redirect_is_not_followed(self, make, sim):
        moved = said(b"", "302 Found", f"Location: {sim.url}{PATH}chk-holiday\r\n")
        with Scripted(moved) as server, pytest.raises(SourceError):
            make(server.url).past_minutes("005930", LAST)
        assert sim.heard == []


# --- refusals: at once, without a second try ---


class TestRefusal:
    @pytest.mark.parametrize("keys", [{"another": "key"}, {SECRETS[0]: "another"}], ids=["key", "secret"])
    def test_of_the_key_before_any_data(self, make, clock, keys):
        with Listening(clock, keys=keys) as sim:
            with pytest.raises(AuthError, match="KIS_APP_KEY.*KIS_APP_SECRET") as caught:
                make(sim.url).past_minutes("005930", LAST)
            assert caught.value.exit_code == 2 and len(sim.heard) == 1

    @pytest.mark.parametrize(
        ("code", "error", "names"),
        [
            ("EGW00103", AuthError, "KIS_APP_KEY"), ("EGW00105", AuthError, "KIS_APP_SECRET"),
            ("EGW00304", AuthError, "KIS_APP_SECRET"), ("EGW02004", ConfigError, "KIS_ENV"),
            ("EGW02007", ConfigError, "KIS_ENV"), ("EGW02006", NotOffered, "VTS"), ("EGW00206", AuthError, "apiportal"),
            ("EGW00004", AuthError, "apiportal"), ("EGW00207", AuthError, "IP"), ("EGW00303", AuthError, "IP"),
            ("OPSQ2002", SourceError, "OPSQ2002"),
        ],
    )  # fmt: skip
    def test_by_code_at_once_without_a_second_try(self, make, code, error, names):
        with Scripted(refusal(code, "x")) as server:
            client = make(server.url)
            with pytest.raises(error, match=names) as caught:
                client.past_minutes("005930", LAST)
            assert code in str(caught.value) or error is NotOffered
            assert client.calls == 1 and type(caught.value) is error

    def test_vts_serves_todays_minutes(self, make):
        running = FakeClock(AFTER_CLOSE.replace(hour=11))
        with Listening(running, env="vts") as sim:
            assert make(sim.url, running, env="vts").today_minutes("005930", running.now())

    def test_a_wrong_path_is_a_setting_to_mend(self, make, sim):
        with pytest.raises(ConfigError, match="KIS_BASE_URL"):
            make(f"{sim.url}/nowhere").past_minutes("005930", LAST)

    def test_control_characters_in_kis_words_reach_no_log(self, make):
        with Scripted(refusal("EGW00001", "a\\n2026 - ERROR - forged\\u001b[31m")) as server:
            with pytest.raises(SourceError) as caught:
                make(server.url).past_minutes("005930", LAST)
            assert str(caught.value).isprintable()

    def test_a_404_with_a_body_is_worth_another_try(self, make):
        with Scripted(said(b"<html>", "404 Not Found"), said(OK)) as server:
            assert make(server.url).past_minutes("005930", LAST) == []


# --- tokens that are refused ---


class TestToken:
    @pytest.mark.parametrize("code", ["egw00121", "egw00123"])
    @pytest.mark.parametrize("status", [500, 401, 200])
    def test_is_renewed_once_and_the_call_repeated(self, sim, client, clock, code, status):
        client.past_minutes("005930", LAST)
        clock.move(hours=7)
        sim.add_fault(code, times=1, status=status, path="past")
        assert client.past_minutes("005930", LAST)
        assert sim.calls("token") == 2 and client.calls == 3

    @pytest.mark.parametrize(
        ("code", "text"), [("EGW00122", "token을 찾을 수 없습니다"), ("EGW00999", "Token revoked"), ("", "토큰 오류")]
    )
    def test_that_kis_no_longer_knows_is_renewed(self, make, code, text):
        with Scripted(refusal(code, text), said(OK)) as server:
            client = make(server.url)
            assert client.past_minutes("005930", LAST) == []
            assert client.calls == 2

    def test_of_an_unknown_code_is_renewed_once(self, make):
        with Scripted(refusal("EGW00999", "token")) as server:
            client = make(server.url)
            with pytest.raises(Transient):
                client.past_minutes("005930", LAST)
            assert 6 <= client.calls <= 10

    def test_that_stays_refused_stops_without_a_loop(self, sim, client, clock):
        sim.add_fault("egw00123", path="past")
        with pytest.raises(TokenRefused):
            client.past_minutes("005930", LAST)
        assert client.calls <= 5 and sim.calls("token") == 2 and 55 < max(clock.slept) < 62

    def test_revoked_within_the_minute_is_waited_for_once_by_all_threads(self, sim, client, clock):
        assert client.past_minutes("005930", LAST)
        sim.expire_tokens()
        answers = in_threads(8, lambda: client.past_minutes("005930", LAST))
        assert len(answers) == 8 and sim.calls("token") == 2

    def test_refused_now_and_then_by_mistake_stops_nothing(self, sim, client):
        sim.add_fault("egw00123", times=3, path="past")
        assert client.past_minutes("005930", LAST)
        assert sim.calls("token") == 1

    def test_refused_for_many_threads_is_renewed_once(self, sim, client, clock):
        client.past_minutes("005930", LAST)
        sim.expire_tokens()
        clock.move(minutes=2)
        answers = in_threads(8, lambda: client.past_minutes("005930", LAST))
        assert len(answers) == 8 and sim.calls("token") == 2


# --- errors that are no JSON ---


UNQUOTED = b'{rt_cd:"1","msg1":"...","msg_cd":"%s"}'
"""As KIS writes some errors (kis_http.md §3)."""


@pytest.mark.parametrize("status", ["500 Internal Server Error", "200 OK"])
def test_an_unquoted_answer_over_the_limit_slows_down(make, clock, status):
    with Scripted(said(UNQUOTED % b"EGW00201", status), said(OK)) as server:
        assert make(server.url).past_minutes("005930", LAST) == []
    assert any(1.0 <= seconds <= 2.0 for seconds in clock.slept)


def test_an_unquoted_refusal_stops_and_another_unquoted_code_is_tried_again(make):
    with Scripted(said(UNQUOTED % b"EGW00103")) as server, pytest.raises(AuthError, match="EGW00103"):
        make(server.url).past_minutes("005930", LAST)
    with Scripted(said(UNQUOTED % b"EGW00550"), said(OK)) as server:
        assert make(server.url).past_minutes("005930", LAST) == []
        assert server.asked == 2


# --- the call limit ---


class TestLimit:
    @pytest.mark.parametrize("status", [500, 200, 429])
    def test_answer_waits_a_second_and_repeats(self, sim, client, clock, status):
        sim.add_fault("egw00201", times=1, status=status, path="past")
        assert client.past_minutes("005930", LAST)
        assert any(1.0 <= seconds <= 2.0 for seconds in clock.slept)

    def test_answer_without_json_is_known_by_its_429(self, make, clock):
        with Scripted(said(b"Too Many Requests", "429 Too Many Requests"), said(OK)) as server:
            make(server.url).past_minutes("005930", LAST)
        assert max(clock.slept) >= 1.0

    def test_answer_slows_every_call_down_however_often_it_comes_and_is_no_failure(self, sim, make, caplog):
        client = make(sim.url, rate_limit=10.0)
        sim.add_fault("egw00201", times=40, path="past")
        with caplog.at_level(logging.WARNING, "minute_candles"):
            for _ in range(3):
                assert client.past_minutes("005930", LAST)
        assert sim.requests[-1].at - sim.requests[-2].at > 0.105 and caplog.records == []

    def test_answer_without_end_says_what_to_do(self, sim, client):
        sim.add_fault("egw00201", path="past")
        with pytest.raises(Outage, match="KIS_RATE_LIMIT"):
            client.past_minutes("005930", LAST)

    def test_of_the_server_is_not_met_at_the_default_pace(self, make, clock):
        with Listening(clock, rate=18) as sim:
            client = make(sim.url, rate_limit=15.0)
            for _ in range(60):
                client.past_minutes("005930", LAST)
            assert {request.code for request in sim.requests} <= {"MCA00000", ""} and sim.busiest_second() <= 15


# --- passing faults ---

TRANSIENT = ["http500_empty", "egw00316", "egw00202", "egw00203", "egw00215", "egw00300", "90020000"]
WIRE = ["reset", "reset_amid", "truncated", "non_json"]


class TestPassingFault:
    @pytest.mark.parametrize("kind", WIRE)
    def test_of_the_wire_is_passed(self, sim, client, kind):
        sim.add_fault(kind, times=2, path="past")
        assert client.past_minutes("005930", LAST)

    @pytest.mark.parametrize("kind", TRANSIENT)
    def test_waits_longer_each_time(self, sim, client, clock, kind):
        sim.add_fault(kind, times=5, path="past")
        client.past_minutes("005930", LAST)
        waits = [seconds for seconds in clock.slept if seconds > 0.2]
        assert waits == sorted(waits) and 7 < sum(waits) < 60

    def test_that_stays_fails_this_call_within_a_minute_or_so(self, sim, client, clock):
        client.past_minutes("005930", LAST)
        sim.add_fault("egw00316", path="past")
        with pytest.raises(Transient, match="EGW00316") as caught:
            client.past_minutes("005930", LAST)
        assert not isinstance(caught.value, Outage) and 6 <= client.calls <= 9 and sum(clock.slept) < 90

    def test_hang_is_bounded_by_the_timeout(self, tmp_path, monkeypatch):
        monkeypatch.setattr(kis_http, "READ_SECONDS", 0.2)
        clock = Clock()
        with Listening(clock) as sim:
            sim.add_fault("hang", times=1, seconds=20, path="past")
            began = time.monotonic()
            assert client_of(settings_for(sim.url, tmp_path), clock).past_minutes("005930", LAST)
        assert time.monotonic() - began < 5

    @pytest.mark.parametrize("kind", ["shape_list", "shape_missing", "shape_numbers"])
    def test_of_shape_is_handed_on_or_repeated_but_never_crashes(self, sim, client, kind):
        sim.add_fault(kind, times=1, path="past")
        assert isinstance(client.past_minutes("005930", LAST), list)

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"null", b"[]", b"7", b'"text"', b"{}", b'{"rt_cd":"0"}', b'{"rt_cd":"0","output2":null}',
            b'{"rt_cd":"0","output2":{}}', b'{"rt_cd":"0","output2":"rows"}', b'{"rt_cd":0,"output2":[]}',
            b'{"rt_cd":"1","msg_cd":null,"msg1":null}', b'{"rt_cd":"1","msg_cd":{"a":[1]},"msg1":7}',
            b'{"rt_cd":"1","msg_cd":"' + b"x" * 5000 + b'"}', b'{"rt_cd":"0","output2":[' + b"9" * 5000 + b"]}",
            b"[" * 100_000, b"\xff\xfe\xfa", b"\xef\xbb\xbf{}",
        ],
        ids=lambda body: repr(body[:24]),
    )  # fmt: skip
    def test_answer_of_another_shape_is_asked_again(self, make, body):
        with Scripted(said(body), said(OK)) as server:
            assert make(server.url).past_minutes("005930", LAST) == []

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"garbage\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n",
            b"HTTP/1.1 999999 Odd\r\n\r\n",
        ],
        ids=lambda answer: repr(answer[:40]),
    )
    def test_answer_that_is_no_http_is_asked_again(self, make, answer):
        with Scripted(answer, said(OK)) as server:
            assert make(server.url).past_minutes("005930", LAST) == []

    def test_a_message_is_one_short_line(self, make):
        wordy = '{"rt_cd":"1","msg_cd":"X1","msg1":"line one\\nline two ' + "x" * 500 + '"}'
        with Scripted(said(wordy.encode())) as server, pytest.raises(SourceError) as caught:
            make(server.url).past_minutes("005930", LAST)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 300

    def test_empty_objects_are_padding_and_no_rows(self, make):
        with Scripted(said(OK.replace(b"[]", b'[{},{"stck_bsop_date":"20261118"},{}]'))) as server:
            assert make(server.url).daily("005930", WEDNESDAY, WEDNESDAY) == [
                RejectedDay(RowFault.NOT_A_NUMBER, WEDNESDAY, "open")
            ]

    def test_is_told_in_the_log_once_it_lasts(self, sim, client, caplog):
        sim.add_fault("egw00316", times=5, path="past")
        with caplog.at_level(logging.WARNING, "minute_candles"):
            client.past_minutes("005930", LAST)
        assert len(caplog.records) == 1

    def test_ends_at_once_where_a_stop_is_asked_for(self, sim, client, clock):
        sim.add_fault("egw00316", path="past")
        clock.stop.set()
        with pytest.raises(Stopped):
            client.past_minutes("005930", LAST)


# --- nobody there ---


class TestOutage:
    def test_a_server_that_never_answered_is_given_up_within_half_a_minute(self, make, clock):
        began = time.monotonic()
        with pytest.raises(Outage, match="KIS_BASE_URL"):
            make("http://127.0.0.1:9").past_minutes("005930", LAST)
        assert sum(clock.slept) < 40 and time.monotonic() - began < 5

    def test_a_server_that_went_away_is_waited_for_for_minutes(self, sim, client, clock):
        client.past_minutes("005930", LAST)
        sim.down()
        sleep = clock.sleep

        def sleep_until_it_is_back(seconds: float) -> None:
            sleep(seconds)
            sim.down(sum(clock.slept) < 240)

        clock.sleep = sleep_until_it_is_back
        assert client.past_minutes("005930", LAST)
        assert sum(clock.slept) >= 240

    def test_a_server_that_stays_away_is_an_outage_after_minutes(self, sim, client, clock):
        client.past_minutes("005930", LAST)
        sim.down()
        began = time.monotonic()
        with pytest.raises(Outage):
            client.past_minutes("005930", LAST)
        assert 290 < sum(clock.slept) < 400 and time.monotonic() - began < 10

    def test_errors_only_for_two_minutes_are_an_outage(self, sim, client):
        client.past_minutes("005930", LAST)
        sim.add_fault("egw00316")
        caught = []
        for _ in range(4):
            with pytest.raises(SourceError) as failure:
                client.past_minutes("005930", LAST)
            caught.append(isinstance(failure.value, Outage))
        assert caught[0] is False and caught[-1] is True

    def test_one_bad_symbol_among_good_ones_is_no_outage(self, sim, client, clock):
        sim.add_fault("egw00316", symbol="000660")
        for _ in range(4):
            client.past_minutes("005930", LAST)
            with pytest.raises(SourceError) as failure:
                client.past_minutes("000660", LAST)
            assert not isinstance(failure.value, Outage)

    def test_a_long_pause_before_a_bad_call_is_no_outage(self, sim, client, clock):
        client.past_minutes("005930", LAST)
        clock.move(hours=10)
        sim.add_fault("egw00316")
        with pytest.raises(SourceError) as failure:
            client.past_minutes("005930", LAST)
        assert not isinstance(failure.value, Outage)

    def test_one_symbol_that_is_always_cut_off_is_no_outage_while_others_answer(self, sim, make, clock):
        client = make(sim.url)
        sim.add_fault("reset", symbol="000660")
        client.past_minutes("005930", LAST)
        sleep = clock.sleep

        def sleep_while_others_work(seconds: float) -> None:
            sleep(seconds)
            if seconds > 0.2:
                client.past_minutes("005930", LAST)

        clock.sleep = sleep_while_others_work
        with pytest.raises(SourceError) as failure:
            client.past_minutes("000660", LAST)
        assert not isinstance(failure.value, Outage)

    def test_tokens_that_nobody_hands_out_do_not_multiply_the_tries(self, sim, client, clock):
        sim.add_fault("egw00316", path="token")
        with pytest.raises(SourceError):
            client.past_minutes("005930", LAST)
        assert sim.calls("token") <= 8 and sum(clock.slept) < 90


# --- what is never said ---


class TestSecrets:
    KINDS = [*TRANSIENT, *WIRE, "egw00103", "egw00105", "egw00304", "egw00201", "egw02004", "egw02006", "egw00123"]

    @pytest.mark.parametrize("kind", KINDS)
    def test_are_in_no_exception_and_no_log_line(self, sim, client, kind, caplog):
        token = client.token()
        sim.add_fault(kind, path="past")
        with caplog.at_level(logging.DEBUG), pytest.raises(MinuteDataError) as caught:
            client.past_minutes("005930", LAST)
        for secret in (*SECRETS, token):
            assert secret not in error_text(caught.value) and secret not in caplog.text

    @pytest.mark.parametrize("secret", [*SECRETS, "eyJ.token"])
    def test_that_kis_echoes_are_not_repeated(self, make, secret):
        import json

        echo = json.dumps({"rt_cd": "1", "msg_cd": "OPSQ0001", "msg1": f"INVALID [{secret}]"}).encode()
        with Scripted(said(echo)) as server, pytest.raises(SourceError) as caught:
            make(server.url).past_minutes("005930", LAST)
        assert secret not in error_text(caught.value)

    def test_are_in_no_address(self, sim, client):
        client.past_minutes("005930", LAST)
        assert not any(secret in str(request.params) for request in sim.requests[1:] for secret in SECRETS)


# --- many threads ---


def in_threads(count: int, work) -> list:
    answers: list = []
    threads = [threading.Thread(target=lambda: answers.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    return answers


def test_threads_share_the_client_its_connections_and_its_pace(tmp_path):
    clock = Clock()
    with Listening(clock, rate=60, latency=0.02, monotonic=time.monotonic) as sim:
        client = client_of(settings_for(sim.url, tmp_path, rate_limit=50.0), clock)
        answers = in_threads(8, lambda: [client.past_minutes("005930", LAST) for _ in range(6)])
    assert len(answers) == 8 and client.calls == 48
    assert sim.busiest_second() <= 52 and sim.connections <= 9


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=60)
    | st.from_regex(r'\{"rt_cd": ?"[01]", ?"(output2|msg_cd|msg1)": ?[\[\]{}"a-z0-9,:]*\}', fullmatch=True).map(
        str.encode
    )
)
def test_arbitrary_answers_raise_nothing_but_typed_errors(tmp_path, body):
    with Scripted(said(body)) as server, contextlib.suppress(MinuteDataError):
        client_of(settings_for(server.url, tmp_path), FakeClock()).past_minutes("005930", LAST)
