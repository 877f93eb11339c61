"""The fault matrix at length: anything KIS could possibly say, and 500 symbols at once (soak; results in SOAK.md)."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from backfill_tools import FarSimulator
from fault_tools import EVENING, Moment, Operator, assert_true, days, ended, kis_at, present, url_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import Server
from updater_tools import FakeClock, FakeDay, at

import settings as user_settings
from collector import Collector, SymbolDay
from db import Store, open_store
from errors import MinuteDataError
from kis_client import KisClient
from market_hours import TradingCalendar

DAY = date(2026, 11, 20)
SESSION = TradingCalendar().session(DAY)
TRUTH = kis_at(Moment(EVENING))
FIVE_HUNDRED = [f"1{number:05}" for number in range(500)]
SOAK = Path(__file__).parent / "SOAK.md"


# --- anything at all ---

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.from_regex(r"-?[0-9]{1,20}", fullmatch=True)
)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
FIELDS = st.sampled_from(["stck_bsop_date", "stck_cntg_hour", "stck_oprc", "stck_hgpr", "stck_lwpr", "stck_prpr",
    "cntg_vol", "acml_tr_pbmn",
                          "stck_clpr", "acml_vol"])  # fmt: skip


class Liar:
    """Stands where the HTTP session stands: what the simulator says, spoilt as hypothesis likes."""

    def __init__(self, draw: Any) -> None:
        self._draw, self._lies = draw, 3

    def request(self, method: str, url: str, *, params: Any, **_: Any) -> requests.Response:
        rows = self._rows(url, params)
        body: Any = {"rt_cd": "0", "msg_cd": "MCA00000", "output1": {}, "output2": rows}
        answer = requests.Response()
        answer.status_code = 200
        answer._content = json.dumps(self._spoilt(body)).encode()
        return answer

    def _rows(self, url: str, params: Any) -> list[dict[str, str]]:
        day = datetime.strptime(params["FID_INPUT_DATE_1"], "%Y%m%d").date()
        if "daily-item" in url:
            last = datetime.strptime(params["FID_INPUT_DATE_2"], "%Y%m%d").date()
            return TRUTH.answers.daily(params["FID_INPUT_ISCD"], day, last, EVENING.replace(tzinfo=None))
        return TRUTH.answers.past(
            params["FID_INPUT_ISCD"], day, params["FID_INPUT_HOUR_1"], EVENING.replace(tzinfo=None)
        )

    def _spoilt(self, body: dict[str, Any]) -> Any:
        how = self._draw(st.sampled_from(["true", "true", "field", "row", "rows", "body"])) if self._lies else "true"
        self._lies -= how != "true"
        if how == "body":
            return self._draw(ANYTHING)
        if how == "rows":
            body["output2"] = self._draw(ANYTHING)
        elif how != "true" and body["output2"]:
            number = self._draw(st.integers(0, len(body["output2"]) - 1))
            row = dict(body["output2"][number])
            row[self._draw(FIELDS)] = self._draw(ANYTHING)
            body["output2"] = [*body["output2"]]
            body["output2"][number] = row if how == "field" else self._draw(ANYTHING)
        return body


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = tmp_path_factory.mktemp("fuzz") / "minutes.db"
    store = open_store(user_settings.Database("sqlite", path=path), FakeClock(EVENING))
    store.preflight()
    yield store
    store.close()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_whatever_kis_says_is_a_typed_error_or_a_sound_day(
    store: Store, tmp_path_factory: Any, data: st.DataObject
) -> None:
    """The whole way: client → collector → store. Never another exception, never a row that cannot be true."""
    clock = FakeClock(EVENING)
    own = user_settings.demo_settings("http://127.0.0.1:9", tmp_path_factory.getbasetemp())
    token: Any = SimpleNamespace(get=lambda: "token", renew=lambda refused: refused)
    limiter: Any = SimpleNamespace(wait=lambda: None, slow_down=lambda: None)
    client = KisClient(own, token, limiter, clock)
    client._session = Liar(data.draw)  # type: ignore[assignment]
    store.rewrite("005930", SESSION, lambda _: {}, now=EVENING, status="PROVISIONAL")
    try:
        Collector(client, store, TradingCalendar(), clock, (DAY, DAY)).collect(SymbolDay("005930", DAY))
    except MinuteDataError:
        assert store.counts(["005930"], [SESSION]) == {}, "nothing of a day that is not believed"
        return
    for interval in (1, 5, 15):
        for candle in store.candles("005930", interval, datetime(2026, 11, 1), datetime(2026, 12, 1)):
            assert (
                0
                < candle.low
                <= min(candle.open, candle.close)
                <= max(candle.open, candle.close)
                <= candle.high
                < 10**10
            )
            assert candle.volume > 0 and SESSION.open <= candle.timestamp.replace(tzinfo=EVENING.tzinfo) < SESSION.end
            assert candle.vwap is None or candle.low <= candle.vwap <= candle.high


# --- 500 symbols ---


class Memory:
    """Resident memory of a process in MB, sampled while it runs."""

    def __init__(self, pid: int) -> None:
        self.samples: list[float] = []
        self._pid = pid
        self._stop = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while not self._stop.wait(0.5):
            try:
                pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
            except (OSError, IndexError):
                return
            self.samples.append(pages * 4096 / 2**20)

    def early_and_late(self) -> tuple[float, float]:
        """The most of the second and of the last fifth of the run."""
        self._stop.set()
        fifth = max(1, len(self.samples) // 5)
        return max(self.samples[fifth : 2 * fifth]), max(self.samples[-fifth:])


def noted(what: str, **figures: object) -> None:
    """A line of SOAK.md: the date and the figures of the last run."""
    known = (
        SOAK.read_text(encoding="utf-8").splitlines()
        if SOAK.exists()
        else ["# 오래 달리기 (`make soak`)", "", "| 시험 | 날짜 | 결과 |", "|---|---|---|"]
    )
    kept = [line for line in known if not line.startswith(f"| {what} |")]
    told = ", ".join(f"{name} {value}" for name, value in figures.items())
    SOAK.write_text("\n".join([*kept, f"| {what} | {date.today()} | {told} |"]) + "\n", encoding="utf-8")


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_500_symbols_and_five_days_whole_and_in_flat_memory(tmp_path: Path, mariadb: Server) -> None:
    moment, database = Moment(), mariadb.fresh()
    far = FarSimulator("--rate", "100000", "--latency-ms", "0")
    operator = Operator(tmp_path, far.url, url_of(database), moment=moment)
    try:
        began = time.monotonic()
        process = operator.start("--symbols", ",".join(FIVE_HUNDRED), "--from", "2026-11-16")
        memory = Memory(process.pid)
        ran = ended(process, 1000)
        seconds, (early, late) = time.monotonic() - began, memory.early_and_late()
    finally:
        far.stop()
    assert ran.code == 0, ran.all[-3000:]
    rows = assert_true(operator.database, kis_at(moment), FIVE_HUNDRED, days(kis_at(moment), date(2026, 11, 16)))
    assert late < early * 1.25 + 10, memory.samples
    noted(
        "500종목 × 5일 수집",
        걸린_시간=f"{seconds:.0f}초",
        캔들=f"{rows:,}건 모두 일치",
        메모리=f"{early:.0f} → {late:.0f}MB",
    )


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_market_hour_of_500_symbols_at_18_calls_a_second(tmp_path: Path) -> None:
    import os

    day = FakeDay(tmp_path, at(10, 0), {}, rate_limit=18.0, kis={"rate": 18})
    day.symbols = FIVE_HUNDRED
    memory, began = Memory(os.getpid()), time.monotonic()
    try:
        day.run(until=at(11, 0))
        seconds, (early, late) = time.monotonic() - began, memory.early_and_late()
        assert not day.watcher.wrong
        over = sum(request.code == "EGW00201" for request in day.kis.requests)
        rows = present(day.url, day.kis, FIVE_HUNDRED, at(11, 0) - timedelta(minutes=2))
        calls, rounds = len(day.kis.requests), len(day.rounds())
    finally:
        day.close()
    assert over == 0
    assert late < early * 1.25 + 60, "the simulator remembers its calls in the same process"
    noted("500종목 장중 한 시간 (초당 18회)", 라운드=rounds, 호출=f"{calls:,}회", 한도_초과=over,
          캔들=f"{rows:,}건 모두 일치",
          메모리=f"{early:.0f} → {late:.0f}MB", 걸린_시간=f"{seconds:.0f}초")  # fmt: skip
