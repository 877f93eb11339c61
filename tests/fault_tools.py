"""What the fault matrix needs beyond `backfill_tools`: both scripts at any moment and any pace.

The product has no test hooks: commands are started through `main(argv, clock=…)`, which takes its clock as an
argument. `pace` makes that clock run faster than the host's, so that two minutes of patience pass in seconds.

Every run is made at `--verbose` with secrets that would be recognised: a test reads what a user without that flag would
read, and `leaks` searches all of it, the DEBUG lines too.
"""

import base64
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import backfill_tools
from backfill_tools import EVENING, LAST, Moment, Ran, User, assert_true, ended, execute, sessions, true_rows, url_of
from fault_table import FAULTS
from servers import self_signed

from kis_simulator.faults.server_behaviour import ServerBehaviour
from kis_simulator.simulator import Simulator
from minute_candles.core.kst import KST

NOON = datetime(2026, 11, 20, 10, 40, 30, tzinfo=KST)
"""In the session of `LAST`."""
SYMBOLS = ("005930", "000660", "373220")
FIRST = date(2026, 11, 18)
FLAGS = ("--symbols", ",".join(SYMBOLS), "--from", f"{FIRST}")
"""Nine symbol-days, the CSAT day among them: about 38 calls."""
PASSWORD = "p@ss:w/%rd#'\"\\ö{x}$`+ &"
SECRETS = {
    "KIS_APP_KEY": "PSkey%2F+qQ/7'x=;<KEY>", "KIS_APP_SECRET": "sEcr3t+/=%41'&#?{}~" * 9,
    "KIS_ACCOUNT_CODE": "50987612", "KIS_PRODUCT_CODE": "01",
}  # fmt: skip


class Recorded(subprocess.Popen[str]):
    """A process of which everything said is kept in `output`; who waits for it does not get the DEBUG lines."""

    def __init__(self, *arguments: Any, output: list[str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._output = output

    def communicate(self, *arguments: Any, **options: Any) -> tuple[str, str]:
        said = super().communicate(*arguments, **options)
        self._output += said
        out, err = map(without_debug, said)
        return out, err


def without_debug(text: str) -> str:
    return re.sub(r"^.* - DEBUG - .*\n", "", text, flags=re.MULTILINE)


@dataclass
class Operator(User):
    """Somebody who runs both scripts at `--verbose`, on the clock of `moment`."""

    settings: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    moment: Moment = field(default_factory=Moment)
    output: list[str] = field(default_factory=list)

    def command(self, script: str, *flags: str) -> list[str]:
        return [*super().command(script, *flags), *(["--verbose"] if "--verbose" not in flags else [])]

    def run(self, *flags: str, timeout: float = 90, **environ: str) -> Ran:
        """In this process, but for what an interpreter reads at its start."""
        if {"LC_ALL", "PYTHONIOENCODING"} & environ.keys():
            return ended(self.start(*flags, **environ), timeout)
        ran = super().run(*flags, "--verbose", timeout=timeout, **environ)
        self.output += ran.out, ran.err
        return ran._replace(out=without_debug(ran.out), err=without_debug(ran.err))

    def update(self, *flags: str, **environ: str) -> subprocess.Popen[str]:
        """`realtime_updater.py …` in the background."""
        return self.start(*flags, script="realtime_updater", **environ)

    def update_once(self, *flags: str, **environ: str) -> Ran:
        return ended(self.update("--once", *flags, **environ), 60)

    def _popen(self, *arguments: Any, **options: Any) -> subprocess.Popen[str]:
        return Recorded(*arguments, **options, output=self.output)

    def log(self, name: str = "minute_data_collection.log") -> str:
        return without_debug((self.logs / name).read_text(encoding="utf-8"))


def kis_at(moment: Moment, **options: Any) -> Simulator:
    """A KIS on the same clock, in no hurry about its limit, whose last minute is not late."""
    prompt = ServerBehaviour(late_rows=False)
    return Simulator(**{"now": moment.now, "rate": 100_000, "behaviour": prompt, **options})


def sees(key: str, ran: Ran, *, most_lines: int = 40, says: str = "") -> None:
    """The command ended as the page says: exit code, its line, no traceback, no flood of lines."""
    fault, lines = FAULTS[key], ran.all.splitlines()
    assert "Traceback" not in ran.all, ran.all[-3000:]
    assert str(ran.code) == fault.code, f"exit {ran.code}, wanted {fault.code}\n{ran.all[-3000:]}"
    assert holds(ran.all, says or fault.says), f"{says or fault.says!r} is not in\n{ran.all[-3000:]}"
    assert len(lines) <= most_lines, f"{len(lines)} lines\n{ran.all[-5000:]}"
    spoken = [line.split(" - ", 2)[-1] for line in lines if " - WARNING - " in line or " - ERROR - " in line]
    assert len(spoken) - len(set(spoken)) <= 1, "said again and again:\n" + "\n".join(spoken)


def holds(text: str, says: str) -> bool:
    """Whether a line of `text` holds `says`, in which … stands for anything; "" is held by every text."""
    return re.search(".*".join(re.escape(part.strip()) for part in says.split("…")), text) is not None


def days(sim: Simulator, first: date = FIRST, last: date = LAST) -> list[date]:
    return sessions(sim, first, last)


def whole_or_absent(database: str, sim: Simulator, symbols: Iterable[str], wanted: Sequence[date]) -> set[Any]:
    """Every symbol-day is stored as it traded, or not at all; the ones that are."""
    settled = "SELECT stock_symbol, trade_date FROM stock_minute_coverage WHERE status <> 'PROVISIONAL'"
    covered = execute(database, settled) if count_days(database) else []
    kept = {key for key in covered if key in {(symbol, day) for symbol in symbols for day in wanted}}
    for symbol in symbols if execute(database, "SHOW TABLES LIKE 'stock_minute_prices'") else ():
        expected = true_rows(sim, symbol, [day for day in wanted if (symbol, day) in kept])
        found = backfill_tools.stored_rows(database, symbol)
        assert expected == found, f"{symbol}: {backfill_tools._difference(expected, found)}"
    return kept


def count_days(database: str) -> int:
    """Symbol-days stored so far; 0 where there is no table yet."""
    known = execute(database, "SHOW TABLES LIKE 'stock_minute_coverage'")
    return int(execute(database, "SELECT COUNT(*) FROM stock_minute_coverage")[0][0]) if known else 0


def present(database: str, sim: Simulator, symbols: Iterable[str], now: datetime) -> int:
    """Today's candles up to `now` equal what traded: values of all three intervals, VWAP where it is stored.

    Candles closed since `now` may stand there too, if they are true. Answers the rows compared.
    """
    total = 0
    for symbol in symbols:
        true = {row[:3]: row for row in true_rows(sim, symbol, [now.date()], opening=True)}
        found = {row[:3]: row for row in backfill_tools.stored_rows(database, symbol) if row[2].date() == now.date()}
        for key, row in found.items():
            assert key in true, f"invented: {row}"
            assert row[:10] == true[key][:10], f"wrong: {row}, wanted {true[key]}"
            assert row[10] in (None, true[key][10]), f"wrong VWAP: {row}, wanted {true[key]}"
        minutes = {"ONE_MINUTE": 1, "FIVE_MINUTES": 5, "FIFTEEN_MINUTES": 15}
        closed = {key for key in true if key[2] + timedelta(minutes=minutes[key[1]]) <= now.replace(tzinfo=None)}
        assert not closed - found.keys(), f"missing: {sorted(closed - found.keys())[:5]}"
        total += len(found)
    return total


def end_often(start, how, times, *, calls, most, dice) -> list[Ran]:
    """Start and end a command until `times` were ended at work: after a random number of calls to KIS, or before any.

    `most` calls at the most; a command may have fewer to make and be over before it: that one does not count.
    """
    runs: list[Ran] = []
    for _ in range(3 * times):
        before, wanted, process = calls(), dice.randrange(most), start()
        while calls() - before < wanted and process.poll() is None:
            time.sleep(0.005)
        time.sleep(dice.uniform(0, 0.1) if wanted else dice.uniform(0.1, 1))
        at_work = process.poll() is None
        process.send_signal(how)
        runs += [ended(process, 30)] * at_work
        if len(runs) == times:
            return runs
    raise AssertionError(f"only {len(runs)} of {3 * times} were at work")


def together(*jobs) -> list[Any]:
    """Run jobs at once, on threads; the first error is raised."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result() for future in [pool.submit(job) for job in jobs]]


@contextmanager
def process_list() -> Iterator[set[str]]:
    """The command lines of all processes, read again and again meanwhile, as `ps` would."""
    lines: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    lines.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield lines
    finally:
        over.set()
        thread.join()


class Impostor:
    """A TLS server on loopback with a certificate that nobody vouches for; keeps what it is sent."""

    def __init__(self, folder: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*self_signed(folder, "impostor"))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}"
        self.visits, self.received, self.close = 0, b"", self._socket.close
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while self._socket.fileno() >= 0:
            with suppress(OSError):  # an SSLError is one
                visitor, _ = self._socket.accept()
                self.visits += 1
                visitor.settimeout(2)
                with self._context.wrap_socket(visitor, server_side=True) as secured:
                    self.received += secured.recv(65536)


def leaks(operator: Operator, tokens: Iterable[str], processes: Iterable[str] = ()) -> list[str]:
    """Where a secret stands that nobody may read: any output, any file but the token's, the process list."""
    texts = {f"output {number}": said for number, said in enumerate(operator.output)}
    texts["process list"] = "\n".join(processes)
    for name, text in texts_in(operator.folder).items():
        if "kis_rest_token.json" not in name or name.endswith((".lock", ".pace")):
            texts[name] = text
        else:  # the token's file, or what a killed run left of it
            assert os.name == "nt" or (operator.folder / name).stat().st_mode & 0o777 == 0o600, name
    ways = [way for secret in [*[*SECRETS.values()][:3], PASSWORD, *tokens] for way in written_ways(secret)]
    return [f"{name}: {way}" for name, text in texts.items() for way in ways if way in text]


def texts_in(folder: Path) -> dict[str, str]:
    """The text of every file below, the scripts' own folder included; devices and compiled bytes apart."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8", errors="replace") for path in files}


def written_ways(secret: str) -> set[str]:
    """The ways a secret may stand in a text: plain, percent-encoded, JSON-escaped, as `repr` shows it, in base64."""
    encoded = {quote(secret), quote(secret, safe=""), quote_plus(secret), quote(secret, safe="").lower()}
    shown = {text[1:-1] for text in (json.dumps(secret), json.dumps(secret, ensure_ascii=False))}
    shown |= {repr(secret)[1:-1], ascii(secret)[1:-1]}
    return {secret, *encoded, *shown, base64.b64encode(secret.encode()).decode()}


__all__ = ["EVENING", "Moment", "assert_true", "days", "ended", "url_of"]
