"""The data map in a real Chromium: it draws, says why, filters, and leads to the day's chart."""

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from chart_browser import errors, hosts, phone, shot, wait
from chart_market import LIST, MAP
from chart_testing import FRIDAY, MONDAY, NAMES, put, serving
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from store_testing import CALENDAR, minutes

from minute_candles.core.clock import Clock
from minute_candles.market.day_status import DayStatus, Reason
from minute_candles.storage.store import open_store

COLOURS = """
const canvas = document.getElementById('cells'), found = {};
const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
for (let at = 0; at < data.length; at += 4) {
  const name = data.slice(at, at + 3).join();
  found[name] = (found[name] ?? 0) + 1;
}
return found;
"""
PROVEN, BY_DAILY = "18,168,123", "240,107,160"


@pytest.fixture
def page(chromium, database) -> Iterator:
    """Friday COMPLETE, Monday UNPROVEN of one symbol; the others hold nothing."""
    with closing(open_store(database, Clock())) as store:
        store.preflight()
        put(store, "005930", minutes(CALENDAR.session(FRIDAY)), "COMPLETE")
        store.rewrite(
            "005930", CALENDAR.session(MONDAY), lambda _: {1: minutes(CALENDAR.session(MONDAY)), 5: [], 15: []},
            now=CALENDAR.session(MONDAY).end, status=DayStatus.UNPROVEN, reasons=[Reason.DAILY_MISSING],
        )  # fmt: skip
    with serving(database) as server:
        chromium.get(f"{server.url}map")
        wait(chromium, "document.getElementById('cells').dataset.drawn === '3 60'")
        chromium.server = server
        yield chromium


def text(page, selector: str) -> str:
    return page.find_element(By.CSS_SELECTOR, selector).text


def test_the_map_draws_tells_filters_and_opens_the_day(page):
    found = page.execute_script(COLOURS)
    assert found[PROVEN] > 50 and found[BY_DAILY] > 50
    assert [text(page, f'[data-state="{state}"]').split()[-1] for state in ("COMPLETE", "UNPROVEN", "MISSING")] == [
        "1", "1", "178",
    ]  # fmt: skip
    assert "3종목 가운데 3종목의 178일" in text(page, "#summary")
    cells = page.find_element(By.ID, "cells")
    cells.send_keys(Keys.END)  # the newest day of the most traded symbol
    wait(page, "document.getElementById('told').textContent.includes('005930')")
    told = text(page, "#told")
    assert "11월 23일" in told and "1분봉 381개" in told and "분봉은 있는데 일봉에 이 날이 없음" in told
    assert text(page, "#command") == (
        "python fetch_minute_data.py --symbols 005930 --from 2026-11-23 --to 2026-11-23 --recheck"
    )
    shot(page, "map-light")
    page.find_element(By.CSS_SELECTOR, '[data-state="UNPROVEN"]').click()
    wait(page, "document.getElementById('cells').dataset.drawn === '1 60'")
    page.find_element(By.ID, "table-button").click()
    assert [row.text.split()[0] for row in page.find_elements(By.CSS_SELECTOR, "#rows tr")] == ["2026-11-23"]
    page.find_element(By.ID, "table-close").click()
    page.find_element(By.CSS_SELECTOR, '[data-state="UNPROVEN"]').click()
    wait(page, "document.getElementById('cells').dataset.drawn === '3 60'")
    page.find_element(By.ID, "older").click()
    wait(page, "document.getElementById('cells').dataset.drawn === '3 120'")
    assert errors(page) == []
    assert hosts(page) <= {urlsplit(page.server.url).netloc}
    x, y = page.execute_script(
        "const [grid, extent] = ['grid', 'extent'].map((id) => document.getElementById(id));"
        "const x = extent.offsetWidth - 4 - grid.scrollLeft;"
        "return [x - grid.clientWidth / 2, 30 + 9 - grid.clientHeight / 2];"
    )  # the newest day of the first symbol, from the canvas's middle
    ActionChains(page).move_to_element_with_offset(cells, int(x), int(y)).click().perform()
    wait(page, "document.getElementById('chart')?.dataset.ready === '005930 1'")
    assert page.current_url.startswith(f"{page.server.url}?symbol=005930&")
    assert "from=2026-11-23" in page.current_url and "interval=1" in page.current_url
    assert errors(page) == []


def dates(page) -> int:
    return int(page.execute_script("return document.getElementById('cells').dataset.drawn").split()[1])


def test_older_days_come_by_scrolling_and_the_order_is_chosen(page):
    drawn = "document.getElementById('cells').dataset.drawn"
    phone(page)
    wait(page, "document.getElementById('grid').scrollLeft > 100", 5)
    page.execute_script("document.getElementById('grid').scrollLeft = 0")
    wait(page, f"{drawn} === '3 120'")
    firsts = {}
    for order in ("turnover", "name", "doubt"):
        page.find_element(By.CSS_SELECTOR, f'[data-sort="{order}"]').click()
        page.find_element(By.ID, "cells").send_keys(Keys.PAGE_UP, Keys.HOME, Keys.END)  # of the first row
        firsts[order] = text(page, "#told").split(" · ")[0]
    assert firsts == {"turnover": "삼성전자 005930", "name": "<b>네이버</b> 035420", "doubt": "SK하이닉스 000660"}
    page.find_element(By.ID, "cells").send_keys(Keys.ARROW_LEFT)
    shot(page, "map-390")
    box = page.find_element(By.ID, "told").rect
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390 and text(page, "#command")
    tap = (
        "document.getElementById('cells').dispatchEvent(new PointerEvent('click', "
        "{ pointerType: 'touch', clientX: 300, clientY: arguments[0] }))"
    )
    y = page.find_element(By.ID, "cells").rect["y"] + 40
    page.execute_script(tap, y)
    assert page.current_url.endswith("/map"), "a finger points first"
    page.execute_script(tap, y)
    wait(page, "document.getElementById('chart') !== null")
    assert errors(page) == []


@pytest.mark.slow
def test_a_whole_market_of_a_year_scrolls_smoothly(page):
    """2,700 symbols × 250 days; the work of a frame that no other process interrupted."""
    found = page.execute_script(MAP, 2700, 250)
    shot(page, "map-market")
    assert found["frames"] >= 10 and found["frame"] < 16, found
    assert errors(page) == []


def test_a_whole_market_is_listed_in_parts_and_in_order(page):
    page.get(page.server.url)
    wait(page, "document.querySelectorAll('#list button').length === 3")
    found = page.execute_script(LIST)
    assert found["firsts"] == 100 and found["inOrder"] and found["inView"] and found["current"] == "102600", found


def test_the_chart_links_to_the_map_and_names_stay_text(page):
    page.get(page.server.url)
    wait(page, "document.querySelectorAll('#list button').length === 3")
    page.find_element(By.CSS_SELECTOR, 'a[href="map"]').click()
    wait(page, "document.getElementById('cells')?.dataset.drawn === '3 60'")
    page.find_element(By.ID, "table-button").click()
    assert NAMES["035420"] in text(page, "#rows")
    shot(page, "map-table")
    phone(page)
    box = page.find_element(By.CSS_SELECTOR, "#rows td:last-child").rect
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390, "the reason is seen on a phone"
    shot(page, "map-table-390")
    assert errors(page) == []
