"""What a chart is expected to have, in a real Chromium: weeks, a second symbol, lengths, lines, replay, side charts."""

import csv
import gzip
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from chart_browser import browser, errors, hosts, wait
from chart_testing import FRIDAY, MONDAY, put, serving
from places import ROOT
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from store_testing import CALENDAR, minutes

from minute_candles.chart.files import read_files
from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.storage.store import open_store

TODAY = minutes(CALENDAR.session(MONDAY), 7)
AT = datetime(2026, 11, 23, 10, 30, 2, tzinfo=KST)
CHART = "document.getElementById('chart')"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """Two symbols of ten verified days and a morning; nothing of the third, whose name is markup."""
    database = Database("sqlite", path=tmp_path_factory.mktemp("tools") / "minutes.db")
    with closing(open_store(database, Clock())) as store:
        store.preflight()
        for seed, symbol in enumerate(("005930", "000660")):
            for day in CALENDAR.trading_days(date(2026, 11, 9), FRIDAY):
                put(store, symbol, minutes(CALENDAR.session(day), seed + day.day), "COMPLETE")
            put(store, symbol, TODAY[:90] if not seed else minutes(CALENDAR.session(MONDAY), 8)[:90])
    with browser(1440, 900) as chromium, serving(database, at=AT) as server:
        hosts(chromium)
        chromium.server = server
        yield chromium


@pytest.fixture
def opened(page) -> Iterator[Callable]:
    """Opens the page of 005930; at the end nothing was complained of, and nothing is kept."""

    def open_page(interval: object = 1, query: str = ""):
        page.get(f"{page.server.url}?symbol=005930&interval={interval}{query}")
        wait(page, f"{CHART}.dataset.ready === '005930 {interval}' && document.querySelector('#list li')")
        return page

    yield open_page
    assert errors(page) == []
    assert hosts(page) <= {urlsplit(page.server.url).netloc}
    page.execute_script("localStorage.clear()")
    page.get("about:blank")


def click(page, selector: str) -> None:
    page.find_element(By.CSS_SELECTOR, selector).click()


def press(page, *keys: str) -> None:
    ActionChains(page).send_keys(*keys).perform()


def typed(page, selector: str, text: str) -> None:
    box = page.find_element(By.CSS_SELECTOR, selector)
    box.clear()
    box.send_keys(text, Keys.ENTER)


def drag(page, x: int, y: int, dx: int = 0, dy: int = 0) -> None:
    chart = page.find_element(By.ID, "chart")
    moves = ActionChains(page, duration=20).move_to_element_with_offset(chart, x, y).click_and_hold()
    moves.move_by_offset(dx // 2, dy // 2).move_by_offset(dx - dx // 2, dy - dy // 2).release().perform()


def get(page, path: str):
    return page.execute_script(f"return fetch('{path}').then((answer) => answer.json())")


def legend(page) -> dict[str, str]:
    return page.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('#numbers span, #lines span')].map("
        "(span) => [span.firstElementChild.textContent, span.lastElementChild.textContent]))"
    )


def shot(page, name: str) -> None:
    (ROOT / "build").mkdir(exist_ok=True)
    page.save_screenshot(str(ROOT / "build" / f"chart-tools-{name}.png"))


def test_weeks_and_months_go_on_with_the_running_minute(page, opened):
    opened("day")
    press(page, "9")
    wait(page, f"{CHART}.dataset.ready === '005930 week'")
    weeks = get(page, "/api/candles?symbol=005930&interval=week")["candles"]
    wait(page, f"document.getElementById('numbers').textContent.includes('{weeks[-1]['volume']:,}')")
    assert legend(page)["등락률"] == f"{(weeks[-1]['close'] / weeks[-2]['close'] - 1) * 100:+.2f}%"
    minute = TODAY[90]._replace(close=99_000, high=99_000)
    page.server.broadcaster.run_minute("005930", minute)
    wait(page, "document.getElementById('price').textContent === '99,000'", 5)
    answer = legend(page)
    assert (answer["고"], answer["종"]) == ("99,000", "99,000")
    assert answer["시"] == f"{weeks[-1]['open']:,}"
    assert answer["거래량"] == f"{weeks[-1]['volume'] + minute.volume:,}"
    [line] = get(page, "/api/indicators?symbol=005930&interval=week&names=sma2&running=1&limit=1")["lines"].values()
    assert line[-1] == (weeks[-2]["close"] + 99_000) / 2, "an indicator of the week goes on with it, too"
    press(page, "0")
    wait(page, f"{CHART}.dataset.ready === '005930 month'")
    wait(page, "document.getElementById('numbers').textContent.includes('99,000')")


def test_lengths_of_the_lines_stand_in_the_address_and_are_the_servers(page, opened):
    opened(5)
    click(page, '[data-study="bands"]')
    click(page, "#parameters-button")
    typed(page, "#ma", "7, 240")
    typed(page, "#bb", "10,1.5")
    wait(page, "location.search.includes('ma=7,240&bb=10,1.5')")
    typed(page, "#ma", "7;240")
    wait(page, "document.getElementById('ma').getAttribute('aria-invalid') === 'true'")
    click(page, "#parameters-close")
    opened(5)
    wait(page, f"{CHART}.dataset.served === 'sma7,sma240,vwap,bbands10_1.5'")
    lines = get(page, "/api/indicators?symbol=005930&interval=5&names=sma240,bbands10_1.5&running=1")["lines"]
    answer = legend(page)
    assert answer["MA240"] == f"{lines['sma240'][-1]:,.0f}"
    assert answer["상단"] == f"{lines['bbands10_1.5_upper'][-1]:,.0f}"
    assert "ma=7,240" in page.current_url, "kept in the browser"


def test_a_second_symbol_is_compared_in_percent(page, opened):
    opened(5, "&from=2026-11-20&to=2026-11-20")
    typed(page, "#compare", "없는 종목")
    assert page.execute_script("return document.querySelector('#state').textContent").find("없습니다") > 0
    typed(page, "#compare", "sk하이")
    wait(page, f"{CHART}.dataset.compared === '000660' && location.search.includes('compare=000660')")
    other = get(page, "/api/candles?symbol=000660&interval=5&from=2026-11-20&to=2026-11-20")["candles"]
    percent = f"{(other[-1]['close'] / other[0]['close'] - 1) * 100:+.2f}%"
    wait(page, f"document.querySelector('.line-compare b').textContent === '{percent}'")
    assert "MA5" not in legend(page), "on a scale in percent each line would begin at 0 %"
    mode = "(await import('/static/parts.js')).{}.price.priceScale().options().mode"
    assert page.execute_script(f"return {mode.format('view')}") == 2
    shot(page, "compare")
    typed(page, "#compare", Keys.BACKSPACE)
    wait(page, "document.getElementById('lines').textContent.includes('MA5') && !location.search.includes('compare')")
    click(page, "#log")
    wait(page, "location.search.includes('log=1')")
    assert page.execute_script(f"return {mode.format('view')}") == 1


def test_the_list_is_sorted_and_favourites_stand_on_top(page, opened):
    opened()
    wait(page, "document.querySelectorAll('#list li').length === 3")
    symbols = "[...document.querySelectorAll('#list li .item')].map((one) => one.dataset.symbol)"
    rows = [row for row in get(page, "/api/symbols") if row["price"]]
    changes = sorted(rows, key=lambda row: -row["change_percent"])
    for value, wanted in (
        ("down", changes[::-1]),
        ("up", changes),
        ("name", sorted(rows, key=lambda row: -ord(row["name"][0]))),
    ):
        page.execute_script(
            "const order = document.getElementById('order'); order.value = arguments[0];"
            "order.dispatchEvent(new Event('change'))", value,
        )  # fmt: skip
        answer = page.execute_script(f"return {symbols}")
        assert [one for one in answer if one != "035420"] == [row["symbol"] for row in wanted]
    last = page.execute_script(f"return {symbols}")[-1]
    page.execute_script("document.querySelector('#list li:last-child .star').focus()")
    press(page, Keys.SPACE)
    wait(page, f"{symbols}[0] === '{last}'")
    opened()
    wait(page, f"document.querySelectorAll('#list li').length === 3 && {symbols}[0] === '{last}'")
    assert page.execute_script("return document.getElementById('order').value") == "name"


@pytest.fixture
def downloads(page, tmp_path: Path) -> Path:
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    return tmp_path


def test_what_is_shown_is_saved_as_csv(page, opened, downloads):
    opened(1, "&from=2026-11-20T09:00&to=2026-11-20T09:09&ma=5")
    wait(page, f"{CHART}.dataset.served")
    time.sleep(0.3)  # the range is set with the next frame
    click(page, "#csv")
    deadline = time.monotonic() + 10
    while not (found := list(downloads.glob("*.csv"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found[0].name == "005930-1-2026-11-20-0909.csv"
    rows = list(csv.reader(found[0].read_text(encoding="utf-8-sig").splitlines()))
    assert rows[0] == ["시각", "시가", "고가", "저가", "종가", "거래량", "VWAP", "상태", "MA5", "VWAP"]
    answer = get(page, "/api/candles?symbol=005930&interval=1&from=2026-11-20&to=2026-11-20")["candles"][:10]
    assert [row[:6] for row in rows[1:]] == [
        [one["time"][:16].replace("T", " "), *(str(one[k]) for k in ("open", "high", "low", "close", "volume"))]
        for one in answer
    ]
    assert {row[7] for row in rows[1:]} == {"COMPLETE"}


def drawings(page) -> list[dict]:
    return json.loads(page.execute_script("return localStorage.getItem('lines')") or "{}").get("005930", [])


def test_lines_are_drawn_kept_and_erased(page, opened):
    opened(5)
    click(page, '[data-tool="level"]')
    drag(page, 0, -100)
    click(page, '[data-tool="trend"]')
    drag(page, -300, -50, 250, -120)
    [level, trend] = drawings(page)
    assert (level["kind"], trend["kind"]) == ("level", "trend")
    assert trend["points"][1]["price"] > trend["points"][0]["price"] == round(trend["points"][0]["price"], -2)
    click(page, '[data-symbol="000660"]')
    wait(page, f"{CHART}.dataset.ready === '000660 5' && {CHART}.dataset.lines === '0'")
    opened(1)
    wait(page, f"{CHART}.dataset.lines === '2'")
    y = page.execute_script(
        f"return (await import('/static/parts.js')).view.price.priceToCoordinate({level['points'][0]['price']})"
        f" - {CHART}.clientHeight / 2"
    )
    ActionChains(page).move_to_element_with_offset(page.find_element(By.ID, "chart"), 0, int(y)).click().perform()
    press(page, Keys.DELETE)
    wait(page, f"{CHART}.dataset.lines === '1'")
    assert drawings(page) == [trend]
    click(page, "#erase")
    wait(page, "document.getElementById('erase').hidden")
    assert drawings(page) == []


def test_a_stretch_is_measured_by_keys_alone(page, opened):
    opened(5, "&from=2026-11-20&to=2026-11-20")
    answer = get(page, "/api/candles?symbol=005930&interval=5&from=2026-11-20&to=2026-11-20")["candles"]
    page.execute_script("document.querySelector('[data-tool=measure]').focus()")
    press(page, Keys.ENTER)
    page.execute_script(f"{CHART}.focus()")
    press(page, Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ENTER, *[Keys.ARROW_LEFT] * 3, Keys.ENTER)
    first, last = answer[-2]["close"], answer[-5]["close"]
    moved = f"{last - first:+,}원 ({(last / first - 1) * 100:+.2f}%) · 3봉 · 15분".replace("+0원", "0원")
    wait(page, f"document.getElementById('spoken').textContent === '{moved}'")
    shot(page, "measure")
    press(page, Keys.ESCAPE)
    wait(page, f"{CHART}.dataset.tool === ''")
    assert drawings(page) == []


def test_a_stored_day_is_replayed(page, opened):
    opened(1, "&from=2026-11-19&to=2026-11-20")
    click(page, "#replay-button")
    wait(page, f"{CHART}.dataset.replayed === '09:00' && document.getElementById('replay-day').value === '2026-11-20'")
    count = "(await import('/static/parts.js')).view.candles.length"
    assert page.execute_script(f"return {count}") == 1, "nothing of what follows is shown"
    page.execute_script(
        "const at = document.getElementById('replay-at'); at.value = 60; at.dispatchEvent(new Event('input'))"
    )
    wait(page, f"{CHART}.dataset.replayed === '09:59'")
    assert page.execute_script(f"return {count}") == 60
    page.execute_script(
        "const speed = document.getElementById('replay-speed'); speed.value = 60;"
        "speed.dispatchEvent(new Event('change'))"
    )
    click(page, "#replay-play")
    wait(page, f"{CHART}.dataset.replayed >= '10:10'")
    click(page, "#replay-play")
    reached = page.execute_script(f"return {CHART}.dataset.replayed")
    page.server.broadcaster.run_minute("005930", TODAY[91])
    shot(page, "replay")
    assert page.execute_script(f"return {CHART}.dataset.replayed") == reached < "15:30"
    click(page, '[data-interval="5"]')
    wait(page, f"{CHART}.dataset.ready === '005930 5'")
    end = page.execute_script("return (await import('/static/parts.js')).view.candles.at(-1).time + 300")
    over = datetime.fromisoformat(f"2026-11-20T{reached}:00+00:00").timestamp() + 60
    assert over - 300 < end <= over, "a window that is not over is not shown"
    click(page, "#replay-close")
    wait(page, "!location.search.includes('from=') && document.getElementById('replay-bar').hidden")


def test_small_charts_stand_on_the_right_and_follow(page, opened):
    opened()
    wait(page, "document.querySelectorAll('#list li').length === 3")
    click(page, "#sides-button")
    click(page, "#sides-button")
    wait(page, "document.querySelectorAll('.side-chart[data-ready]').length === 3")
    names = [box.get_attribute("value") for box in page.find_elements(By.CSS_SELECTOR, ".side-chart input")]
    assert "<b>네이버</b>" in names, "a name is text"
    typed(page, ".side-chart:last-child input", "삼성")
    wait(page, "document.querySelector('.side-chart:last-child').dataset.ready === '005930 5'")
    page.server.broadcaster.run_minute("005930", TODAY[92]._replace(close=98_000, high=98_000))
    wait(page, "document.querySelector('.side-chart:last-child span').textContent.startsWith('98,000')", 5)
    shot(page, "sides")
    opened()
    wait(page, "document.querySelectorAll('.side-chart[data-ready]').length === 3")
    click(page, "#sides-button")
    wait(page, "!document.querySelector('.side-chart')")


def test_the_tools_fit_a_phone_and_the_dark(page, opened):
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    opened()
    page.execute_script(
        "localStorage.setItem('theme', 'dark'); localStorage.setItem('chart', '{\"sides\": [\"000660:5\"]}')"
    )
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        opened(1, "&compare=000660")
        page.execute_script("document.getElementById('replay-button').click()")
        wait(page, f"{CHART}.dataset.replayed && innerWidth === 390 && document.documentElement.scrollWidth <= 390")
        assert not page.find_elements(By.CSS_SELECTOR, ".side-chart"), "none where there is no room"
        shot(page, "phone")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_own_and_library_script_stay_small():
    files = read_files()
    scripts = [one for name, one in files.items() if name.endswith(".js")]
    assert sum(len(gzip.compress(one.content, 9)) for one in scripts) <= 180_000
