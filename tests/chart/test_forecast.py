"""The forecast of the running session: `GET /api/forecast`, and the page's line, bands and evaluation."""

from datetime import datetime, timedelta

import requests
from chart_testing import CALENDAR, MONDAY, put, serving
from forecast.test_forecast import SESSIONS, trained_model, with_skill
from store_testing import minutes

from minute_candles.core.kst import KST
from minute_candles.forecast.model_file import MODEL_FILE, write

AT = datetime(2026, 11, 23, 10, 30, 2, tzinfo=KST)
BUTTON = "document.getElementById('forecast-button')"


def test_the_running_session_is_forecast_where_there_is_skill(any_store, any_database, tmp_path):
    put(any_store, "005930", [one for one in minutes(CALENDAR.session(MONDAY), 1) if one.timestamp.hour < 10])
    trained = trained_model()
    skilled = {target: one for target, one in with_skill(trained, 0.01).targets.items() if target.horizon == 15}

    def answer(server, symbol: str = "005930") -> requests.Response:
        return requests.get(f"{server.url}api/forecast?symbol={symbol}", timeout=10)

    with serving(any_database, at=AT, folder=tmp_path) as server:
        found = answer(server).json()
        assert (found["forecasts"], found["trained"]) == ([], None)
        write(tmp_path / MODEL_FILE, trained._replace(targets=with_skill(trained, -0.01).targets | skilled))
        found = answer(server).json()
        assert {(one["target"], one["horizon"]) for one in found["forecasts"]} == {("volume", 15), ("range", 15)}
        assert all(0 <= one["low"] <= one["median"] <= one["high"] for one in found["forecasts"])
        assert found["made_at"].startswith("2026-11-23T10:30") and len(found["evaluation"]) == 7
        assert found["trained"]["sessions"] == SESSIONS and answer(server, "999999").status_code == 404
    with serving(any_database, at=AT + timedelta(hours=8), folder=tmp_path) as server:
        assert answer(server).json()["forecasts"] == []


def test_only_what_has_skill_is_shown(chromium, store, database, tmp_path):
    for low in (-0.02, 0.02):
        write(tmp_path / MODEL_FILE, with_skill(trained_model(), low))
        with serving(database, at=AT, folder=tmp_path) as server, chromium.looking_at(server):
            chromium.open(5)
            if low < 0:
                assert chromium.js(f"{BUTTON}.hidden")
                continue
            chromium.wait(f"!{BUTTON}.hidden")
            assert "기준선보다" in chromium.js(f"{BUTTON}.textContent")
            chromium.execute_script(f"{BUTTON}.click()")
            assert chromium.js("document.querySelectorAll('#forecast-rows tr').length") == 7
            chromium.execute_script("document.getElementById('forecast').close()")
            chromium.phone()
