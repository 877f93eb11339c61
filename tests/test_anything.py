"""The fault matrix, its widest row: whatever KIS says, a day is stored as it traded, or a typed error says why not."""

import json
from collections import Counter
from datetime import date, datetime
from types import SimpleNamespace

import pytest
import requests
from fast_clock import EVENING, Moment
from fault_tools import kis_at
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from updater_tools import FakeClock

from minute_candles.config import settings as user_settings
from minute_candles.core.errors import MinuteDataError
from minute_candles.kis.client import KisClient
from minute_candles.kis.key_caller import KeyCaller
from minute_candles.market.calendar import TradingCalendar
from minute_candles.storage.store import open_store
from minute_candles.verification.day_collector import Collector
from minute_candles.verification.plan import SymbolDay

DAY = date(2026, 11, 20)
SESSION = TradingCalendar().session(DAY)
LIQUID, RARE = "005930", "900020"
TRUTH = kis_at(Moment(EVENING), profiles={LIQUID: "liquid", RARE: "illiquid"})
assert len(TRUTH.truth(RARE, DAY)) == 73, "trades seldom, and without an auction"
NUMBER = st.from_regex(r"-?[0-9]{1,20}", fullmatch=True)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | NUMBER
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
FIELDS = st.sampled_from([
    "stck_bsop_date", "stck_cntg_hour", "stck_oprc", "stck_hgpr", "stck_lwpr", "stck_prpr", "stck_clpr",
    "cntg_vol", "acml_tr_pbmn", "acml_vol",
])  # fmt: skip


class Liar:
    """Stands where the HTTP session stands: what the simulator says, spoilt as hypothesis likes."""

    def __init__(self, draw) -> None:
        self._draw, self._lies, self._sent = draw, 3, Counter()

    def request(self, method, url, *, params, **_):
        body = {"rt_cd": "0", "msg_cd": "MCA00000", "output1": {}, "output2": self._rows(url, params)}
        lie, truth = json.dumps(self._spoilt(dict(body))), json.dumps(body)
        # a lie that repeats changes: the same again would be KIS's word (rule "Doubt costs a mark, never the data")
        self._sent[lie] += lie != truth
        answer = requests.Response()
        answer.status_code, answer._content = 200, (lie if self._sent[lie] <= 2 else truth).encode()
        return answer

    def _rows(self, url, params):
        day, now = datetime.strptime(params["FID_INPUT_DATE_1"], "%Y%m%d").date(), EVENING.replace(tzinfo=None)
        if "daily-item" in url:
            last = datetime.strptime(params["FID_INPUT_DATE_2"], "%Y%m%d").date()
            return TRUTH.endpoints.daily(params["FID_INPUT_ISCD"], day, last, now)
        return TRUTH.endpoints.past(params["FID_INPUT_ISCD"], day, params["FID_INPUT_HOUR_1"], now)

    def _spoilt(self, body):
        how = self._draw(st.sampled_from(["true", "true", "field", "row", "rows", "body"])) if self._lies else "true"
        self._lies -= how != "true"
        if how == "body":
            return self._draw(ANYTHING)
        if how == "rows":
            body["output2"] = self._draw(ANYTHING)
        elif how != "true" and body["output2"]:
            number = self._draw(st.integers(0, len(body["output2"]) - 1))
            row = body["output2"][number] | {self._draw(FIELDS): self._draw(ANYTHING)}
            body["output2"] = [*body["output2"]]
            body["output2"][number] = row if how == "field" else self._draw(ANYTHING.filter(lambda any: any != {}))
        return body


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "minutes.db"
    store = open_store(user_settings.Database("sqlite", path=path), FakeClock(EVENING))
    store.preflight()
    yield store
    store.close()


def collected(collector, symbol) -> bool:
    try:
        collector.collect(SymbolDay(symbol, DAY))
    except MinuteDataError:
        return False
    return True


@settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, max_examples=15)
@given(data=st.data(), symbol=st.sampled_from([LIQUID, RARE]))
def test_whatever_kis_says_the_day_is_stored_as_it_traded_or_not_at_all(store, tmp_path_factory, data, symbol) -> None:
    """The whole way: client → collector → store. Never an exception that is not typed, never a row that is false.

    The request is repeated later in the run, as the backfill does. A row that is {} passes for padding: the same
    twice, it is an omission that nothing shows.
    """
    clock = FakeClock(EVENING)
    own = user_settings.demo_settings("http://127.0.0.1:9", tmp_path_factory.getbasetemp())
    token = SimpleNamespace(get=lambda: "token", renew=lambda refused: refused)
    limiter = SimpleNamespace(wait=lambda: None, slow_down=lambda: None)
    client = KisClient(caller := KeyCaller(own, token, limiter, clock))
    caller.session = Liar(data.draw)
    store.rewrite(symbol, SESSION, lambda _: {}, now=EVENING, status="PROVISIONAL")
    collector = Collector(client, store, TradingCalendar(), clock, (DAY, DAY))
    for _ in range(2):
        if collected(collector, symbol):
            break
        assert store.counts([symbol], [SESSION]) == {}, "nothing of a day that is not accepted"
    else:
        return
    for interval in (1, 5, 15):
        stored = store.candles(symbol, interval, datetime(2026, 11, 1), datetime(2026, 12, 1))
        assert [candle[:6] for candle in stored] == [true[:6] for true in TRUTH.truth(symbol, DAY, interval)]
        assert not [c for c in stored if c.vwap is not None and not c.low <= c.vwap <= c.high]
