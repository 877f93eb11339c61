"""The WebSocket over a real socket to the simulated KIS: what it hears, what it outlives, and how politely."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Thread

import filelock
import pytest
from kis_testing import settings_for
from ticks_testing import Trade, record
from updater_tools import wait_until

from kis_simulator.exchange.ticks import frame
from kis_simulator.simulator import Simulator
from minute_candles.config.integrations import Integrations
from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.core.kst import KST
from minute_candles.kis.approval import Approval
from minute_candles.kis.websocket import REAL, VTS, KisSocket
from minute_candles.kis.ws_frames import Answer, Verdict
from minute_candles.kis.ws_session import Callbacks, Cut, Known, Pace, SocketSession
from minute_candles.market.rows import TradeTick

QUICK = Pace(gap=0, first=0.05, most=0.4, in_use=0.4, silence=20, lived=0.3, retry=0.2, look=0.02)
SILENT = replace(QUICK, silence=0.8)
SYMBOLS = [f"{number:06}" for number in range(1, 42)]
SPEED = 60
"""The simulated market runs so much faster than this host: it trades all the time."""


class Here:
    """A simulated KIS whose market trades, and clients of one key; what they heard and told."""

    def __init__(self, folder: Path) -> None:
        began, start = time.monotonic(), datetime(2026, 11, 20, 10)
        self.sim = Simulator(
            now=lambda: start + timedelta(seconds=SPEED * (time.monotonic() - began)), ws=True,
            profiles=dict.fromkeys(SYMBOLS, "liquid"),
        )  # fmt: skip
        self.sim.start()
        self.stream = self.sim.stream
        self.stream.behaviour.linger = 0
        self.stream.form.split = 20
        base = settings_for(self.sim.url, folder)
        self.settings: Settings = replace(base, integrations=Integrations(ws_url=self.sim.ws_url))
        self.told: list[str] = []
        self.ticks: list[TradeTick] = []
        self.seconds = 0
        self.expects = False
        self._running: list[tuple[KisSocket, Thread]] = []

    def open(self, *symbols: str, pace: Pace = QUICK, hear: Callable[[list[TradeTick]], None] | None = None,
             settings: Settings | None = None) -> KisSocket:  # fmt: skip
        clock, known = Clock(), settings or self.settings
        callbacks = Callbacks(hear or self.ticks.extend, self.told.append, self._second, lambda: self.expects)
        socket = KisSocket(known, Approval(known, clock), clock, callbacks, pace)
        thread = Thread(target=socket.run, args=(symbols or ("000001", "000002"),), daemon=True)
        thread.start()
        self._running.append((socket, thread))
        return socket

    def _second(self) -> None:
        self.seconds += 1

    def heard(self, symbol: str = "") -> int:
        return sum(symbol in tick.symbol for tick in self.ticks)

    def hears_again(self) -> None:
        """More data come from now on."""
        before = len(self.ticks)
        wait_until(lambda: len(self.ticks) > before)

    def codes(self) -> list[str]:
        return [message["code"] for message in self.stream.messages]

    def close(self) -> None:
        for socket, thread in self._running:
            socket.stop()
            thread.join(5)
            assert not thread.is_alive()
        self.sim.stop()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    one = Here(tmp_path)
    yield one
    one.close()


# --- listening ---


def test_trades_of_the_registered_symbols_come_and_no_word_is_said(here: Here) -> None:
    socket = here.open("000001", "000002")
    wait_until(lambda: here.heard("000001") > 3 and here.heard("000002") > 3)
    assert {tick.symbol for tick in here.ticks} == {"000001", "000002"} and socket.registered == 2
    assert here.codes() == ["OPSP0000"] * 2 and here.told == [] and here.seconds
    assert here.stream.connects == socket.connects == 1


def test_a_stop_closes_the_socket_cleanly_so_that_the_slot_is_free(here: Here) -> None:
    here.stream.behaviour.linger = 60
    for _ in range(3):
        socket = here.open()
        here.hears_again()
        socket.stop()
        wait_until(lambda: not here.stream.listeners)
    assert "OPSP8996" not in here.codes() and here.stream.cuts == 0


def test_registrations_are_paced_and_slower_on_vts(here: Here) -> None:
    assert REAL.gap == 0.05 and VTS.gap == 0.5
    here.open(*SYMBOLS[:5], pace=replace(QUICK, gap=0.1))
    began = time.monotonic()
    wait_until(lambda: len(here.codes()) == 5)
    assert time.monotonic() - began >= 0.35


def test_the_approval_key_is_asked_for_once_for_many_sessions(here: Here) -> None:
    here.open()
    for _ in range(3):
        here.hears_again()
        here.stream.cut()
    here.hears_again()
    assert here.stream.subscriptions.approvals_issued == 1 and here.stream.connects >= 3


@pytest.mark.parametrize("regular", [False, True])
def test_pingpong_is_answered(here: Here, regular: bool) -> None:
    manner = here.stream.behaviour
    manner.patience, manner.idle, manner.regular = 0.3, 0.05, 0.05 if regular else 0
    if not regular:
        here.sim.add_fault("ws_mute")
    here.open()
    time.sleep(1)
    assert here.stream.connects == 1 and here.stream.cuts == 0


def test_no_protocol_ping_is_sent_which_kis_would_answer_with_a_cut(here: Here) -> None:
    here.stream.behaviour.hates_pings = True
    here.open()
    time.sleep(0.5)
    assert here.stream.cuts == 0


def test_undecodable_bytes_cost_their_frame_and_not_the_socket(here: Here) -> None:
    here.sim.add_fault("ws_garbled", rate=0.5)
    here.open(*SYMBOLS[:20])
    wait_until(lambda: len(here.ticks) > 50)
    assert here.stream.connects == 1 and here.told == []


def test_a_frame_of_a_megabyte_is_read(here: Here) -> None:
    socket = here.open("000001")
    here.hears_again()
    big = frame("H0STCNT0", [record(Trade(36_000, 70_000, 5), [])] * 8000).encode()
    assert len(big) > 2**20
    loop, listener = here.stream._loop, here.stream.listeners[0]
    assert loop
    asyncio.run_coroutine_threadsafe(here.stream.publisher.send(listener, big), loop).result(5)
    wait_until(lambda: len(here.ticks) >= 8000)
    assert socket.connects == 1


# --- refusals ---


def test_a_limit_that_kis_tells_is_learned_and_the_symbols_beyond_it_are_not_asked_again(here: Here) -> None:
    here.stream.behaviour.limit = 3
    socket = here.open(*SYMBOLS[:8], pace=replace(QUICK, gap=0.2))
    wait_until(lambda: "OPSP0008" in here.codes())
    time.sleep(0.5)
    refused = here.codes().count("OPSP0008")  # more than one where the first answer was slow to come
    assert socket.registered == 3 and here.told == []
    here.stream.cut()
    here.hears_again()
    time.sleep(0.3)
    assert here.codes().count("OPSP0008") == refused, "known in the next session too"


def test_a_symbol_that_kis_does_not_know_is_dropped_and_the_others_go_on(here: Here) -> None:
    socket = here.open("nonsense", "000001")
    here.hears_again()
    assert socket.registered == 1 and here.stream.connects == 1 and socket.known.refused == {"nonsense"}


def test_a_symbol_refused_for_a_moment_is_asked_for_later(here: Here) -> None:
    here.sim.add_fault("opsp0007", times=1)
    socket = here.open("000001", "000002")
    wait_until(lambda: socket.registered == 2)
    assert sorted(here.codes()) == ["OPSP0000", "OPSP0000", "OPSP0007"] and here.stream.connects == 1


def test_a_bad_approval_key_is_renewed_once_and_then_only_waited_for(here: Here) -> None:
    here.sim.add_fault("opsp0011")
    here.open()
    wait_until(lambda: here.codes().count("OPSP0011") >= 4)
    assert here.stream.subscriptions.approvals_issued == 2
    wait_until(lambda: any("OPSP0011" in text for text in here.told))
    here.sim.clear_faults()
    here.hears_again()
    assert here.told[-1] == ""
    time.sleep(0.5)
    here.stream.subscriptions.expire()
    here.stream.cut()
    wait_until(lambda: here.stream.subscriptions.approvals_issued == 3)


@pytest.mark.parametrize("uuid_told", [False, True])
def test_an_expired_key_is_renewed_at_once_in_both_wordings(here: Here, uuid_told: bool) -> None:
    here.stream.behaviour.uuid_told = uuid_told
    here.open()
    here.hears_again()
    time.sleep(0.4)
    here.stream.subscriptions.expire()
    here.stream.cut()
    wait_until(lambda: here.stream.subscriptions.approvals_issued == 2)  # what was on its way may still be heard before
    here.hears_again()
    assert here.stream.subscriptions.approvals_issued == 2


def test_a_key_that_expires_in_mid_session_ends_nothing_until_a_symbol_is_registered(here: Here) -> None:
    """The running session goes on (§5); the next registration is refused, and everything comes by a new key."""
    here.stream.behaviour.judges_always, here.stream.behaviour.approval_life = True, SPEED * 1.0
    here.sim.add_fault("opsp0007", times=1)
    socket = here.open("000001", "000002", pace=replace(QUICK, retry=1.5))
    here.hears_again()
    time.sleep(1.1)
    here.hears_again()
    assert here.stream.connects == here.stream.subscriptions.approvals_issued == 1
    here.stream.behaviour.approval_life = 86_400
    wait_until(lambda: here.stream.subscriptions.approvals_issued == 2 and socket.registered == 2)
    here.hears_again()
    assert "OPSP0011" in here.codes() and here.stream.connects == 2


def test_an_expired_key_that_kis_passes_over_in_silence_is_renewed_once(here: Here) -> None:
    here.stream.behaviour.refuses_silently = True
    here.expects = True
    here.sim.add_fault("opsp0011", times=4)
    here.open(pace=SILENT)
    here.hears_again()
    assert here.stream.subscriptions.approvals_issued == 2


def test_a_wall_clock_that_is_set_back_delays_no_session(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.open()
    here.hears_again()
    monkeypatch.setattr(Clock, "time", lambda self: time.time() - 86_400)
    here.stream.cut()
    wait_until(lambda: here.stream.connects == 2, 5)
    here.hears_again()


def test_a_forbidden_handshake_is_reported_and_not_stormed(here: Here) -> None:
    here.stream.behaviour.linger = 60
    forbidden = here.sim.add_fault("ws_forbidden")
    here.open(pace=replace(QUICK, in_use=0.3))
    time.sleep(1.5)
    assert 2 <= forbidden.fired <= 5 and here.told and "403" in here.told[0]
    here.sim.clear_faults()
    here.hears_again()
    assert here.told[-1] == "" and here.stream.subscriptions.approvals_issued == 1


def test_another_session_on_the_key_is_waited_for_and_left_alone(here: Here, tmp_path: Path) -> None:
    here.open()
    here.hears_again()
    (tmp_path / "other").mkdir()
    elsewhere = replace(here.settings, token_file=tmp_path / "other" / "token.json")
    lines: list[str] = []
    clock = Clock()
    second = KisSocket(
        elsewhere, Approval(elsewhere, clock), clock, Callbacks(lambda records: None, lines.append), QUICK
    )
    thread = Thread(target=second.run, args=(["000003"],), daemon=True)
    thread.start()
    wait_until(lambda: here.codes().count("OPSP8996") >= 2)
    first, other = (message for message in here.stream.messages if message["code"] == "OPSP8996")
    assert here.stream.subscriptions.approvals_issued == 2, "a new key would not help"
    assert lines and "OPSP8996" in lines[0] and (first, other)
    here.hears_again()
    second.stop()
    thread.join(5)


def test_a_slot_that_lingers_after_a_cut_is_waited_for(here: Here) -> None:
    here.stream.behaviour.linger = 1.5
    here.open()
    here.hears_again()
    here.stream.cut()
    wait_until(lambda: "OPSP8996" in here.codes())
    here.hears_again()
    assert here.told[-1] == ""


def test_a_stray_refusal_without_a_symbol_does_not_cut_a_session_with_data() -> None:
    session = SocketSession("ws://127.0.0.1:1", ["000001"], Known(), Clock(), Callbacks(lambda records: None), QUICK)
    stray = Answer(Verdict.LATER, "OPSP0007", "")
    with pytest.raises(Cut):
        session._judge(stray)
    session.data_at = 1.0
    session._judge(stray)


def test_two_processes_of_one_key_do_not_both_connect(here: Here) -> None:
    lock = filelock.FileLock(f"{here.settings.token_file}.stream.lock")
    with lock:
        here.open()
        wait_until(lambda: bool(here.told))
        assert here.stream.connects == 0 and "다른 프로그램" in here.told[0]
    here.hears_again()
    assert here.told[-1] == ""


# --- silence, cuts ---


def test_a_silent_socket_is_given_up(here: Here) -> None:
    here.stream.behaviour.idle = 60
    here.open(pace=SILENT)
    here.hears_again()
    here.sim.add_fault("ws_stall", times=1, seconds=3)
    wait_until(lambda: here.stream.connects >= 2)
    here.hears_again()


def test_who_gives_a_socket_up_closes_it_cleanly(here: Here) -> None:
    here.stream.behaviour.idle, here.stream.behaviour.linger = 60, 60
    here.sim.add_fault("ws_mute")
    here.open(pace=SILENT)
    wait_until(lambda: here.stream.connects >= 3)
    assert "OPSP8996" not in here.codes() and here.stream.cuts == 0


def test_success_without_data_is_a_fault_only_while_data_are_expected(here: Here) -> None:
    here.stream.behaviour.idle = 0.1
    here.sim.add_fault("ws_mute")
    here.open(pace=SILENT)
    time.sleep(1.5)
    assert here.stream.connects == 1, "nothing is expected: after the close, say"
    here.expects = True
    wait_until(lambda: here.stream.connects >= 3 and bool(here.told))
    assert any("체결이 오지 않습니다" in text for text in here.told)


def test_a_server_that_takes_and_cuts_is_not_stormed(here: Here) -> None:
    here.sim.add_fault("ws_cut", seconds=0.0)
    here.open(pace=replace(QUICK, first=0.1, most=5))
    time.sleep(2)
    assert 2 <= here.stream.connects <= 6, "0.1, 0.2, 0.4, 0.8 … seconds apart"
    assert any("ConnectionClosed" in text for text in here.told)


def test_a_good_session_makes_the_next_wait_short_again(here: Here) -> None:
    here.open(pace=replace(QUICK, first=0.02, most=30))
    for _ in range(8):
        here.hears_again()
        time.sleep(0.4)
        here.stream.cut()
    began = time.monotonic()
    here.hears_again()
    assert time.monotonic() - began < 2, "the ninth failure in a row would wait for 5 s"


def test_a_first_cut_is_not_worth_a_word_and_a_lasting_one_is_told_until_data_come(here: Here) -> None:
    here.open()
    here.hears_again()
    time.sleep(0.4)
    here.stream.cut()
    here.hears_again()
    assert here.told == []


def test_kis_away_is_waited_for(here: Here) -> None:
    here.sim.down()
    here.open()
    wait_until(lambda: len(here.told) >= 2)
    assert "KIS" in here.told[0]
    here.sim.down(False)
    here.hears_again()
    assert here.told[-1] == ""


def test_a_fault_of_who_hears_ends_no_thread(here: Here, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("minute_candles").propagate = True

    def stumble(ticks: list[TradeTick]) -> None:
        is_first = not here.ticks
        here.ticks.extend(ticks)
        if is_first:
            raise KeyError("x")

    socket = here.open(hear=stumble)
    wait_until(lambda: socket.connects > 1)
    here.hears_again()
    assert "KeyError" in caplog.text


# --- secrets, missing package ---


def test_no_key_is_ever_said_whatever_goes_wrong(here: Here, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    here.stream.behaviour.uuid_told = True
    here.sim.add_fault("opsp0011", times=2)
    here.sim.add_fault("ws_cut", seconds=0.2)
    here.open()
    wait_until(lambda: len(here.told) > 3)
    keys = list(here.stream.subscriptions._approvals)
    assert keys
    for key in (*keys, here.settings.app_key, here.settings.app_secret):
        assert key not in caplog.text and not any(key in text for text in here.told)


def test_without_the_package_it_is_said_in_a_line(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websockets", None)
    with suppress(KeyError), pytest.raises(ConfigError, match="requirements-extra"):
        here.open()


def test_the_moment_is_kst(here: Here) -> None:
    here.open("000001")
    here.hears_again()
    assert here.ticks[0].at.date() == date(2026, 11, 20) and Clock().now().tzinfo is KST
