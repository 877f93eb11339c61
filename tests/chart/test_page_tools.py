"""What a chart is expected to have, in a real Chromium: weeks, a second symbol, lengths, lines, replay, side charts."""

import json
from datetime import datetime

from chart_browser import CHART, VIEW
from chart_testing import AT, serving
from forecast.test_forecast import trained_model, with_skill
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from minute_candles.forecast.model_file import MODEL_FILE, write

FRIDAY = "&from=2026-11-20&to=2026-11-20"


def change(page, field: str, value: object, event: str = "change") -> None:
    page.execute_script(
        f"const field = document.getElementById('{field}'); field.value = arguments[0];"
        f"field.dispatchEvent(new Event('{event}'))", value,
    )  # fmt: skip


def test_a_second_symbol_is_compared_in_percent_the_list_is_sorted_favourites_stand_on_top(page):
    symbols = "[...document.querySelectorAll('#list li .item')].map((one) => one.dataset.symbol)"
    rows = [row for row in page.fetch("/api/symbols") if row["price"]]
    changes = sorted(rows, key=lambda row: row["change_percent"])
    names = sorted(rows, key=lambda row: -ord(row["name"][0]))
    for order, wanted in (("down", changes), ("up", changes[::-1]), ("name", names)):
        change(page, "order", order)
        assert [one for one in page.js(symbols) if one != "035420"] == [row["symbol"] for row in wanted]
    last = page.js(symbols)[-1]
    page.execute_script("document.querySelector('#list li:last-child .star').focus()")
    page.press(Keys.SPACE)
    page.wait(f"{symbols}[0] === '{last}'")
    page.open(5, FRIDAY)
    page.wait(f"document.querySelectorAll('#list li').length === 3 && {symbols}[0] === '{last}'")
    assert page.js("document.getElementById('order').value") == "name", "kept in the browser"
    page.type("#compare", "sk하이")
    page.wait(f"{CHART}.dataset.compared === '000660' && location.search.includes('compare=000660')")
    other = page.fetch(f"/api/candles?symbol=000660&interval=5{FRIDAY}")["candles"]
    percent = f"{(other[-1]['close'] / other[0]['close'] - 1) * 100:+.2f}%"
    page.park()
    page.wait(f"document.querySelector('.line-compare b').textContent === '{percent}'")
    assert "MA5" not in page.legend(), "on a scale in percent each line would begin at 0 %"
    mode = f"{VIEW}.price.priceScale().options().mode"
    assert page.js(mode) == 2
    page.type("#compare", Keys.BACKSPACE)
    page.wait("document.getElementById('lines').textContent.includes('MA5') && !location.search.includes('compare')")
    page.click("#log")
    page.wait("location.search.includes('log=1')")
    assert page.js(mode) == 1


def drag(page, x: int, y: int, dx: int = 0, dy: int = 0) -> None:
    moves = ActionChains(page, duration=20).move_to_element_with_offset(page.find_element("id", "chart"), x, y)
    half = moves.click_and_hold().move_by_offset(dx // 2, dy // 2)
    half.move_by_offset(dx - dx // 2, dy - dy // 2).release().perform()


def drawings(page) -> list[dict]:
    return json.loads(page.js("localStorage.getItem('lines')") or "{}").get("005930", [])


def test_lines_are_drawn_kept_and_erased_and_a_stretch_is_measured(tab):
    tab.open(5)
    tab.click('[data-tool="level"]')
    drag(tab, 0, -100)
    tab.click('[data-tool="trend"]')
    drag(tab, -300, -50, 250, -120)
    [level, trend] = drawings(tab)
    assert (level["kind"], trend["kind"]) == ("level", "trend")
    assert trend["points"][1]["price"] > trend["points"][0]["price"] == round(trend["points"][0]["price"], -2)
    tab.click('[data-symbol="000660"]')
    tab.wait(f"{CHART}.dataset.ready === '000660 5' && {CHART}.dataset.lines === '0'")
    tab.open(1)
    tab.wait(f"{CHART}.dataset.lines === '2'")
    y = tab.js(f"{VIEW}.price.priceToCoordinate({level['points'][0]['price']}) - {CHART}.clientHeight / 2")
    drag(tab, 0, int(y))
    tab.press(Keys.DELETE)
    tab.wait(f"{CHART}.dataset.lines === '1'")
    assert drawings(tab) == [trend]
    tab.click("#erase")
    tab.wait("document.getElementById('erase').hidden")
    candles = tab.fetch("/api/candles?symbol=005930&interval=1")["candles"]
    tab.execute_script("document.querySelector('[data-tool=measure]').focus()")
    tab.press(Keys.ENTER)  # a stretch is measured by keys alone
    tab.focus(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ENTER, *[Keys.ARROW_LEFT] * 3, Keys.ENTER)
    first, last = candles[-2]["close"], candles[-5]["close"]
    moved = f"{last - first:+,}원 ({(last / first - 1) * 100:+.2f}%) · 3봉 · 3분".replace("+0원", "0원")
    tab.wait(f"document.getElementById('spoken').textContent === '{moved}'")
    tab.press(Keys.ESCAPE)
    tab.wait(f"{CHART}.dataset.tool === ''")
    assert drawings(tab) == []


def test_a_stored_day_is_replayed(tab):
    tab.open(1, FRIDAY)
    tab.click("#replay-button")
    tab.wait(f"{CHART}.dataset.replayed === '09:00' && document.getElementById('replay-day').value === '2026-11-20'")
    assert tab.js(f"{VIEW}.candles.length") == 1, "nothing of what follows is shown"
    change(tab, "replay-at", 60, "input")
    tab.wait(f"{CHART}.dataset.replayed === '09:59'")
    assert tab.js(f"{VIEW}.candles.length") == 60
    change(tab, "replay-speed", 60)
    tab.click("#replay-play")
    tab.wait(f"{CHART}.dataset.replayed >= '10:10'")
    tab.click("#replay-play")
    reached = tab.js(f"{CHART}.dataset.replayed")
    tab.server.run_minute("10:32", 65_432)
    assert tab.js(f"{CHART}.dataset.replayed") == reached < "15:30"
    tab.ready("005930 5", '[data-interval="5"]')
    end = tab.js(f"{VIEW}.candles.at(-1).time + 300")
    over = datetime.fromisoformat(f"2026-11-20T{reached}:00+00:00").timestamp() + 60
    assert over - 300 < end <= over, "a window that is not over is not shown"
    tab.click("#replay-close")
    tab.wait("!location.search.includes('from=') && document.getElementById('replay-bar').hidden")


def test_small_charts_stand_on_the_right_and_follow_but_not_on_a_phone(page):
    page.wait("document.querySelectorAll('#list li').length === 3")
    page.click("#sides-button", "#sides-button")
    page.wait("document.querySelectorAll('.side-chart[data-ready]').length === 3")
    names = page.js("[...document.querySelectorAll('.side-chart input')].map((one) => one.value)")
    assert "<b>네이버</b>" in names, "a name is text"
    page.type(".side-chart:last-child input", "삼성")
    page.wait("document.querySelector('.side-chart:last-child').dataset.ready === '005930 5'")
    page.server.run_minute("10:32", 98_000)
    page.wait("document.querySelector('.side-chart:last-child span').textContent.startsWith('98,000')", 5)
    page.open()
    page.wait("document.querySelectorAll('.side-chart[data-ready]').length === 3")
    page.phone()
    page.open(1, "&compare=000660")
    page.execute_script("document.getElementById('replay-button').click()")
    page.wait(f"{CHART}.dataset.replayed && innerWidth === 390 && document.documentElement.scrollWidth <= 390")
    assert not page.find_elements("css selector", ".side-chart"), "none where there is no room"


def test_a_forecast_is_shown_where_it_has_skill(chromium, store, database, tmp_path):
    hidden = "document.getElementById('forecast-button').hidden"
    write(tmp_path / MODEL_FILE, with_skill(trained_model(), -0.02))
    with serving(database, at=AT, folder=tmp_path) as server, chromium.looking_at(server):
        chromium.open(5)
        assert chromium.js(hidden)
        write(tmp_path / MODEL_FILE, with_skill(trained_model(), 0.02))
        chromium.js("(await import('/static/parts.js')).forecast.poll()")
        chromium.wait(f"!{hidden}")
        assert "기준선보다" in chromium.text("#forecast-button")
        chromium.click("#forecast-button")
        assert chromium.js("document.querySelectorAll('#forecast-rows tr').length") == 7
        chromium.click("#forecast-close")
        chromium.phone()
