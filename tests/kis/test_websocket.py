"""The WebSocket over a real socket to the simulated KIS: what it receives, what it outlives, and how politely."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Thread

import filelock
import pytest
from kis_testing import settings_for
from updater_tools import wait_until

from kis_simulator.simulator import Simulator
from minute_candles.config.integrations import Integrations
from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.kis.approval import Approval
from minute_candles.kis.websocket import REAL, VTS, KisSocket
from minute_candles.kis.ws_frames import Answer, ReplyKind
from minute_candles.kis.ws_session import Callbacks, Cut, Known, Pace, SocketSession
from minute_candles.market.rows import TradeTick

QUICK = Pace(gap=0, first=0.05, most=0.4, in_use=0.4, quiet_seconds=20, lived=0.3, retry=0.2, look=0.02)
STALLING = replace(QUICK, quiet_seconds=0.8)
SYMBOLS = [f"{number:06}" for number in range(1, 42)]


class Here:
    """A simulated KIS whose market trades, sixty times as fast, and clients of one key; what they received."""

    def __init__(self, folder: Path) -> None:
        began, start = time.monotonic(), datetime(2026, 11, 20, 10)
        passed = lambda: timedelta(seconds=60 * (time.monotonic() - began))  # noqa: E731
        self.sim = Simulator(now=lambda: start + passed(), ws=True, profiles=dict.fromkeys(SYMBOLS, "liquid"))
        self.sim.start()
        self.stream, self.behaviour = self.sim.stream, self.sim.stream.behaviour
        self.behaviour.linger, self.stream.form.split = 0, 20
        self.settings = replace(settings_for(self.sim.url, folder), integrations=Integrations(ws_url=self.sim.ws_url))
        self.problems: list[str] = []
        self.ticks: list[TradeTick] = []
        self.expects = False
        self._running: list[tuple[KisSocket, Thread]] = []

    def open(self, *symbols: str, pace: Pace = QUICK, on_ticks: Callable[[list[TradeTick]], None] | None = None,
             settings: Settings | None = None, problems: list[str] | None = None) -> KisSocket:  # fmt: skip
        clock, known = Clock(), settings or self.settings
        on_problem = (self.problems if problems is None else problems).append
        callbacks = Callbacks(on_ticks or self.ticks.extend, on_problem, lambda: None, lambda: self.expects)
        socket = KisSocket(known, Approval(known, clock), clock, callbacks, pace)
        thread = Thread(target=socket.run, args=(symbols or ("000001", "000002"),), daemon=True)
        thread.start()
        self._running.append((socket, thread))
        return socket

    def receives(self) -> None:
        """More data come from now on."""
        before = len(self.ticks)
        wait_until(lambda: len(self.ticks) > before)

    def codes(self) -> list[str]:
        return [message["code"] for message in self.stream.messages]

    @property
    def approvals(self) -> int:
        return self.stream.subscriptions.approvals_issued

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


def test_trades_of_the_registered_symbols_come_and_nothing_is_reported(here: Here) -> None:
    began = time.monotonic()
    socket = here.open("000001", "000002", pace=replace(QUICK, gap=0.2))
    wait_until(lambda: {tick.symbol for tick in here.ticks} == {"000001", "000002"})
    assert socket.registered == 2 and here.ticks[0].at.date() == date(2026, 11, 20)
    assert here.codes() == ["OPSP0000"] * 2 and here.problems == [] and here.stream.connects == 1
    assert time.monotonic() - began >= 0.2 and (REAL.gap, VTS.gap) == (0.05, 0.5), "registrations are paced"


def test_a_stop_and_a_stall_close_the_socket_cleanly_so_that_the_slot_is_free(here: Here) -> None:
    here.behaviour.idle = here.behaviour.linger = 60
    socket = here.open()
    here.receives()
    socket.stop()
    wait_until(lambda: not here.stream.listeners)
    here.open(pace=STALLING)
    here.receives()
    here.sim.add_fault("ws_stall", times=1, seconds=3)
    wait_until(lambda: here.stream.connects >= 3)
    here.receives()
    assert "OPSP8996" not in here.codes() and here.stream.cuts == 0


@pytest.mark.parametrize("regular", [0, 0.05])
def test_pingpong_is_answered_and_no_protocol_ping_sent_which_kis_would_cut(here: Here, regular: float) -> None:
    here.behaviour.patience, here.behaviour.idle, here.behaviour.regular = 0.3, 0.05, regular
    here.behaviour.hates_pings = True
    if not regular:
        here.sim.add_fault("ws_mute")
    here.open()
    time.sleep(0.8)
    assert here.stream.connects == 1 and here.stream.cuts == 0


def test_a_limit_of_kis_is_learned_and_the_symbols_beyond_it_are_not_registered_again(here: Here) -> None:
    here.behaviour.limit = 3
    socket = here.open(*SYMBOLS[:8], pace=replace(QUICK, gap=0.2))
    wait_until(lambda: "OPSP0008" in here.codes())
    time.sleep(0.3)
    refused = here.codes().count("OPSP0008")  # more than one where the first answer was slow to come
    assert socket.registered == 3 and here.problems == []
    here.stream.cut()
    here.receives()
    time.sleep(0.3)
    assert here.codes().count("OPSP0008") == refused, "known in the next session too"


def test_an_unknown_symbol_is_dropped_and_one_refused_for_a_moment_registered_later(here: Here) -> None:
    here.sim.add_fault("opsp0007", times=1)
    socket = here.open("000001", "000002", "nonsense")
    wait_until(lambda: socket.registered == 2)
    assert socket.known.refused == {"nonsense"} and here.stream.connects == 1
    assert here.codes().count("OPSP0000") == 2 and "OPSP0007" in here.codes()


def test_a_bad_approval_key_is_renewed_once_and_then_only_waited_for(here: Here) -> None:
    here.sim.add_fault("opsp0011")
    here.open()
    wait_until(lambda: here.codes().count("OPSP0011") >= 4)
    wait_until(lambda: any("OPSP0011" in text for text in here.problems))
    assert here.approvals == 2
    here.sim.clear_faults()
    here.receives()
    assert here.problems[-1] == ""
    time.sleep(0.5)  # long enough to count as a session that lived
    here.stream.subscriptions.expire()
    here.stream.cut()
    wait_until(lambda: here.approvals == 3)


def test_the_approval_key_is_requested_once_for_many_sessions_and_again_when_it_expires(here: Here) -> None:
    here.behaviour.uuid_told = True
    here.open(pace=replace(QUICK, lived=0))
    for _ in range(3):
        here.receives()
        here.stream.cut()
    here.receives()
    assert here.approvals == 1 and here.stream.connects >= 3
    assert here.problems == [], "a cut after a good session is not worth a word"
    here.stream.subscriptions.expire()
    here.stream.cut()
    wait_until(lambda: here.approvals == 2)
    here.receives()


def test_another_session_on_the_key_is_waited_for_and_left_alone(here: Here, tmp_path: Path) -> None:
    here.open()
    here.receives()
    (tmp_path / "other").mkdir()
    elsewhere, problems = replace(here.settings, token_file=tmp_path / "other" / "token.json"), []
    here.open("000003", settings=elsewhere, on_ticks=lambda _: None, problems=problems)
    wait_until(lambda: here.codes().count("OPSP8996") >= 2)
    assert here.approvals == 2 and "OPSP8996" in problems[0], "a new key would not help"
    here.receives()


def test_a_stray_refusal_without_a_symbol_does_not_cut_a_session_with_data() -> None:
    session = SocketSession("ws://127.0.0.1:1", ["000001"], Known(), Clock(), Callbacks(lambda _: None), QUICK)
    with pytest.raises(Cut):
        session._judge(stray := Answer(ReplyKind.LATER, "OPSP0007", ""))
    session.data_at = 1.0
    session._judge(stray)


def test_two_processes_of_one_key_do_not_both_connect(here: Here) -> None:
    with filelock.FileLock(f"{here.settings.token_file}.stream.lock"):
        here.open()
        wait_until(lambda: bool(here.problems))
        assert here.stream.connects == 0
    here.receives()
    assert here.problems[-1] == ""


def test_success_without_data_is_a_fault_only_while_data_are_expected(here: Here) -> None:
    here.behaviour.idle = 0.1
    here.sim.add_fault("ws_mute")
    here.open(pace=replace(QUICK, quiet_seconds=0.3))
    time.sleep(0.6)
    assert here.stream.connects == 1, "nothing is expected: after the close, say"
    here.expects = True
    wait_until(lambda: here.stream.connects >= 3 and bool(here.problems))


@pytest.mark.parametrize(("kind", "reason"), [("ws_forbidden", "403"), ("ws_cut", "ConnectionClosed"), ("", "KIS")])
def test_a_server_that_refuses_cuts_or_is_away_is_reported_and_not_stormed(here: Here, kind: str, reason: str) -> None:
    here.sim.add_fault(kind, seconds=0.0) if kind else here.sim.down()
    began = time.monotonic()
    here.open(pace=replace(QUICK, first=0.1, in_use=0.3))
    wait_until(lambda: len(here.problems) >= 3)
    assert time.monotonic() - began > 0.25, "0.1, 0.2, 0.4 … seconds apart"
    assert any(reason in problem for problem in here.problems)
    here.sim.clear_faults()
    here.sim.down(False)
    here.receives()
    assert here.problems[-1] == "" and here.approvals == 1


def test_a_fault_of_a_callback_and_undecodable_bytes_end_no_thread(here: Here, caplog) -> None:
    def fail_once(ticks: list[TradeTick]) -> None:
        here.ticks.extend(ticks)
        if len(here.ticks) == len(ticks):
            raise KeyError("x")

    here.open(on_ticks=fail_once)
    wait_until(lambda: here.stream.connects > 1)
    here.sim.add_fault("ws_garbled", rate=0.5)
    wait_until(lambda: len(here.ticks) > 20)
    assert "KeyError" in caplog.text and here.stream.connects == 2


def test_no_key_is_ever_printed_whatever_goes_wrong(here: Here, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    here.behaviour.uuid_told = True
    here.sim.add_fault("opsp0011", times=2)
    here.sim.add_fault("ws_cut", seconds=0.2)
    here.open()
    wait_until(lambda: len(here.problems) > 3)
    keys = list(here.stream.subscriptions._approvals)
    text = caplog.text + "".join(here.problems)
    assert keys and not any(key in text for key in (*keys, here.settings.app_key, here.settings.app_secret))
