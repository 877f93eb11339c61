"""The data map in a real Chromium: it draws, says why, filters, and leads to the day's chart."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from chart_browser import Page
from chart_testing import FRIDAY, MONDAY, NAMES, put, serving
from places import ROOT
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys
from store_testing import CALENDAR, minutes

from minute_candles.chart.coverage import CoverageMap
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
DRAWN = "document.getElementById('cells')?.dataset.drawn"


@pytest.fixture
def page(chromium: Page, empty) -> Iterator[Page]:
    """Friday COMPLETE, Monday UNPROVEN of one symbol; the others hold nothing."""
    monday = CALENDAR.session(MONDAY)
    with closing(open_store(empty, Clock())) as store:
        put(store, "005930", minutes(CALENDAR.session(FRIDAY)), "COMPLETE")
        held, reasons = {1: minutes(monday), 5: [], 15: []}, [Reason.DAILY_MISSING]
        store.rewrite("005930", monday, lambda _: held, now=monday.end, status=DayStatus.UNPROVEN, reasons=reasons)
    with serving(empty) as server, chromium.looking_at(server):
        chromium.get(f"{server.url}map")
        chromium.wait(f"{DRAWN} === '3 60'")
        yield chromium


def test_the_map_draws_explains_filters_and_opens_the_day(page):
    found = page.execute_script(COLOURS)
    assert found[PROVEN] > 50 and found[BY_DAILY] > 50
    states = {state: page.text(f'[data-state="{state}"]').split()[-1] for state in ("COMPLETE", "UNPROVEN", "MISSING")}
    assert states == {"COMPLETE": "1", "UNPROVEN": "1", "MISSING": "178"}
    assert "3종목 가운데 3종목의 178일" in page.text("#summary")
    cells = page.find_element("id", "cells")
    cells.send_keys(Keys.END)  # the newest day of the most traded symbol
    page.wait("document.getElementById('explanation').textContent.includes('005930')")
    shown = page.text("#explanation")
    assert all(part in shown for part in ("11월 23일", "1분봉 381개", "분봉은 있는데 일봉에 이 날이 없음"))
    command = "python fetch_minute_data.py --symbols 005930 --from 2026-11-23 --to 2026-11-23 --recheck"
    assert page.text("#command") == command
    page.click('[data-state="UNPROVEN"]')
    page.wait(f"{DRAWN} === '1 60'")
    page.click("#table-button")
    assert [row.text.split()[0] for row in page.find_elements("css selector", "#rows tr")] == ["2026-11-23"]
    page.click("#table-close", '[data-state="UNPROVEN"]')
    page.wait(f"{DRAWN} === '3 60'")
    page.click("#older")
    page.wait(f"{DRAWN} === '3 120'")
    x, y = page.execute_script(
        "const [grid, extent] = ['grid', 'extent'].map((id) => document.getElementById(id));"
        "return [extent.offsetWidth - 4 - grid.scrollLeft - grid.clientWidth / 2, 39 - grid.clientHeight / 2];"
    )  # the newest day of the first symbol, from the canvas's middle
    ActionChains(page).move_to_element_with_offset(cells, int(x), int(y)).click().perform()
    page.wait("document.getElementById('chart')?.dataset.ready === '005930 1'")
    assert "from=2026-11-23" in page.current_url


def test_a_whole_market_is_listed_in_order_the_map_on_a_phone_scrolls_is_ordered_and_read_as_a_table(page, monkeypatch):
    scrolled, count = threading.Event(), CoverageMap._count_stale  # who scrolls while rows are counted is not forgotten
    monkeypatch.setattr(CoverageMap, "_count_stale", lambda *args: scrolled.wait(20) and count(*args))
    page.get(page.server.url)
    page.wait("document.querySelectorAll('#list button').length === 3")
    page.js("void ((await import('/static/parts.js')).list.show = () => {})")  # the page's own list stays away
    found = page.execute_script((ROOT / "benchmarks" / "list_of_2700.js").read_text(encoding="utf-8"))
    assert found["firsts"] == 100 and found["inOrder"] and found["inView"] and found["current"] == "102600", found
    page.phone()
    page.get(f"{page.server.url}map")
    page.wait(f"{DRAWN} && document.getElementById('grid').scrollLeft > 100", 5)
    page.execute_script(
        "const grid = document.getElementById('grid'); grid.scrollLeft = 0;"
        "return new Promise((done) => grid.addEventListener('scroll', () => done()))"
    )
    scrolled.set()
    page.wait(f"{DRAWN} === '3 120'")
    page.click("#table-button")
    assert NAMES["035420"] in page.text("#rows"), "markup is text"
    assert page.fits("#rows td:last-child"), "the reason is seen on a phone"
    page.click("#table-close")
    firsts = {}
    for order in ("turnover", "name", "doubt"):
        page.click(f'[data-sort="{order}"]')
        page.find_element("id", "cells").send_keys(Keys.PAGE_UP, Keys.HOME, Keys.END)  # of the first row
        firsts[order] = page.text("#explanation").split(" · ")[0]
    assert firsts == {"turnover": "삼성전자 005930", "name": "<b>네이버</b> 035420", "doubt": "SK하이닉스 000660"}
    page.find_element("id", "cells").send_keys(Keys.ARROW_LEFT)
    assert page.fits("#explanation") and page.text("#command")
    point = f"{{ pointerType: 'touch', clientX: 300, clientY: {page.find_element('id', 'cells').rect['y'] + 40} }}"
    tap = f"document.getElementById('cells').dispatchEvent(new PointerEvent('click', {point}))"
    page.execute_script(tap)
    assert page.current_url.endswith("/map"), "a finger points first"
    page.execute_script(tap)
    page.wait("document.getElementById('chart') !== null")
