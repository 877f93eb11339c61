"""The WebSocket of the simulated KIS, over a socket: its ticks rebuild the market's minutes, and the traps of §8."""

import json
import time
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
import requests
from ticks_testing import captured, records_of
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from kis_simulator.exchange.market import Market
from kis_simulator.exchange.ticks import Tape, TickForm, frame
from kis_simulator.simulator import Simulator
from kis_simulator.ws.subscriptions import TICKS

FRIDAY = date(2026, 11, 20)
PROFILES = {"005930": "liquid", "000660": "liquid", "222220": "illiquid"}
Ticks = list[list[str]]


class Here:
    """A simulator with a stream whose clock the test moves, and clients that know the wire and nothing else."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 20, 10, 30)
        self.sim = Simulator(now=lambda: self.moment, ws=True, profiles=PROFILES)
        self.sim.start()
        self.behaviour, self.form = self.sim.stream.behaviour, self.sim.stream.form
        self.clients = ExitStack()

    def approval(self, appkey: str = "key", **body: str) -> str:
        body = {"grant_type": "client_credentials", "appkey": appkey, "secretkey": "secret", **body}
        answer = requests.post(self.sim.url + "/oauth2/Approval", json=body, timeout=5).json()
        return answer.get("approval_key") or answer["error_code"]

    def connect(self) -> ClientConnection:
        url = self.sim.ws_url + "/tryitout"
        return self.clients.enter_context(connect(url, ping_interval=None, compression=None))

    def opened(self, *symbols: str, appkey: str = "key") -> ClientConnection:
        """A connection with these symbols registered."""
        socket, key = self.connect(), self.approval(appkey)
        assert {code(socket, key, symbol) for symbol in symbols} == {"OPSP0000"}
        return socket

    def runs(self, **time: float) -> None:
        self.moment += timedelta(**time)


@pytest.fixture
def here():
    one = Here()
    yield one
    one.clients.close()
    one.sim.stop()


def request(key: str, symbol: str, kind: str = "1", tr_id: str = TICKS) -> str:
    header = {"approval_key": key, "custtype": "P", "tr_type": kind, "content-type": "utf-8"}
    return json.dumps({"header": header, "body": {"input": {"tr_id": tr_id, "tr_key": symbol}}})


def answer(socket: ClientConnection, *wanted: str, **options: str) -> dict:
    socket.send(request(*wanted, **options))
    while (text := socket.recv(5))[0] != "{" or "PINGPONG" in text:
        continue
    return json.loads(text)


def code(socket: ClientConnection, *wanted: str, **options: str) -> str:
    return answer(socket, *wanted, **options)["body"]["msg_cd"]


def frames(socket: ClientConnection, seconds: float = 0.3) -> list[bytes]:
    """The data frames that come until nothing has come for so long."""
    found = []
    while True:
        try:
            data = socket.recv(seconds, decode=False)
        except TimeoutError:
            return found
        if data[:1] == b"0":
            found.append(data)


def records(data: list[bytes]) -> Ticks:
    return [record for one in data for record in records_of(one.decode(errors="replace"))]


def minutes(ticks: Ticks) -> dict[str, tuple[int, ...]]:
    """Open, high, low, close, volume, turnover of each minute: folded here once more, from the wire alone."""
    folded: dict[str, Ticks] = {}
    for tick in ticks:
        folded.setdefault(tick[1][:4], []).append(tick)
    return {
        minute: (
            int(inside[0][2]), max(int(t[2]) for t in inside), min(int(t[2]) for t in inside), int(inside[-1][2]),
            sum(int(t[12]) for t in inside), sum(int(t[2]) * int(t[12]) for t in inside),
        )
        for minute, inside in folded.items()
    }  # fmt: skip


def is_chained(ticks: Ticks) -> bool:
    return all(
        int(after[13]) - int(before[13]) == int(after[12])
        and int(after[14]) - int(before[14]) == int(after[2]) * int(after[12])
        for before, after in pairwise(ticks)
    )


# --- what comes ---


def test_a_whole_days_ticks_rebuild_its_minutes_and_hold_the_chain(here: Here) -> None:
    here.moment = datetime(2026, 11, 20, 8, 50)
    socket = here.opened("005930")
    here.runs(hours=6, minutes=51)
    ticks = records(frames(socket))
    true = {f"{candle.timestamp:%H%M}": candle[1:] for candle in here.sim.truth("005930", FRIDAY)}
    found = minutes(ticks)
    assert found.keys() == true.keys() and is_chained(ticks)
    assert all(found[minute][:5] == true[minute][:5] for minute in true)
    assert all(found[minute][5] == true[minute][5] for minute in list(true)[1:])


def test_each_trade_comes_in_its_second_and_none_from_before_the_registration(here: Here) -> None:
    socket = here.opened("005930")
    assert frames(socket, 0.2) == []
    here.runs(seconds=25)
    ticks = records(frames(socket))
    assert ticks and all("103000" < tick[1] <= "103025" for tick in ticks)
    assert {(tick[0], tick[33]) for tick in ticks} == {("005930", "20261120")}


def test_frames_hold_several_records_of_one_symbol_and_straddle_minutes(here: Here) -> None:
    socket = here.opened("005930", "000660")
    here.runs(minutes=3)
    data = [records([one]) for one in frames(socket)]
    assert 1 < max(map(len, data)) <= 14 and all(len({tick[0] for tick in ticks}) == 1 for ticks in data)
    assert any(len({tick[1][:4] for tick in ticks}) > 1 for ticks in data)


def tape(day: date = FRIDAY, **form: object) -> Ticks:
    market = Market(1, FRIDAY, profiles=PROFILES)
    made = Tape("005930", market.day("005930", day), 70_000, TickForm(**form))
    return [made.record(number) for number in range(len(made))]


@pytest.mark.parametrize(("day", "width"), [(date(2026, 9, 11), 46), (date(2026, 9, 14), 47)])
def test_the_47th_field_comes_since_september_2026(day: date, width: int) -> None:
    assert (len(tape(day)[5]), len(tape(day, width=48)[5])) == (width, 48)


def test_the_opening_cross_is_one_record_of_no_side_and_off_hours_are_in_the_totals_only() -> None:
    opened = [ticks[0] for count in range(14) if (ticks := tape(FRIDAY - timedelta(days=count)))]
    assert all(tick[21] == "" and tick[15:21] == ["0", "0", "0", "0.00", "0", "0"] for tick in opened)
    off_hours = {int(tick[13]) - int(tick[12]) for tick in opened}
    assert 0 in off_hours and len(off_hours) > 1
    assert all(tick[6] == f"{int(tick[2]):.2f}" for tick in opened), "the VWAP is without them"


def test_after_market_trades_are_class_3_and_closing_price_trades_class_5_where_switched_on() -> None:
    plain, closing = tape(), tape(closing_price=True)
    assert {tick[46] for tick in plain if tick[1] >= "160000"} == {"3"} and not [t for t in plain if t[46] == "5"]
    (block,) = [tick for tick in closing if tick[46] == "5"]
    assert (block[1], block[34]) == ("155000", "31") and is_chained(closing) and not is_chained(plain)
    assert [tick[46] for tick in tape(auction_class="5") if tick[1].startswith("1530")] == ["5"]


def test_a_trade_comes_as_many_executions_that_add_up() -> None:
    whole, split = ([tick for tick in ticks if tick[1] < "1540"] for ticks in (tape(), tape(split=10)))
    assert len(split) > 5 * len(whole) and is_chained(split)
    candles, split_candles = ({one: found[:5] for one, found in minutes(of).items()} for of in (whole, split))
    assert candles == split_candles and [tick[1] for tick in split] == sorted(tick[1] for tick in split)


@pytest.mark.skipif(not captured("0|"), reason="the captured frames are not at hand")
def test_records_have_the_form_of_captured_ones() -> None:
    theirs = [record for line in captured("0|H0STCNT0|") for record in records_of(line)]

    def kind(text: str) -> str:
        return "empty" if not text else "decimal" if "." in text else "number" if text.lstrip("-").isdigit() else text

    seen = [{kind(record[at]) for record in theirs} for at in range(46)]
    assert all(kind(record[at]) in seen[at] for record in tape()[:40] for at in range(1, 46))
    assert frame(TICKS, tape()[:2]).startswith("0|H0STCNT0|002|005930^09")


# --- who may listen ---


def test_an_approval_key_is_new_each_time_and_its_field_is_secretkey(here: Here) -> None:
    assert here.approval() != here.approval() and len(here.approval()) == 36
    assert here.approval(secretkey="", appsecret="secret") == "EGW00105"
    assert here.sim.calls("approval") == 4 and "'secret'" not in str(here.sim.requests)


def test_the_42nd_registration_is_one_too_many_whatever_its_tr(here: Here) -> None:
    socket, key = here.connect(), here.approval()
    codes = [code(socket, key, f"{number:06}", tr_id=("H0STASP0", TICKS)[number % 2]) for number in range(42)]
    assert codes == ["OPSP0000"] * 41 + ["OPSP0008"]
    assert code(socket, key, "000001", "2") == "OPSP0001" and code(socket, key, "000099") == "OPSP0000"
    here.behaviour.limit = 3
    assert code(socket, key, "000098") == "OPSP0008"


def test_registrations_once_twice_never_and_ended(here: Here) -> None:
    socket, key = here.connect(), here.approval()
    first, second = (answer(socket, key, symbol) for symbol in ("005930", "222220"))
    assert first["header"] == {"tr_id": TICKS, "tr_key": "005930", "encrypt": "N"}
    assert first["body"]["output"] == second["body"]["output"]
    assert [len(text) for text in first["body"]["output"].values()] == [16, 32]
    assert code(socket, key, "005930") == "OPSP0002" and code(socket, key, "000660", "2") == "OPSP0003"
    assert code(socket, key, "005930", "2") == code(socket, key, "222220", "2") == "OPSP0001"
    here.runs(minutes=1)
    assert frames(socket, 0.2) == []


def test_malformed_requests_are_answered_by_their_fault(here: Here) -> None:
    socket = here.connect()
    for text, expected in (
        ("{", "OPSP9999"), ("[]", "OPSP9998"), ('{"header": {}}', "OPSP9992"), (request("k", "5930"), "OPSP8992"),
        ('{"header": {}, "body": {}}', "OPSP9991"), (request("k", "005930", "0"), "OPSP8997"),
        (request("k", "005930", tr_id="H0STXXX0"), "OPSP8991"),
        (request("k", "005930").replace('"P"', '"X"'), "OPSP8998"),
    ):  # fmt: skip
        socket.send(text)
        reply = json.loads(socket.recv(5))
        assert (reply["body"]["msg_cd"], reply["header"]["tr_id"]) == (expected, "(null)")


def test_a_second_session_of_a_key_is_refused_and_cut_and_the_first_goes_on(here: Here) -> None:
    first, second = here.opened("005930"), here.connect()
    reply = answer(second, here.approval(), "005930")
    assert (reply["header"]["tr_id"], reply["header"]["tr_key"]) == ("(null)", "")
    assert (reply["body"]["rt_cd"], reply["body"]["msg_cd"]) == ("9", "OPSP8996")
    with pytest.raises(ConnectionClosed) as closed:
        second.recv(5)
    assert closed.value.rcvd is None, "no close frame"
    here.runs(minutes=1)
    assert records(frames(first)) and here.opened("005930", appkey="another")


# --- PINGPONG ---


def test_pingpong_comes_when_nothing_else_was_sent(here: Here) -> None:
    here.behaviour.idle = 0.2
    socket = here.opened("005930")
    assert json.loads(socket.recv(5)) == {"header": {"tr_id": "PINGPONG", "datetime": "20261120103000"}}
    here.behaviour.idle = 5
    for _ in range(5):
        here.runs(minutes=1)
        assert socket.recv(5, decode=False)[:1] == b"0"
        time.sleep(0.05)


@pytest.mark.parametrize("how", ["text", "pong", "nothing"])
def test_an_answer_in_text_or_as_a_pong_keeps_the_session_and_none_ends_it(here: Here, how: str) -> None:
    here.behaviour.idle, here.behaviour.patience = 0.1, 0.35
    socket = here.opened("005930")
    until = time.monotonic() + 0.8
    try:
        while time.monotonic() < until:
            ping = socket.recv(5)
            if how == "text":
                socket.send(ping)
            elif how == "pong":
                socket.pong(ping)
    except ConnectionClosed as closed:
        assert how == "nothing" and closed.rcvd is None
    else:
        assert how != "nothing"


# --- what goes wrong ---


@pytest.mark.parametrize(("kind", "options", "is_struck"), [
    ("ws_doubled", {"times": 1}, lambda ticks, data: len(data) - len(set(data)) == 1),
    ("ws_swapped", {"times": 1}, lambda ticks, data: not is_chained(ticks) and len(data) == len(set(data))
        and is_chained(sorted(ticks, key=lambda tick: int(tick[13])))),
    ("ws_garbled", {"times": 1}, lambda ticks, data: sum(b"\xff" in one for one in data) == 1),
    ("ws_lost", {"rate": 0.3}, lambda ticks, data: not is_chained(ticks)),
    ("ws_stall", {"times": 1, "after": 1, "seconds": 0.2}, lambda ticks, data: not is_chained(ticks)),
    ("ws_absurd", {"times": 1}, lambda ticks, data: sum(len(tick[13]) == 30 for tick in ticks) == 1),
    ("ws_mute", {"after": 2}, lambda ticks, data: ticks and is_chained(ticks)),
    ("ws_hour", {"times": 1}, lambda ticks, data: sum(not tick[1].isdigit() for tick in ticks) == 1),
])  # fmt: skip
def test_a_fault_strikes_the_frames(here: Here, kind: str, options: dict, is_struck) -> None:
    socket, data = here.opened("005930"), []
    here.sim.add_fault(kind, **options)
    for _ in range(12):
        here.runs(seconds=20)
        data += frames(socket, 0.05)
    assert is_struck(records(data), data)
