"""Delivery to a real local receiver: whole, in order, reported once where it fails, and never with a secret."""

import logging
import re
import time
from contextlib import contextmanager
from functools import partial
from unittest.mock import Mock

import pytest
from receiver import Receiver
from updater_tools import wait_until

from minute_candles.alerts import delivery
from minute_candles.alerts.addresses import Address, Outcome, addresses_of, deliver
from minute_candles.alerts.delivery import Delivery
from minute_candles.alerts.digest import Note, digest
from minute_candles.core.errors import ConfigError

until = partial(wait_until, seconds=15)


def note(number, severity="info", link=""):
    return Note(severity, "급등", f"종목 {number:06}", f"+{number}%", link)


def titles(*numbers):
    return [digest([note(number)]).title for number in numbers]


@pytest.fixture
def log(caplog):
    """All that was logged at any level, by anybody who logs."""
    for name in (None, "apprise", "minute_candles"):
        caplog.set_level(logging.DEBUG, name)
    return lambda: "\n".join(r.getMessage() for r in caplog.records if not r.name.startswith("urllib3"))


@contextmanager
def sending(*urls, count=0):
    """A delivery with so many messages on their way."""
    sender = Delivery(addresses_of([*urls]), (0.05, 0.2))
    for number in range(count):
        sender.send([note(number)])
    yield sender
    sender.close()


def test_each_message_arrives_once_and_in_order_many_hits_are_one_digest_the_gravest_first(log):
    hits = [note(number, link="http://c/?symbol=1") for number in range(96)] + [note(96, "critical")]
    with Receiver() as receiver, Receiver() as grave, sending(receiver.url, f"warning={grave.url}", count=5) as sender:
        sender.send(hits)
        until(lambda: len(receiver.got) == 6 and grave.got)
    assert grave.titles == ["🚨 급등: 종목 000096"], "an address gets what is grave enough"
    assert receiver.titles == [*titles(*range(5)), "🚨 알림 97건 (급등 97)"]
    assert receiver.got[3]["message"] == "+3%" and receiver.got[3]["type"] == "info"
    assert all(f"🔔 알림 1번 json: {one}" in log() for one in receiver.titles)
    lines = receiver.got[5]["message"].splitlines()
    assert lines[0] == "🚨 급등: 종목 000096 · +96%" and lines[1] == "📈 급등: 종목 000000 · +0%"
    assert lines[20:] == ["… 그 밖에 77건", "http://c/"] and receiver.got[5]["type"] == "failure"
    assert digest([note(1, link="http://c/?symbol=1")]).body == "+1%\nhttp://c/?symbol=1"


def test_an_outage_loses_nothing_and_is_reported_once(log):
    with Receiver() as gone:
        gone.__exit__()
    with sending(gone.url.replace("/path", "/path?cto=5&rto=5"), count=30) as sender:
        until(lambda: "보내지 못했습니다" in log())
        assert sender.waiting == 30
        with Receiver("500", port=gone.port) as back:
            until(lambda: back.requests > 1)
            back.set("ok")
            until(lambda: len(back.got) == 30)
    assert sorted(back.titles) == titles(*range(30)) and back.titles[5:] == sorted(back.titles[5:])
    assert (log().count("보내지 못했습니다"), log().count("다시 보냅니다")) == (1, 1)
    assert Receiver.SECRET not in log()


def test_a_slow_service_gets_each_message_once():
    """Slower than the four seconds that apprise waits by itself."""
    with Receiver("slow", delay=4.5) as receiver, sending(receiver.url, count=2):
        until(lambda: len(receiver.got) == 2)
        receiver.set("ok")
    assert receiver.titles == titles(0, 1)


@pytest.mark.parametrize("mode", ["slow", "drip", "endless"])
def test_a_service_that_never_answers_gets_a_message_three_times_then_the_next(log, mode):
    """It may have kept what it does not confirm."""
    with Receiver(mode, delay=60) as receiver, sending(receiver.url + "?rto=0.2&cto=0.2", count=2) as sender:
        until(lambda: sender.waiting == 0)
    assert receiver.titles == titles(0, 0, 0, 1, 1, 1)
    assert log().count("버립니다") == 2 and "도착했을 수" in log()


def test_a_message_that_is_refused_for_good_is_dropped_at_once(log):
    with Receiver() as receiver:
        receiver.refusals = dict(zip(titles(*range(4)), [400, 413, 422, 500], strict=True))
        with sending(receiver.url, count=6) as sender:
            until(lambda: sender.waiting == 0)
    assert receiver.titles == titles(4, 5) and receiver.requests == 5 + delivery.MOST_TRIES
    assert log().count("버립니다") == 4


def test_a_hanging_service_holds_no_other_up_and_no_end_and_what_waits_is_known():
    with Receiver("slow", delay=60) as slow, Receiver() as well, sending(slow.url, well.url, count=3) as sender:
        until(lambda: len(well.got) == 3 and slow.requests == 1)
        began = time.monotonic()
        sender.close(0.2)
        assert time.monotonic() - began < 2
        assert [message.title for message in sender.unsent()["1번 json"]] == titles(*range(3))
        slow.released.set()


@pytest.mark.parametrize("url", [
    "tgram://123456789:AbCdEfGhIjKlMnOpQrStUvWxYz012345678/1234567", "kakaotalk://rest0123456789key/refresh0123456789tok",
    "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
])  # fmt: skip
def test_no_part_of_an_address_is_ever_logged(url, log, tmp_path):
    """Not by apprise either, at DEBUG, when it fails (nothing outside this machine is reached)."""
    [address] = addresses_of([url], tmp_path)
    logging.getLogger("apprise").debug("Telegram POST URL: %s", url)
    logging.getLogger("apprise").warning("sent to %s", url.rpartition("/")[0])
    secret = [part for part in re.split("[#@:/?]+", url)[1:] if len(part) > 8]
    assert secret and "●●●" in log() and not any(part in log() for part in secret)
    assert address.name == f"1번 {url.partition(':')[0]}"


def test_an_address_that_is_none_is_named_by_its_number_alone():
    for url in ("nonsense", "tgram://nobody", "critical="):
        with pytest.raises(ConfigError, match="ALERT_URLS 의 2번째") as raised:
            addresses_of(["json://127.0.0.1:1/", url])
        assert url not in str(raised.value) and "\n" not in str(raised.value)


def test_a_plugin_that_raises_has_not_delivered(log):
    plugin = Mock(socket_connect_timeout=1.0, socket_read_timeout=1.0, notify=Mock(side_effect=ValueError("12345")))
    assert deliver(Address("1번 x", plugin), digest([note(1)])) is Outcome.FAILED and "12345" not in log()
