"""The WebSocket of the simulated KIS, over a socket: its ticks rebuild the market's minutes, and every trap of §8."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
import requests
from places import SHARED
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from kis_simulator.exchange.market import Market
from kis_simulator.exchange.ticks import Tape, TickForm, frame
from kis_simulator.simulator import Simulator
from kis_simulator.ws.subscriptions import TICKS

FRIDAY, CSAT = date(2026, 11, 20), date(2026, 11, 19)
SYMBOLS = ("005930", "000660")
PROFILES = {"005930": "liquid", "000660": "liquid", "222220": "illiquid"}
FRAMES = SHARED / "data" / "kis_websocket_frames.txt"


class Listening:
    """A simulator with a stream whose clock the test moves, and a client that knows the wire and nothing else."""

    def __init__(self, moment: datetime = datetime(2026, 11, 20, 10, 30), **options) -> None:
        self.moment = moment
        self.sim = Simulator(now=lambda: self.moment, ws=True, **{"profiles": PROFILES, **options})
        self.sim.start()
        self.behaviour, self.form = self.sim.stream.behaviour, self.sim.stream.form
        self.sockets: list[ClientConnection] = []
        self._open = ExitStack()

    def close(self) -> None:
        self._open.close()
        self.sim.stop()

    def approval(self, appkey: str = "key") -> str:
        body = {"grant_type": "client_credentials", "appkey": appkey, "secretkey": "secret"}
        return requests.post(self.sim.url + "/oauth2/Approval", json=body, timeout=5).json()["approval_key"]

    def connect(self) -> ClientConnection:
        socket = connect(self.sim.ws_url + "/tryitout", ping_interval=None, compression=None)
        self.sockets.append(self._open.enter_context(socket))
        return self.sockets[-1]

    def opened(self, *symbols: str, appkey: str = "key") -> ClientConnection:
        """A connection with these symbols registered."""
        socket, key = self.connect(), self.approval(appkey)
        for symbol in symbols:
            assert answered(socket, key, symbol)["body"]["msg_cd"] == "OPSP0000"
        return socket

    def runs(self, **time: float) -> None:
        self.moment += timedelta(**time)


@pytest.fixture
def make() -> Iterator[object]:
    made: list[Listening] = []

    def maker(*arguments, **options) -> Listening:
        made.append(Listening(*arguments, **options))
        return made[-1]

    yield maker
    for one in made:
        one.close()


@pytest.fixture
def here(make) -> Listening:
    return make()


def wanted(key: str, symbol: str, kind: str = "1", tr_id: str = TICKS) -> str:
    header = {"approval_key": key, "custtype": "P", "tr_type": kind, "content-type": "utf-8"}
    return json.dumps({"header": header, "body": {"input": {"tr_id": tr_id, "tr_key": symbol}}})


def answered(socket: ClientConnection, key: str, symbol: str, kind: str = "1", tr_id: str = TICKS) -> dict:
    socket.send(wanted(key, symbol, kind, tr_id))
    while (text := socket.recv(5))[0] != "{" or "PINGPONG" in text:
        continue
    return json.loads(text)


def code(*arguments, **options) -> str:
    return answered(*arguments, **options)["body"]["msg_cd"]


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


def records(data: list[bytes]) -> list[list[str]]:
    """The records of frames, as wide as fields ÷ count says."""
    found = []
    for one in data:
        _, _, count, body = one.decode(errors="replace").split("|", 3)
        fields = body.split("^")
        width = len(fields) // int(count)
        assert width * int(count) == len(fields)
        found += [fields[at : at + width] for at in range(0, len(fields), width)]
    return found


def minutes(ticks: list[list[str]]) -> dict[str, tuple[int, ...]]:
    """Open, high, low, close, volume, turnover of each minute: folded here once more, from the wire alone."""
    folded: dict[str, list[list[str]]] = {}
    for tick in ticks:
        folded.setdefault(tick[1][:4], []).append(tick)
    return {
        minute: (
            int(inside[0][2]), max(int(t[2]) for t in inside), min(int(t[2]) for t in inside), int(inside[-1][2]),
            sum(int(t[12]) for t in inside), sum(int(t[2]) * int(t[12]) for t in inside),
        )
        for minute, inside in folded.items()
    }  # fmt: skip


def truth(sim: Simulator, symbol: str, day: date = FRIDAY) -> dict[str, tuple[int, ...]]:
    return {f"{candle.timestamp:%H%M}": candle[1:] for candle in sim.truth(symbol, day)}


def is_chained(ticks: list[list[str]]) -> bool:
    return all(
        int(after[13]) - int(before[13]) == int(after[12])
        and int(after[14]) - int(before[14]) == int(after[2]) * int(after[12])
        for before, after in pairwise(ticks)
    )


# --- what is told ---


def test_a_whole_days_ticks_rebuild_its_minutes_and_hold_the_chain(make) -> None:
    here = make(datetime(2026, 11, 20, 8, 50))
    socket = here.opened("005930")
    here.runs(hours=6, minutes=51)
    ticks = records(frames(socket))
    told, true = minutes(ticks), truth(here.sim, "005930")
    assert told.keys() == true.keys() and is_chained(ticks)
    assert all(told[minute][:5] == true[minute][:5] for minute in true)
    assert all(told[minute][5] == true[minute][5] for minute in list(true)[1:])


def test_a_deal_outside_the_book_is_in_the_ticks_turnover_as_in_rest(here: Listening) -> None:
    here.sim.add_fault("deal")
    here.runs(hours=-1, minutes=-25)
    socket = here.opened("005930")
    here.runs(hours=6)
    ticks = records(frames(socket))
    last = {tick[1][:4]: tick[14] for tick in ticks}
    rows = here.sim._rows("past", "005930", {"FID_INPUT_DATE_1": "20261120", "FID_INPUT_HOUR_1": "150000"}, here.moment)
    told = {row["stck_cntg_hour"][:4]: row["acml_tr_pbmn"] for row in rows if row["stck_bsop_date"] == "20261120"}
    assert not is_chained(ticks) and all(last[minute] == told[minute] for minute in told)


def test_each_trade_comes_in_its_second_and_nothing_before_the_registration(here: Listening) -> None:
    socket = here.opened("005930")
    assert frames(socket, 0.2) == []
    here.runs(seconds=25)
    ticks = records(frames(socket))
    assert ticks and all("103000" < tick[1] <= "103025" for tick in ticks)
    assert {tick[0] for tick in ticks} == {"005930"} and {tick[33] for tick in ticks} == {"20261120"}


def test_frames_hold_several_records_of_one_symbol_and_straddle_minutes(here: Listening) -> None:
    socket = here.opened(*SYMBOLS)
    here.runs(minutes=3)
    data = frames(socket)
    counts = [int(one.split(b"|")[2]) for one in data]
    assert max(counts) > 1 and max(counts) <= 14
    assert all(len({tick[0] for tick in records([one])}) == 1 for one in data)
    assert any(len({tick[1][:4] for tick in records([one])}) > 1 for one in data)


def test_records_are_held_back_to_gather_in_one_frame(here: Listening) -> None:
    here.behaviour.gather = 0.5
    socket = here.opened("005930")
    for _ in range(10):
        here.runs(seconds=6)
        time.sleep(0.03)
    assert len(frames(socket, 0.8)) <= 2


@pytest.mark.parametrize(("day", "width"), [(date(2026, 9, 11), 46), (date(2026, 9, 14), 47)])
def test_the_47th_field_comes_since_september_2026(day: date, width: int) -> None:
    market = Market(1, FRIDAY, profiles=PROFILES)
    assert len(Tape("005930", market.day("005930", day), 70_000, TickForm()).record(5)) == width
    assert len(Tape("005930", market.day("005930", day), 70_000, TickForm(width=48)).record(5)) == 48


def tape(day: date = FRIDAY, oddity: str = "plain", symbol: str = "005930", **form) -> list[list[str]]:
    market = Market(1, FRIDAY, profiles=PROFILES, oddities={(symbol, day): oddity})
    made = Tape(symbol, market.day(symbol, day), 70_000, TickForm(**form))
    return [made.record(number) for number in range(len(made))]


def test_the_opening_cross_is_one_record_of_no_side_and_off_hours_stand_in_the_totals_only() -> None:
    days = [FRIDAY - timedelta(days=count) for count in range(14)]
    opened = [ticks[0] for day in days if (ticks := tape(day))]
    assert all(tick[21] == "" and tick[15:21] == ["0", "0", "0", "0.00", "0", "0"] for tick in opened)
    off_hours = {int(tick[13]) - int(tick[12]) for tick in opened}
    assert 0 in off_hours and len(off_hours) > 1
    assert all(tick[6] == f"{int(tick[2]):.2f}" for tick in opened), "the VWAP is without them"


def test_executions_are_counted_one_by_one_and_extremes_carry_their_second() -> None:
    ticks = tape()
    counts = [int(tick[15]) + int(tick[16]) for tick in ticks]
    assert counts == list(range(len(ticks)))
    assert all(int(tick[9]) <= int(tick[2]) <= int(tick[8]) and tick[7] == ticks[0][2] for tick in ticks)
    highest = next(tick for tick in ticks if tick[2] == ticks[-1][8])
    assert ticks[-1][27] == highest[1] and {tick[44] for tick in ticks} == {""}


def test_after_market_trades_are_class_3_and_closing_price_trades_class_5_where_switched_on() -> None:
    plain, closing = tape(), tape(closing_price=True)
    assert {tick[46] for tick in plain if tick[1] >= "160000"} == {"3"} and not [t for t in plain if t[46] == "5"]
    (block,) = [tick for tick in closing if tick[46] == "5"]
    assert block[1] == "155000" and block[34] == "31" and is_chained(closing) and not is_chained(plain)
    (auction,) = [tick for tick in tape(auction_class="5") if tick[1].startswith("1530")]
    assert auction[46] == "5"


def test_a_trade_is_told_as_many_executions_that_add_up() -> None:
    whole, split = ([tick for tick in told if tick[1] < "1540"] for told in (tape(), tape(split=50)))
    assert len(split) > 20 * len(whole) and is_chained(split)
    assert {minute: told[:5] for minute, told in minutes(split).items()} == {
        minute: told[:5] for minute, told in minutes(whole).items()
    }
    assert [tick[1] for tick in split] == sorted(tick[1] for tick in split)


@pytest.mark.skipif(not FRAMES.exists(), reason="the captured frames are not at hand")
def test_records_have_the_form_of_captured_ones() -> None:
    lines = [line for line in FRAMES.read_text(encoding="utf-8").splitlines() if line.startswith("0|H0STCNT0|")]
    captured = [record for line in lines for record in records([line.encode()]) if len(record) in (46, 47)]

    def kind(text: str) -> str:
        return "empty" if not text else "decimal" if "." in text else "number" if text.lstrip("-").isdigit() else text

    seen = [{kind(record[at]) for record in captured} for at in range(46)]
    for record in tape()[:40]:
        assert all(kind(record[at]) in seen[at] for at in range(1, 46)), record
    assert frame(TICKS, tape()[:2]).startswith("0|H0STCNT0|002|005930^09")


# --- who may listen ---


def test_an_approval_key_is_new_each_time_and_its_field_is_secretkey(here: Listening) -> None:
    assert here.approval() != here.approval() and len(here.approval()) == 36
    body = {"grant_type": "client_credentials", "appkey": "key", "appsecret": "secret"}
    refused = requests.post(here.sim.url + "/oauth2/Approval", json=body, timeout=5)
    assert refused.json()["error_code"] == "EGW00105"
    assert here.sim.calls("approval") == 4 and "secret" not in str(here.sim.requests)


def test_the_42nd_registration_is_one_too_many_whatever_its_tr(here: Listening) -> None:
    socket, key = here.connect(), here.approval()
    codes = [code(socket, key, f"{number:06}", tr_id=("H0STASP0", TICKS)[number % 2]) for number in range(42)]
    assert codes == ["OPSP0000"] * 41 + ["OPSP0008"]
    assert code(socket, key, "000001", "2") == "OPSP0001" and code(socket, key, "000099") == "OPSP0000"
    here.behaviour.limit = 3
    assert code(socket, key, "000098") == "OPSP0008"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "OPSP9999"), ("[]", "OPSP9998"), ('{"header": {}}', "OPSP9992"),
        ('{"header": {}, "body": {}}', "OPSP9991"), (wanted("k", "005930", "0"), "OPSP8997"),
        (wanted("k", "5930"), "OPSP8992"), (wanted("k", "005930", tr_id="H0STXXX0"), "OPSP8991"),
        (wanted("k", "005930").replace('"P"', '"X"'), "OPSP8998"),
    ],
)  # fmt: skip
def test_malformed_requests_are_told_so(here: Listening, text: str, told: str) -> None:
    socket = here.connect()
    socket.send(text)
    answer = json.loads(socket.recv(5))
    assert answer["body"]["msg_cd"] == told and answer["header"]["tr_id"] == "(null)"


def test_a_second_session_of_a_key_is_told_and_cut_and_the_first_goes_on(here: Listening) -> None:
    first, second = here.opened("005930"), here.connect()
    answer = answered(second, here.approval(), "005930")
    assert (answer["header"]["tr_id"], answer["header"]["tr_key"]) == ("(null)", "")
    assert (answer["body"]["rt_cd"], answer["body"]["msg_cd"]) == ("9", "OPSP8996")
    with pytest.raises(ConnectionClosed) as closed:
        second.recv(5)
    assert closed.value.rcvd is None, "no close frame"
    here.runs(minutes=1)
    assert records(frames(first))
    assert here.opened("005930", appkey="another")


def test_too_many_connects_a_minute_get_the_address_blocked(here: Listening) -> None:
    here.behaviour.most_connects = 3
    for _ in range(3):
        here.connect().close()
    with pytest.raises(ConnectionClosed):
        here.connect().recv(5)


# --- PINGPONG ---


def test_pingpong_comes_when_nothing_else_was_sent(here: Listening) -> None:
    here.behaviour.idle = 0.2
    socket = here.opened("005930")
    told = json.loads(socket.recv(5))
    assert told == {"header": {"tr_id": "PINGPONG", "datetime": "20261120103000"}}
    here.behaviour.idle = 5
    for _ in range(10):
        here.runs(minutes=1)
        assert socket.recv(5, decode=False)[:1] == b"0"
        time.sleep(0.05)


@pytest.mark.parametrize("how", ["text", "pong", "silence"])
def test_an_answer_in_text_or_as_a_pong_keeps_the_session_and_silence_ends_it(here: Listening, how: str) -> None:
    here.behaviour.idle, here.behaviour.patience = 0.1, 0.35
    socket = here.opened("005930")
    until = time.monotonic() + 1
    try:
        while time.monotonic() < until:
            ping = socket.recv(5)
            if how == "text":
                socket.send(ping)
            elif how == "pong":
                socket.pong(ping)
    except ConnectionClosed as closed:
        assert how == "silence" and closed.rcvd is None
    else:
        assert how != "silence"


def test_pingpong_can_come_regularly_while_data_flow(here: Listening) -> None:
    here.behaviour.regular = 0.2
    socket, pings = here.opened("005930"), 0
    for _ in range(30):
        here.runs(seconds=20)
        pings += b"PINGPONG" in socket.recv(5, decode=False)
        time.sleep(0.03)
    assert pings >= 3


def test_a_protocol_ping_is_answered_or_ends_the_session(here: Listening) -> None:
    socket = here.opened("005930")
    assert socket.ping().wait(2)
    here.behaviour.hates_pings = True
    socket.ping()
    with pytest.raises(ConnectionClosed):
        socket.recv(5)


# --- what goes wrong ---


def told_with(here: Listening, kind: str, **options) -> tuple[list[list[str]], list[bytes]]:
    """Five minutes of ticks, and the frames they came in."""
    socket = here.opened("005930")
    here.sim.add_fault(kind, **options)
    data = []
    for _ in range(15):
        here.runs(seconds=20)
        data += frames(socket, 0.06)
    return records(data), data


def test_doubled_and_swapped_frames(here: Listening) -> None:
    _, data = told_with(here, "ws_doubled", times=1)
    assert len(data) - len(set(data)) == 1
    here.sim.clear_faults()
    here.sockets[-1].close()
    time.sleep(0.05)
    ticks, data = told_with(here, "ws_swapped", times=1)
    assert len(data) == len(set(data)) and not is_chained(ticks)
    assert is_chained(sorted(ticks, key=lambda tick: int(tick[13])))


def test_bytes_that_are_no_utf8_leave_the_frame_a_frame(here: Listening) -> None:
    _, data = told_with(here, "ws_garbled", times=1)
    bad = [one for one in data if b"\xff" in one]
    assert len(bad) == 1
    with pytest.raises(UnicodeDecodeError):
        bad[0].decode()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ws_lost", {"rate": 0.3}), ("ws_stall", {"times": 1, "after": 1, "seconds": 0.5}),
        ("ws_absurd", {"times": 1}), ("ws_mute", {"after": 2}),
    ],
)  # fmt: skip
def test_what_is_lost_or_absurd_breaks_the_chain(here: Listening, kind: str, options: dict) -> None:
    ticks, _ = told_with(here, kind, **options)
    assert ticks
    assert is_chained(ticks) == (kind == "ws_mute")
    assert (kind == "ws_absurd") == any(len(tick[13]) == 30 for tick in ticks)


def test_an_hour_that_is_none_and_an_error_of_no_symbol(here: Listening) -> None:
    ticks, _ = told_with(here, "ws_hour", times=1)
    assert sum(not tick[1].isdigit() for tick in ticks) == 1
    here.sim.add_fault("ws_stray", times=1)
    here.runs(minutes=2)
    stray = json.loads(here.sockets[-1].recv(5))
    assert (stray["header"]["tr_id"], stray["header"]["tr_key"], stray["body"]["rt_cd"]) == ("(null)", "", "1")


def test_registrations_once_twice_never_and_ended(here: Listening) -> None:
    socket, key = here.connect(), here.approval()
    first, second = (answered(socket, key, symbol) for symbol in ("005930", "222220"))
    assert first["header"] == {"tr_id": TICKS, "tr_key": "005930", "encrypt": "N"}
    assert first["body"]["output"] == second["body"]["output"]
    assert [len(text) for text in first["body"]["output"].values()] == [16, 32]
    assert code(socket, key, "005930") == "OPSP0002" and code(socket, key, "000660", "2") == "OPSP0003"
    assert code(socket, key, "005930", "2") == code(socket, key, "222220", "2") == "OPSP0001"
    here.runs(minutes=1)
    assert frames(socket, 0.2) == []
