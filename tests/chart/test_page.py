"""The page in a real Chromium, over a real table; what it looked like stands in build/."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from chart_browser import drawn, errors, hosts, phone, shot, wait
from chart_testing import FRIDAY, MONDAY, put, serving
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from store_testing import CALENDAR, minutes

from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.storage.store import KeptAlert, Store, open_alerts, open_store

TODAY = minutes(CALENDAR.session(MONDAY), 7)
AT = datetime(2026, 11, 23, 10, 30, 2, tzinfo=KST)
NAME = "document.getElementById('name').textContent"
READY = "document.getElementById('chart').dataset.ready"


@pytest.fixture
def store(database) -> Iterator[Store]:
    store = open_store(database, Clock())
    store.preflight()
    for seed, symbol in enumerate(("005930", "000660")):
        put(store, symbol, minutes(CALENDAR.session(FRIDAY), seed), "COMPLETE")
        put(store, symbol, [one for at, one in enumerate(TODAY[:90]) if at not in (40, 41)])
    yield store
    store.close()


@pytest.fixture
def page(chromium, database, store):
    with serving(database, at=AT) as server:
        chromium.get(f"{server.url}?symbol=005930&interval=1")
        wait(chromium, f"{READY} === '005930 1'")
        chromium.server = server
        yield chromium


def click(page, selector: str) -> None:
    page.find_element(By.CSS_SELECTOR, selector).click()


def press(page, *keys: str) -> None:
    ActionChains(page).send_keys(*keys).perform()


def test_it_loads_cleanly_and_draws(page):
    wait(page, "document.querySelectorAll('#list button').length === 3")
    assert drawn(page) > 500
    assert errors(page) == []
    assert hosts(page) <= {urlsplit(page.server.url).netloc}
    assert page.execute_script("return document.querySelector('footer a').href") == "https://www.tradingview.com/"
    assert (
        page.execute_script("return document.querySelector('[data-symbol=\"035420\"] .name').textContent")
        == "<b>네이버</b>"
    )
    shot(page, "light")


def test_symbol_and_interval_change_by_mouse_and_by_key(page):
    wait(page, "document.querySelectorAll('#list button').length === 3")
    click(page, '[data-interval="5"]')
    wait(page, f"{READY} === '005930 5'")
    click(page, '[data-symbol="000660"]')
    wait(page, f"{READY} === '000660 5' && {NAME} === 'SK하이닉스'")
    press(page, "8")
    wait(page, f"{READY} === '000660 day'")
    press(page, "/")
    press(page, "ㅅㅅ")
    press(page, Keys.ENTER)
    wait(page, f"{READY} === '005930 day' && {NAME} === '삼성전자'")
    assert "symbol=005930&interval=day" in page.current_url
    press(page, "2")
    wait(page, f"{READY} === '005930 3'")
    assert errors(page) == []


def test_a_stored_candle_and_a_running_one_arrive(page, store):
    put(store, "005930", [one for at, one in enumerate(TODAY[:91]) if at not in (40, 41)])
    close = f"{TODAY[90].close:,}"
    wait(page, "document.getElementById('numbers').textContent.includes('10:30')", 4)
    wait(page, f"document.getElementById('price').textContent === '{close}'", 4)
    running = TODAY[0]._replace(timestamp=datetime(2026, 11, 23, 10, 31), close=65_432, vwap=None)
    page.server.broadcaster.run_minute("005930", running)
    wait(page, "document.getElementById('price').textContent === '65,432'", 3)
    assert "진행 중" in page.find_element(By.ID, "numbers").text


def test_the_arrows_read_the_candles_and_the_table_shows_them(page):
    page.execute_script("document.getElementById('chart').focus()")
    press(page, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    wait(page, "document.getElementById('spoken').textContent.includes('10:28')")
    click(page, "#table-button")
    wait(page, "document.querySelectorAll('#rows tr').length > 50")
    assert page.execute_script("return document.querySelector('#rows th').textContent").endswith("10:29")
    click(page, "#table-close")


def test_lines_are_the_servers_which_knows_what_stands_before_the_first_candle(page):
    """Of Monday alone: what remembers speaks from its first candle on, and says what /api/indicators says."""
    page.get(f"{page.server.url}?symbol=005930&interval=1&from=2026-11-23&to=2026-11-23")
    wait(page, f"{READY} === '005930 1'")
    click(page, '[data-study="rsi"]')
    click(page, '[data-study="macd"]')
    wait(page, "document.getElementById('chart').dataset.served?.endsWith('rsi14,macd')")
    page.execute_script("document.getElementById('chart').focus()")
    press(page, *[Keys.ARROW_LEFT] * 90)
    wait(page, "document.getElementById('numbers').textContent.includes('09:00')")
    asked = "symbol=005930&interval=1&names=sma120,rsi14,macd&from=2026-11-23&to=2026-11-23"
    lines = page.execute_script(f"return fetch('/api/indicators?{asked}').then((answer) => answer.json())")["lines"]
    legend = page.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('#lines span')].map("
        "(span) => [span.firstElementChild.textContent, span.lastElementChild.textContent]))"
    )
    assert legend["RSI14"] == f"{lines['rsi14'][0]:.1f}"
    for name, line in (("MA120", "sma120"), ("MACD", "macd"), ("시그널", "macd_signal"), ("오실레이터", "macd_hist")):
        assert abs(float(legend[name].replace(",", "")) - lines[line][0]) <= 0.51
    assert errors(page) == []


def fired(database, *alerts: KeptAlert) -> None:
    table = open_alerts(database, Clock())
    table.keep(alerts, AT)
    table.close()


def test_alerts_are_marked_and_listed_and_lead_to_their_candle(page, database):
    alert = KeptAlert("급등락", "005930", 1, datetime(2026, 11, 23, 10, 5), "info", "5분 동안 +3.14% <b>", 3.14)
    other = alert._replace(symbol="000660", interval=5, timestamp=datetime(2026, 11, 20, 11), severity="critical")
    volume = alert._replace(rule="거래량")
    fired(database, alert, volume, other, volume._replace(timestamp=datetime(2026, 11, 23, 10, 14)))
    page.execute_script("document.querySelector('[data-interval=\"5\"]').click()")
    wait(page, f"{READY} === '005930 5'")
    wait(page, "document.getElementById('alerts-button').textContent === '알림 3'", 15)
    wait(
        page,
        "document.getElementById('chart').dataset.marks === '10:05 거래량 · 급등락, 10:10 거래량: 5분 동안 +3.14% <b>'",
    )
    click(page, '[data-interval="15"]')
    wait(page, "document.getElementById('chart').dataset.marks === '10:00 거래량 외 2'")
    click(page, "#alerts-button")
    wait(page, "document.querySelectorAll('#alert-rows tr').length === 4")
    cells = [cell.text for cell in page.find_elements(By.CSS_SELECTOR, "#alert-rows tr:last-child > *")]
    assert cells == ["11월 23일 (월) 10:30", "SK하이닉스", "급등락", "심각", "5분 동안 +3.14% <b>"], "when it rang"
    shot(page, "alerts")
    click(page, '[data-by="severity"]')
    assert page.find_element(By.CSS_SELECTOR, "#alert-rows tr td:nth-child(4)").text == "심각"
    click(page, '[data-by="rule"]')
    assert page.find_element(By.CSS_SELECTOR, "#alert-rows tr td:nth-child(3)").text == "거래량"
    click(page, '[data-by="severity"]')
    phone(page)
    box = page.find_element(By.CSS_SELECTOR, "#alert-rows td:last-child").rect
    assert box["width"] > 200 and box["x"] + box["width"] <= 390, "the message is seen on a phone"
    shot(page, "alerts-390")
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    click(page, "#alert-rows tr td:nth-child(3)")  # anywhere in the row
    wait(page, f"{READY} === '000660 5' && document.getElementById('alerts').open")
    wait(page, "document.getElementById('chart').dataset.marks === '11:00 급등락: 5분 동안 +3.14% <b>'")
    assert errors(page) == []


MARKS = "document.getElementById('chart').dataset.marks"


def test_patterns_have_a_lane_the_strongest_of_each_candle_and_no_doji_unless_asked_for(page):
    click(page, '[data-interval="5"]')
    wait(page, f"{READY} === '005930 5'")
    assert page.execute_script(f"return {MARKS}") == ""
    assert not page.find_element(By.CSS_SELECTOR, '[data-study="doji"]').is_displayed()
    click(page, '[data-study="patterns"]')
    wait(page, f"{MARKS}.split(', ').length > 2")
    found = page.execute_script("return fetch('/api/patterns?symbol=005930&interval=5').then((one) => one.json())")
    turning = {(mark["time"], mark["label"]) for mark in found if mark["direction"] != "none"}
    marks = page.execute_script(f"return {MARKS}").split(", ")
    assert len(marks) == len({time for time, _ in turning}), "one a candle"
    assert {*marks} <= {f"{time[11:16]} {label}" for time, label in turning}
    best = page.execute_script(
        "const { strongest } = await import('/static/marks.js');"
        "return strongest([{ time: 1, name: 'harami' }, { time: 1, name: 'engulfing' }, { time: 1, name: 'doji' }])"
    )
    assert [one["name"] for one in best] == ["engulfing"]
    shot(page, "patterns")
    click(page, '[data-study="doji"]')
    wait(page, f"{MARKS}.includes('도지') || {MARKS}.includes('팽이형')")
    click(page, '[data-study="patterns"]')
    wait(page, f"{MARKS} === ''")
    assert errors(page) == []


def test_words_on_marks_leave_each_other_room_and_the_hidden_ones_are_shown_on_hover(page):
    click(page, '[data-interval="5"]')
    wait(page, f"{READY} === '005930 5'")
    click(page, '[data-study="patterns"]')
    wait(page, f"{MARKS}.split(', ').length > 10")
    many = len(page.execute_script(f"return {MARKS}").split(", "))
    assert 0 < int(page.execute_script("return document.getElementById('chart').dataset.labels")) < many / 2
    clock, _, label = page.execute_script(f"return {MARKS}").split(", ")[-1].partition(" ")
    page.execute_script("document.getElementById('chart').focus()")
    for _ in range(90):
        press(page, Keys.ARROW_LEFT)
        if clock in page.find_element(By.CSS_SELECTOR, "#numbers .when").text:
            break
    assert label in page.find_element(By.CSS_SELECTOR, "#numbers .marked").text
    click(page, '[data-interval="day"]')  # two candles, far apart
    wait(page, f"{READY} === '005930 day'")
    assert errors(page) == []


def test_an_alert_older_than_what_is_loaded_leads_to_its_candle(page, database):
    fired(database, KeptAlert("급등락", "005930", 1, datetime(2026, 11, 20, 9, 30), "info", "5분 동안 +3.14%", 3.14))
    click(page, "#alerts-button")
    wait(page, "document.querySelectorAll('#alert-rows tr').length === 1", 15)
    assert "09:30" not in page.execute_script("return document.getElementById('chart').dataset.marks")
    click(page, "#alert-rows button")
    wait(page, "document.getElementById('chart').dataset.marks === '09:30 급등락: 5분 동안 +3.14%'")
    wait(page, "/from=2026-11-20T09:00/.test(location.search) && !document.getElementById('latest').hidden")
    click(page, "#latest")
    wait(page, "!location.search.includes('from=') && document.getElementById('numbers').textContent.includes('10:29')")
    press(page, Keys.ESCAPE)
    wait(page, "!document.getElementById('alerts').open")
    assert errors(page) == []


def test_the_vwap_ends_with_each_session(page, store):
    """From one session's last point nothing leads to the next."""
    ends = page.execute_script("""
        const [{ points }, { state }, api] =
          await Promise.all(['lines', 'state', 'api'].map((name) => import(`/static/${name}.js`)));
        const candles = await api.candles('005930', 1, { from: '2026-11-20', to: '2026-11-23' });
        state.lines.set('one', new Map(candles.map((candle) => [candle.time, 1])));
        return points({ study: 'vwap', line: 'one' }, candles)
          .filter((point) => point.color === 'transparent').map((point) => point.time);
    """)
    assert ends == [datetime(2026, 11, 20, 15, 30, tzinfo=UTC).timestamp()]


def test_the_lines_follow_the_running_candle(page):
    """The server works them out, of the running candle too: it knows what stands before the first one."""
    running = TODAY[0]._replace(timestamp=datetime(2026, 11, 23, 10, 31), close=99_000, high=99_000, vwap=None)
    page.server.broadcaster.run_minute("005930", running)
    wait(page, "document.getElementById('numbers').textContent.includes('10:31')", 5)
    closes = [one.close for one in TODAY[:90]][-4:] + [99_000]
    wait(page, f"document.querySelector('.line-ma5 b').textContent === '{round(sum(closes) / 5):,}'", 8)
    assert errors(page) == []


def test_what_is_seen_stands_in_the_address_and_opens_again(page):
    assert "from=" not in page.current_url
    chart = page.find_element(By.ID, "chart")
    drag = ActionChains(page).move_to_element(chart).click_and_hold()
    for _ in range(5):
        drag.move_by_offset(80, 0).pause(0.05)
    drag.release().perform()
    wait(page, "location.search.includes('from=') && !document.getElementById('latest').hidden")
    sent = page.current_url
    page.get("about:blank")
    page.get(sent)
    wait(page, f"{READY} === '005930 1'")
    time.sleep(0.6)
    assert page.current_url == sent
    page.server.broadcaster.run_minute(
        "005930", TODAY[0]._replace(timestamp=datetime(2026, 11, 23, 10, 31), close=65_432)
    )
    wait(page, "document.getElementById('price').textContent === '65,432'", 5)
    assert page.current_url == sent
    click(page, "#latest")
    wait(page, f"{READY} === '005930 1' && !location.search.includes('from=')")
    page.get(f"{page.server.url}?symbol=005930&interval=5&from=2026-11-20&to=2026-11-20")
    wait(page, f"{READY} === '005930 5'")
    wait(page, "document.getElementById('numbers').textContent.startsWith('11월 20일 (금) 15:30')")
    wait(page, "document.getElementById('price').textContent === '65,432'")
    time.sleep(5.5)  # the list was polled
    assert page.find_element(By.ID, "price").text == "65,432"
    for wrong in ("from=x&to=y", "from=2026-11-23&to=2026-11-20", "from=2026-99-99&to=2026-99-99"):
        page.get(f"{page.server.url}?symbol=005930&interval=5&{wrong}")
        wait(page, f"{READY} === '005930 5' && !location.search.includes('from=')")
    assert errors(page) == []


def test_a_picture_of_the_view_is_saved(page, tmp_path):
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    click(page, "#png")
    deadline = time.monotonic() + 10
    while not (found := list(tmp_path.glob("*.png"))) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [path.name for path in found] == ["005930-1-2026-11-23-1029.png"]
    content = found[0].read_bytes()
    assert content.startswith(b"\x89PNG") and len(content) > 10_000
    assert errors(page) == []


def test_an_updater_that_is_gone_is_told_and_its_return_too(page):
    page.server.health = ({"healthy": False, "message": "❌ 업데이터가 멈췄습니다"}, False)
    wait(page, "document.getElementById('state').dataset.state === 'stale'", 15)
    assert "업데이터: 업데이터가 멈췄습니다" in page.find_element(By.ID, "state").text
    page.server.health = ({"healthy": True, "message": "✅"}, True)
    wait(page, "document.getElementById('state').dataset.state === 'live'", 15)
    assert errors(page) == []


def test_dark_and_phone(page):
    assert page.find_element(By.ID, "theme").text == "색: 자동"
    click(page, "#theme")
    wait(page, "document.documentElement.dataset.theme === 'dark'")
    assert drawn(page) > 500
    shot(page, "dark")
    try:
        phone(page)
        click(page, "#open-list")
        wait(page, "document.getElementById('side').getBoundingClientRect().width === 390")
        shot(page, "phone-list")
        click(page, '[data-symbol="000660"]')
        wait(page, f"{READY} === '000660 1' && document.getElementById('side').offsetParent === null")
        box = "document.querySelector('{}').getBoundingClientRect()"
        assert page.execute_script(f"return {box.format('.legend')}.bottom <= {box.format('#chart')}.top")
        assert page.execute_script(f"return {box.format('#chart')}.right") <= 390
        shot(page, "phone")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    for text, theme in (("색: 밝게", "light"), ("색: 자동", "light")):
        click(page, "#theme")
        wait(page, f"document.getElementById('theme').textContent === '{text}'")
        assert page.execute_script("return document.documentElement.dataset.theme") == theme
    assert page.execute_script("return localStorage.getItem('theme')") is None
    assert errors(page) == []


def test_a_reload_keeps_studies_interval_theme_and_the_way_back_works(page):
    click(page, '[data-interval="15"]')
    wait(page, f"{READY} === '005930 15'")
    click(page, '[data-study="rsi"]')
    click(page, '[data-study="ma"]')
    click(page, "#theme")
    wait(page, "document.getElementById('lines').textContent.startsWith('VWAP')")
    page.execute_script("(await import('/static/parts.js')).view.chart.panes()[2].setStretchFactor(4)")
    page.get(page.server.url + "?symbol=000660")
    wait(page, f"{READY} === '000660 15'")
    wait(page, "document.getElementById('lines').textContent.includes('RSI14')")
    assert page.execute_script("return document.documentElement.dataset.theme") == "dark"
    heights = "(await import('/static/parts.js')).view.chart.panes().map((one) => one.getStretchFactor())"
    assert page.execute_script(f"return {heights}")[2] == 4
    page.execute_script("localStorage.clear()")
    click(page, '[data-symbol="005930"]')
    wait(page, f"{READY} === '005930 15'")
    click(page, '[data-interval="5"]')
    wait(page, f"{READY} === '005930 5'")
    page.back()
    wait(page, f"{READY} === '005930 15' && location.search.includes('interval=15')")
    page.back()
    wait(page, f"{READY} === '000660 15' && {NAME} === 'SK하이닉스'")
    page.forward()
    wait(page, f"{READY} === '005930 15'")
    assert errors(page) == []


def test_home_end_and_escape(page):
    press(page, Keys.HOME)
    wait(page, "location.search.includes('from=2026-11-20T') && !document.getElementById('latest').hidden")
    press(page, Keys.END)
    wait(page, "document.getElementById('latest').hidden && !location.search.includes('from=')")
    page.execute_script("document.getElementById('chart').focus()")
    press(page, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    wait(page, "document.getElementById('numbers').textContent.includes('10:28')")
    press(page, Keys.ESCAPE)
    wait(page, "document.getElementById('numbers').textContent.includes('10:29')")
    assert errors(page) == []
