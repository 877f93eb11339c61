"""The WebSocket of the simulated KIS: its ticks rebuild the market's minutes, its answers are KIS's, and §8's traps."""

import json
import time
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise

import pytest
from ticks_testing import captured, records_of
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from kis_simulator.exchange.market import Market
from kis_simulator.exchange.ticks import Tape, TickForm, frame
from kis_simulator.simulator import Simulator
from kis_simulator.ws.subscriptions import TICKS, Session

FRIDAY, NOW = date(2026, 11, 20), datetime(2026, 11, 20, 10, 30)
Ticks = list[list[str]]


def is_chained(ticks: Ticks) -> bool:
    return all(
        int(after[13]) - int(before[13]) == int(after[12])
        and int(after[14]) - int(before[14]) == int(after[2]) * int(after[12])
        for before, after in pairwise(ticks)
    )


def minutes(ticks: Ticks) -> dict[str, tuple[int, ...]]:
    """Open, high, low, close and volume of each minute: folded here once more, from the fields alone."""
    found: dict[str, tuple[int, ...]] = {}
    for minute, inside in groupby(ticks, lambda tick: tick[1][:4]):
        prices, sizes = zip(*((int(tick[2]), int(tick[12])) for tick in inside), strict=True)
        found[minute] = (prices[0], max(prices), min(prices), prices[-1], sum(sizes))
    return found


# --- the records of a day ---

MARKET = Market(1, FRIDAY, profiles={"005930": "liquid"})


def tape(day: date = FRIDAY, most: int | None = None, **form: object) -> Ticks:
    made = Tape("005930", MARKET.day("005930", day), 70_000, TickForm(**form))
    return [made.record(number) for number in range(len(made))[:most]]


@pytest.mark.parametrize("split", [1, 5])
def test_a_whole_days_ticks_rebuild_its_minutes_and_hold_the_chain(split: int) -> None:
    """Each trade comes as one execution, or as many that add up."""
    ticks = [tick for tick in tape(split=split) if tick[1] < "1540"]
    assert minutes(ticks) == {f"{one.timestamp:%H%M}": one[1:6] for one in MARKET.truth("005930", FRIDAY)}
    assert is_chained(ticks) and [tick[1] for tick in ticks] == sorted(tick[1] for tick in ticks)
    assert [int(tick[15]) + int(tick[16]) for tick in ticks] == list(range(len(ticks)))
    assert all(int(tick[9]) <= int(tick[2]) <= int(tick[8]) and tick[7] == ticks[0][2] for tick in ticks)


def test_the_47th_field_comes_since_september_2026() -> None:
    assert [len(tape(date(2026, 9, day), 1)[0]) for day in (11, 14)] == [46, 47]


def test_the_opening_cross_is_one_record_of_no_side_and_off_hours_are_in_the_totals_only() -> None:
    opened = [ticks[0] for count in range(14) if (ticks := tape(FRIDAY - timedelta(days=count), 1))]
    assert all(tick[21] == "" and tick[15:21] == ["0", "0", "0", "0.00", "0", "0"] for tick in opened)
    off_hours = {int(tick[13]) - int(tick[12]) for tick in opened}
    assert 0 in off_hours and len(off_hours) > 1
    assert all(tick[6] == f"{int(tick[2]):.2f}" for tick in opened), "the VWAP is without them"


def test_after_market_trades_are_class_3_and_closing_price_trades_class_5_where_switched_on() -> None:
    plain, closing = tape(), tape(closing_price=True)
    assert {tick[46] for tick in plain if tick[1] >= "160000"} == {"3"}
    assert [(tick[1], tick[34]) for tick in closing if tick[46] == "5"] == [("155000", "31")]
    assert [tick[46] for tick in tape(auction_class="5") if tick[1].startswith("1530")] == ["5"]


@pytest.mark.skipif(not captured("0|"), reason="the captured frames are not at hand")
def test_records_have_the_form_of_captured_ones() -> None:
    theirs = [record for line in captured("0|H0STCNT0|") for record in records_of(line)]

    def kind(text: str) -> str:
        return "empty" if not text else "decimal" if "." in text else "number" if text.lstrip("-").isdigit() else text

    kinds = [{kind(record[at]) for record in theirs} for at in range(46)]
    assert all(kind(record[at]) in kinds[at] for record in tape()[:40] for at in range(1, 46))
    assert frame(TICKS, tape()[:2]).startswith("0|H0STCNT0|002|005930^09")


# --- registrations ---


def request(key: str, symbol: str, kind: str = "1", tr_id: str = TICKS) -> str:
    header = {"approval_key": key, "custtype": "P", "tr_type": kind, "content-type": "utf-8"}
    return json.dumps({"header": header, "body": {"input": {"tr_id": tr_id, "tr_key": symbol}}})


def test_the_42nd_registration_is_one_too_many_whatever_its_tr() -> None:
    subscriptions, session = Simulator().stream.subscriptions, Session(1)
    key = subscriptions.approve("key", NOW)

    def code(*wanted: str, **options: str) -> str:
        reply = subscriptions.answer(session, request(key, *wanted, **options), NOW, 0.0)
        return reply["body"]["msg_cd"]

    codes = [code(f"{number:06}", tr_id=("H0STASP0", TICKS)[number % 2]) for number in range(42)]
    assert codes == ["OPSP0000"] * 41 + ["OPSP0008"]
    assert [code("000001"), code("000099", "2"), code("000001", "2")] == ["OPSP0002", "OPSP0003", "OPSP0001"]
    assert code("000099") == "OPSP0000"


# --- over a socket ---


class Here:
    """A stream whose clock the test moves, and clients that know the wire and nothing else."""

    def __init__(self) -> None:
        self.moment, self.clients = NOW, ExitStack()
        self.sim = Simulator(now=lambda: self.moment, ws=True, profiles=dict.fromkeys(("005930", "000660"), "liquid"))
        self.clients.enter_context(self.sim)

    def connect(self, *symbols: str) -> ClientConnection:
        """A connection with these symbols registered."""
        socket = connect(self.sim.ws_url + "/tryitout", ping_interval=None, compression=None)
        self.clients.enter_context(socket)
        for symbol in symbols:
            socket.send(request(self.sim.stream.subscriptions.approve("key", NOW), symbol))
            while "PINGPONG" in (text := socket.recv(5)) or text[0] != "{":
                continue
            reply = json.loads(text)
            assert reply["header"] == {"tr_id": TICKS, "tr_key": symbol, "encrypt": "N"}
            assert [len(text) for text in reply["body"]["output"].values()] == [16, 32]
        return socket


@pytest.fixture
def here():
    with (one := Here()).clients:
        yield one


def frames(socket: ClientConnection, seconds: float = 0.3, first: float = 10) -> list[bytes]:
    """The data frames that come until nothing has come for so long, or for so long at first."""
    found: list[bytes] = []
    while True:
        try:
            data = socket.recv(seconds if found else first, decode=False)
        except TimeoutError:
            return found
        if data[:1] == b"0":
            found.append(data)


def records(data: list[bytes]) -> Ticks:
    return [record for one in data for record in records_of(one.decode(errors="replace"))]


def test_frames_hold_several_records_of_one_symbol_and_none_from_before_the_registration(here: Here) -> None:
    socket = here.connect("005930", "000660")
    assert frames(socket, first=0.2) == []
    here.moment += timedelta(minutes=3)
    data = [records([one]) for one in frames(socket)]
    assert 1 < max(map(len, data)) <= 14 and all(len({tick[0] for tick in ticks}) == 1 for ticks in data)
    assert any(len({tick[1][:4] for tick in ticks}) > 1 for ticks in data), "a frame straddles minutes"
    assert all("103000" < tick[1] <= "103300" and tick[33] == "20261120" for ticks in data for tick in ticks)


@pytest.mark.parametrize("how", ["text", "pong", "nothing"])
def test_pingpong_answered_in_text_or_as_a_pong_keeps_the_session_and_unanswered_ends_it(here: Here, how: str) -> None:
    behaviour = here.sim.stream.behaviour
    behaviour.idle, behaviour.patience = 0.1, 0.35
    socket = here.connect("005930")
    until = time.monotonic() + 0.8
    try:
        while time.monotonic() < until:
            ping = socket.recv(5)
            assert json.loads(ping) == {"header": {"tr_id": "PINGPONG", "datetime": "20261120103000"}}
            if how == "text":
                socket.send(ping)
            elif how == "pong":
                socket.pong(ping)
    except ConnectionClosed as closed:
        assert how == "nothing" and closed.rcvd is None
    else:
        assert how != "nothing"


@pytest.mark.parametrize(("kind", "options", "is_struck"), [
    ("ws_doubled", {"times": 1}, lambda ticks, data: len(data) - len(set(data)) == 1),
    ("ws_swapped", {"times": 1}, lambda ticks, data: not is_chained(ticks)
        and is_chained(sorted(ticks, key=lambda tick: int(tick[13])))),
    ("ws_garbled", {"times": 1}, lambda ticks, data: sum(b"\xff" in one for one in data) == 1),
    ("ws_lost", {"rate": 0.3}, lambda ticks, data: not is_chained(ticks)),
    ("ws_absurd", {"times": 1}, lambda ticks, data: sum(len(tick[13]) == 30 for tick in ticks) == 1),
    ("ws_mute", {"after": 2}, lambda ticks, data: ticks and is_chained(ticks)),
    ("ws_hour", {"times": 1}, lambda ticks, data: sum(not tick[1].isdigit() for tick in ticks) == 1),
])  # fmt: skip
def test_a_fault_strikes_the_frames(here: Here, kind: str, options: dict, is_struck) -> None:
    socket, data = here.connect("005930"), []
    here.sim.add_fault(kind, **options)
    for _ in range(12):
        here.moment += timedelta(seconds=20)
        data += frames(socket, 0.05, 0.05)
    data += frames(socket, 0.2, 0.4)
    assert is_struck(records(data), data)
