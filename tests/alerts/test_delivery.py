"""Delivery to a real local receiver: whole, in order, told once where it fails, and never with a secret."""

import logging
import re
import socket
import time
from collections.abc import Callable

import pytest
from receiver import Receiver

from minute_candles.alerts import delivery
from minute_candles.alerts.addresses import Address, Outcome, addresses_of, deliver
from minute_candles.alerts.delivery import Delivery
from minute_candles.alerts.digest import Note, digest
from minute_candles.core.errors import ConfigError

QUICK = 0.05, 0.2


def note(number: int, severity: str = "info", link: str = "") -> Note:
    return Note(severity, "급등", f"종목 {number:06}", f"+{number}%", link)  # type: ignore[arg-type]


def title(number: int) -> str:
    return digest([note(number)]).title


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.02)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """All that was logged at any level, by anybody who logs."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "minute_candles")
    for name in ("apprise", "minute_candles"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    return lambda: "\n".join(r.getMessage() for r in caplog.records if not r.name.startswith("urllib3"))


def test_each_message_arrives_once_and_in_order(said):
    with Receiver() as receiver:
        sender = Delivery(addresses_of([receiver.url]))
        for number in range(5):
            sender.send([note(number)])
        until(lambda: len(receiver.got) == 5)
        sender.close()
    assert receiver.titles == [title(number) for number in range(5)]
    assert receiver.got[3]["message"] == "+3%" and receiver.got[3]["type"] == "info"
    assert all(f"🔔 알림 1번 json: {title}" in said() for title in receiver.titles)


def test_many_hits_are_one_digest_the_gravest_first():
    hits = [note(number, link="http://c/?symbol=1") for number in range(96)] + [note(96, "critical")]
    with Receiver() as receiver:
        sender = Delivery(addresses_of([receiver.url]))
        sender.send(hits)
        until(lambda: bool(receiver.got))
        sender.close()
    [told] = receiver.got
    lines = told["message"].splitlines()
    assert told["title"] == "🚨 알림 97건 (급등 97)" and told["type"] == "failure"
    assert lines[0] == "🚨 급등: 종목 000096 · +96%" and lines[1] == "📈 급등: 종목 000000 · +0%"
    assert lines[20:] == ["… 그 밖에 77건", "http://c/"]


def test_one_alone_has_its_link():
    assert digest([note(1, link="http://c/?symbol=1")]).body == "+1%\nhttp://c/?symbol=1"


def test_an_address_gets_what_is_grave_enough():
    with Receiver() as every, Receiver() as grave:
        sender = Delivery(addresses_of([every.url, f"warning={grave.url}"]))
        sender.send([note(1)])
        sender.send([note(2), note(3, "warning"), note(4, "critical")])
        until(lambda: len(every.got) == 2 and len(grave.got) == 1)
        sender.close()
    assert every.titles == [title(1), "🚨 알림 3건 (급등 3)"]
    assert grave.titles == ["🚨 알림 2건 (급등 2)"]


@pytest.mark.parametrize("mode", ["500", "gone"])
def test_an_outage_loses_nothing_and_is_reported_once(mode, said):
    with Receiver("ok" if mode == "gone" else mode) as first:
        url, port = first.url, first.port
        if mode == "gone":
            first.__exit__()
        sender = Delivery(addresses_of([url.replace("/path", "/path?cto=5&rto=5")]), QUICK)
        for number in range(30):
            sender.send([note(number)])
        assert sender.waiting == 30
        time.sleep(1.0)
        assert sender.waiting == 30 and said().count("보내지 못했습니다") == 1
        if mode == "gone":
            with Receiver(port=port) as second:
                until(lambda: len(second.got) == 30)
                got = second.titles
        else:
            assert first.requests >= 2
            first.set("ok")
            until(lambda: len(first.got) == 30)
            got = first.titles
        sender.close()
    assert sorted(got) == [title(number) for number in range(30)] and got[5:] == sorted(got[5:])
    assert said().count("다시 보냅니다") == 1 and Receiver.SECRET not in said()


def test_a_slow_service_gets_each_message_once():
    """Slower than the four seconds that apprise waits by itself."""
    with Receiver("slow", delay=5) as receiver:
        sender = Delivery(addresses_of([receiver.url]), QUICK)
        sender.send([note(0)])
        until(lambda: receiver.requests == 1 and sender.waiting == 0)
        sender.send([note(1)])
        until(lambda: len(receiver.got) == 2)
        receiver.set("ok")
        sender.close()
    assert receiver.titles == [title(0), title(1)]


@pytest.mark.parametrize("mode", ["slow", "drip", "endless"])
def test_a_service_that_never_answers_gets_a_message_three_times_then_the_next(said, mode):
    """It may have kept what it does not confirm."""
    with Receiver(mode, delay=60) as receiver:
        sender = Delivery(addresses_of([receiver.url + "?rto=0.2&cto=0.2"]), QUICK)
        for number in range(3):
            sender.send([note(number)])
        until(lambda: sender.waiting == 0)
        sender.close()
    assert receiver.titles == [title(number) for number in range(3) for _ in range(3)]
    assert said().count("버립니다") == 3 and "도착했을 수" in said()


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_message_that_is_refused_for_good_is_dropped_at_once(status, said):
    with Receiver() as receiver:
        receiver.refusals[title(0)] = status
        sender = Delivery(addresses_of([receiver.url]))
        for number in range(2):
            sender.send([note(number)])
        until(lambda: receiver.titles == [title(1)], 3)
        sender.close()
    assert receiver.requests == 2 and said().count("버립니다") == 1 and title(0) in said()


def test_a_message_that_fails_where_others_arrive_lets_them_pass_and_is_dropped_in_the_end(said):
    with Receiver() as receiver:
        receiver.refusals[title(0)] = 500
        sender = Delivery(addresses_of([receiver.url]), QUICK)
        for number in range(5):
            sender.send([note(number)])
        until(lambda: sender.waiting == 0)
        sender.close()
    assert receiver.titles == [title(number) for number in range(1, 5)]
    assert receiver.requests == 4 + delivery.MOST_TRIES and said().count("버립니다") == 1


def test_what_waits_is_known_at_any_time():
    """Of a sound address, too: what is on its way may be lost with the process."""
    with Receiver("slow", delay=60) as receiver:
        sender = Delivery(addresses_of([receiver.url]))
        for number in range(3):
            sender.send([note(number)])
        until(lambda: receiver.requests == 1)
        sender.close(0.2)
        assert [message.title for message in sender.unsent()["1번 json"]] == [title(n) for n in range(3)]


def test_a_hanging_service_holds_no_other_up_and_no_end(monkeypatch):
    with Receiver("hang") as hanging, Receiver() as well:
        sender = Delivery(addresses_of([hanging.url, well.url]), QUICK)
        sender.send([note(1)])
        until(lambda: bool(well.got), 3)
        began = time.monotonic()
        sender.close(0.5)
        assert time.monotonic() - began < 2


def test_what_the_queue_does_not_hold_loses_its_oldest_and_is_told(monkeypatch, said):
    monkeypatch.setattr(delivery, "MOST_WAITING", 3)
    with Receiver("500") as receiver:
        sender = Delivery(addresses_of([receiver.url]), QUICK)
        for number in range(6):
            sender.send([note(number)])
        assert sender.waiting == 3 and said().count("오래된 것부터 버립니다") == 1
        receiver.set("ok")
        until(lambda: len(receiver.got) >= 3)
        sender.close()
    assert receiver.titles[-3:] == [title(number) for number in (3, 4, 5)]


@pytest.mark.parametrize(
    "url",
    ["tgram://123456789:AbCdEfGhIjKlMnOpQrStUvWxYz012345678/1234567", "kakaotalk://rest0123456789key/refresh0123456789tok",
     "mailto://somebody:passw0rd1@example.kr?smtp=127.0.0.1", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general"],
)  # fmt: skip
def test_no_part_of_an_address_is_ever_logged(url, said, tmp_path):
    """Not by apprise either, at DEBUG, when it fails (nothing outside this machine is reached)."""
    [address] = addresses_of([url], tmp_path)
    log = logging.getLogger("apprise")
    log.debug("Telegram POST URL: %s", url)
    log.warning("sent to %s", url.rpartition("/")[0])
    secret = [part for part in re.split("[#@:/?]+", url)[1:] if len(part) > 8]
    assert secret and "●●●" in said()
    assert not any(part in said() for part in secret if "smtp" not in part)
    assert address.name == f"1번 {url.partition(':')[0]}"


@pytest.mark.parametrize("url", ["nonsense", "tgram://nobody", "https//x", "critical=", "critical=nonsense://x"])
def test_an_address_that_is_none_is_told_by_its_number_alone(url, said):
    with pytest.raises(ConfigError, match="ALERT_URLS 의 2번째") as raised:
        addresses_of(["json://127.0.0.1:1/", url])
    assert url not in str(raised.value) and "\n" not in str(raised.value)


def test_a_plugin_that_raises_has_not_delivered(said):
    class Broken:
        socket_connect_timeout = socket_read_timeout = 1.0

        def notify(self, **_: object) -> bool:
            raise RuntimeError("token 12345")

    address = Address("1번 x", Broken())
    assert deliver(address, digest([note(1)])) is Outcome.FAILED and "12345" not in said()


def test_a_port_nobody_listens_on_has_not_delivered():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    [address] = addresses_of([f"json://127.0.0.1:{port}/"])
    assert deliver(address, digest([note(1)])) is Outcome.FAILED
