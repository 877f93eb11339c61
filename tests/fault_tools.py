"""What the fault matrix needs beyond `backfill_tools`: both scripts at any moment and any pace.

Every run is made at `--verbose` with secrets that would be recognised: `sees` reads what a user without that flag would
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
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

from backfill_tools import LAST, Moment, Ran, User, assert_stored, ended, execute, sessions, wrong_so_far
from fast_clock import OUTPUTS
from places import ROOT
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


class Fault(NamedTuple):
    """A row of docs/faults.md: a line of the output, … standing for anything, and the exit code of that run."""

    says: str
    code: str
    then: str
    lost: str


PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
_ROW = r"^\|[^|]*\| .+ <!-- (\w+) --> \| (?:`(.+)`|\(없음\)) \| (-?\d+) \| (.+) \| (.+) \|$"
FAULTS = {key: Fault(*rest) for key, *rest in re.findall(_ROW, PAGE, re.MULTILINE)}
"""By the key that stands in a row as a comment (`<!-- reset -->`), which the rendered page does not show."""


@dataclass
class Operator(User):
    """Somebody who runs both scripts at `--verbose`, on the clock of `moment`."""

    settings: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    moment: Moment = field(default_factory=Moment)

    def command(self, script: str, *flags: str) -> list[str]:
        return super().command(script, *flags, *["--verbose"] * ("--verbose" not in flags))

    def run(self, *flags: str, timeout: float = 90, **environ: str) -> Ran:
        return super().run(*flags, "--verbose", timeout=timeout, **environ)

    def update(self, *flags: str, **environ: str) -> subprocess.Popen[str]:
        """`realtime_updater.py …` in the background."""
        return self.start(*flags, script="realtime_updater", **environ)

    def update_once(self, *flags: str, **environ: str) -> Ran:
        return ended(self.update("--once", *flags, **environ), 60)


def kis_at(moment: Moment, **options: Any) -> Simulator:
    """A KIS on the same clock, in no hurry about its limit, whose last minute is not late."""
    prompt = ServerBehaviour(late_rows=False)
    return Simulator(**{"now": moment.now, "rate": 100_000, "behaviour": prompt, **options})


def sees(key: str, ran: Ran, *, most_lines: int = 40, says: str = "") -> None:
    """The command ended as the page says: exit code, its line, no traceback, no flood of lines."""
    fault, text = FAULTS[key], re.sub(r"^.* - DEBUG - .*\n", "", ran.out + ran.err, flags=re.MULTILINE)
    lines = text.splitlines()
    assert str(ran.code) == fault.code and "Traceback" not in text, f"exit {ran.code}\n{text[-3000:]}"
    assert holds(text, says or fault.says), f"{says or fault.says!r} is not in\n{text[-3000:]}"
    assert len(lines) <= most_lines, f"{len(lines)} lines\n{text[-5000:]}"
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
    kept = {*execute(database, settled)} if count_days(database) else set()
    for symbol in symbols if execute(database, "SHOW TABLES LIKE 'stock_minute_prices'") else ():
        assert_stored(database, sim, symbol, [day for day in wanted if (symbol, day) in kept])
    return {(symbol, day) for symbol, day in kept if symbol in symbols and day in wanted}


def count_days(database: str) -> int:
    """Symbol-days stored so far; 0 where there is no table yet."""
    known = execute(database, "SHOW TABLES LIKE 'stock_minute_coverage'")
    return int(execute(database, "SELECT COUNT(*) FROM stock_minute_coverage")[0][0]) if known else 0


def present(database: str, sim: Simulator, symbols: Iterable[str], now: datetime) -> int:
    """Today's candles up to `now` equal what traded, and none is invented; how many there are."""
    wrong = [one for symbol in symbols for one in wrong_so_far(database, sim, symbol, now)]
    assert not wrong, wrong[:5]
    count = "SELECT COUNT(*) FROM stock_minute_prices WHERE timestamp >= %s"
    return int(execute(database, count, now.date())[0][0])


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


def impostor(folder: Path) -> tuple[str, list[bytes]]:
    """Start a TLS server with a certificate that nobody vouches for; its address, and what it is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(folder, "impostor"))
    listener, received = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True), list[bytes]()

    def serve() -> None:
        while True:
            with suppress(OSError):  # an SSLError is one: the visitor does not trust it
                received.append(listener.accept()[0].recv(65536))

    threading.Thread(target=serve, daemon=True).start()
    return f"https://127.0.0.1:{listener.getsockname()[1]}", received


def leaks(operator: Operator, tokens: Iterable[str]) -> list[str]:
    """Where a secret stands that nobody may read: any output, any file but the token's."""
    texts = {f"output {number}": said for number, said in enumerate(OUTPUTS)}
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
    shown = {json.dumps(secret), json.dumps(secret, ensure_ascii=False), repr(secret), ascii(secret)}
    return {secret, *encoded, *(text[1:-1] for text in shown), base64.b64encode(secret.encode()).decode()}
