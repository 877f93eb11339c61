"""The page's forecast: a line and bands where there is skill, the evaluation behind a click, nothing otherwise."""

from datetime import datetime
from pathlib import Path

import pytest
from chart_browser import errors, phone, shot, wait
from chart_testing import CALENDAR, MONDAY, put, serving
from forecast.test_forecast import trained_on
from store_testing import minutes

from minute_candles.core.kst import KST
from minute_candles.forecast.model_file import MODEL_FILE, write
from minute_candles.storage.store import Store

AT = datetime(2026, 11, 23, 10, 30, 2, tzinfo=KST)
BUTTON = "document.getElementById('forecast-button')"


def keep_model(folder: Path, low: float) -> None:
    trained = trained_on(14)
    targets = {
        target: one._replace(evaluation=one.evaluation._replace(low=low)) for target, one in trained.targets.items()
    }
    write(folder / MODEL_FILE, trained._replace(targets=targets))


@pytest.mark.parametrize("low", [0.02, -0.02])
def test_only_what_has_skill_is_shown(low: float, store: Store, database, tmp_path: Path, chromium) -> None:
    put(store, "005930", minutes(CALENDAR.session(MONDAY), 1)[:91])
    keep_model(tmp_path, low)
    page = chromium
    with serving(database, at=AT, folder=tmp_path) as server:
        page.get(f"{server.url}?symbol=005930&interval=5")
        wait(page, "document.getElementById('chart').dataset.ready === '005930 5'")
        if low < 0:
            assert page.execute_script(f"return {BUTTON}.hidden")
            return
        wait(page, f"!{BUTTON}.hidden")
        assert "기준선보다" in page.execute_script(f"return {BUTTON}.textContent")
        page.execute_script(f"{BUTTON}.click()")
        assert page.execute_script("return document.querySelectorAll('#forecast-rows tr').length") == 7
        shot(page, "forecast")
        page.execute_script("document.getElementById('forecast').close()")
        shot(page, "forecast-band")
        phone(page)
        shot(page, "forecast-390")
        assert errors(page) == []
