"""`GET /api/forecast`: what has skill of the running session, and the evaluation behind it."""

from datetime import datetime, timedelta
from pathlib import Path

import requests
from chart_testing import CALENDAR, MONDAY, put, serving
from forecast.test_forecast import trained_on
from store_testing import minutes

from minute_candles.config.settings import Database
from minute_candles.core.kst import KST
from minute_candles.forecast.model_file import MODEL_FILE, write
from minute_candles.storage.store import Store

AT = datetime(2026, 11, 23, 10, 30, tzinfo=KST)


def test_the_running_session_is_forecast_where_there_is_skill(
    any_store: Store, any_database: Database, tmp_path: Path
) -> None:
    put(any_store, "005930", [one for one in minutes(CALENDAR.session(MONDAY), 1) if one.timestamp.hour < 10])
    trained = trained_on(14)
    shown = {
        target: one._replace(evaluation=one.evaluation._replace(low=0.01 if target.horizon == 15 else -0.01))
        for target, one in trained.targets.items()
    }
    with serving(any_database, at=AT, folder=tmp_path) as server:
        url = f"{server.url}api/forecast?symbol=005930"
        empty = requests.get(url, timeout=10).json()
        assert (empty["forecasts"], empty["trained"]) == ([], None)
        write(tmp_path / MODEL_FILE, trained._replace(targets=shown))
        answer = requests.get(url, timeout=10).json()
        assert {(one["target"], one["horizon"]) for one in answer["forecasts"]} == {("volume", 15), ("range", 15)}
        assert all(0 <= one["low"] <= one["median"] <= one["high"] for one in answer["forecasts"])
        assert datetime.fromisoformat(answer["made_at"]) == AT and len(answer["evaluation"]) == 7
        assert answer["trained"]["sessions"] == 14
        assert requests.get(f"{server.url}api/forecast?symbol=999999", timeout=10).status_code == 404
        server.clock.stop.wait(0)
    with serving(any_database, at=AT + timedelta(hours=8), folder=tmp_path) as server:
        assert requests.get(f"{server.url}api/forecast?symbol=005930", timeout=10).json()["forecasts"] == []
