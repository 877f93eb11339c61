"""The page in a real Chromium, over a real table."""

import csv
from datetime import datetime

from chart_browser import CHART, VIEW
from chart_testing import AT, NAMES
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys
from updater_tools import wait_until

from minute_candles.core.clock import Clock
from minute_candles.storage.store import KeptAlert, open_alerts

MARKS = f"{CHART}.dataset.marks"
ALERT = KeptAlert("급등락", "005930", 1, datetime(2026, 11, 23, 10, 5), "info", "5분 동안 +3.14% <b>", 3.14)


def test_it_draws_by_mouse_and_by_key_and_a_picture_and_csv_are_saved(page, tmp_path):
    page.wait("document.querySelectorAll('#list button').length === 3")
    assert page.drawn() > 500 and page.text('[data-symbol="035420"] .name') == NAMES["035420"], "markup is text"
    assert page.js("document.querySelector('footer a').href") == "https://www.tradingview.com/"
    page.ready("005930 5", '[data-interval="5"]')
    page.ready("000660 5", '[data-symbol="000660"]')
    page.press("8")
    page.ready("000660 day")
    page.press("/", "ㅅㅅ", Keys.ENTER)
    page.ready("005930 day")
    page.says("name", "삼성전자")
    assert "symbol=005930&interval=day" in page.current_url
    page.press("1")
    page.ready("005930 1")
    page.focus(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    page.says("spoken", "10:28")
    page.press(Keys.ESCAPE)
    page.says("numbers", "10:29")
    page.click("#table-button")
    page.wait("document.querySelectorAll('#rows tr').length > 50")
    assert page.text("#rows th").endswith("10:29")
    page.click("#table-close")
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.click("#png", "#csv")
    picture, table = (tmp_path / f"005930-1-2026-11-23-1029.{kind}" for kind in ("png", "csv"))
    wait_until(lambda: picture.exists() and table.exists(), 10)
    assert picture.read_bytes().startswith(b"\x89PNG")
    rows = list(csv.reader(table.read_text(encoding="utf-8-sig").splitlines()))
    assert rows[0][:10] == ["시각", "시가", "고가", "저가", "종가", "거래량", "VWAP", "상태", "MA5", "MA20"]
    names = ("open", "high", "low", "close", "volume")
    candles = page.fetch("/api/candles?symbol=005930&interval=1&limit=10")["candles"]
    assert [row[:6] + row[7:8] for row in rows[-10:]] == [
        [one["time"][:16].replace("T", " "), *(str(one[name]) for name in names), "PROVISIONAL"] for one in candles
    ]


def test_lines_are_the_servers_and_their_lengths_stand_in_the_address(tab):
    """Of Monday alone: what remembers speaks from its first candle on."""
    tab.open(1, "&from=2026-11-23&to=2026-11-23")
    tab.click('[data-study="rsi"]', '[data-study="macd"]')
    tab.wait(f"{CHART}.dataset.served?.endsWith('rsi14,macd')")
    tab.focus(*[Keys.ARROW_LEFT] * 90)
    tab.says("numbers", "09:00")
    period = "symbol=005930&interval=1&names=sma120,rsi14,macd&from=2026-11-23&to=2026-11-23"
    lines, shown = tab.fetch(f"/api/indicators?{period}")["lines"], tab.legend()
    assert shown["RSI14"] == f"{lines['rsi14'][0]:.1f}"
    for name, line in (("MA120", "sma120"), ("MACD", "macd"), ("시그널", "macd_signal"), ("오실레이터", "macd_hist")):
        assert abs(float(shown[name].replace(",", "")) - lines[line][0]) <= 0.51
    tab.click('[data-study="rsi"]', '[data-study="macd"]', '[data-study="bands"]', "#parameters-button")
    tab.type("#ma", "7, 90")
    tab.type("#bb", "10,1.5")
    tab.wait("location.search.includes('ma=7,90&bb=10,1.5')")
    tab.type("#ma", "7;90")
    tab.wait("document.getElementById('ma').getAttribute('aria-invalid') === 'true'")
    tab.open(5)
    tab.wait(f"{CHART}.dataset.served === 'sma7,sma90,vwap,bbands10_1.5'")
    lines = tab.fetch("/api/indicators?symbol=005930&interval=5&names=sma90,bbands10_1.5&running=1")["lines"]
    shown, upper = tab.legend(), lines["bbands10_1.5_upper"][-1]
    assert (shown["MA90"], shown["상단"]) == (f"{lines['sma90'][-1]:,.0f}", f"{upper:,.0f}")
    assert "ma=7,90" in tab.current_url, "kept in the browser"


def test_alerts_are_marked_sorted_and_lead_to_their_candle(page, database):
    volume, old = ALERT._replace(rule="거래량"), datetime(2026, 11, 20, 9, 30)
    alerts = [
        ALERT, volume, ALERT._replace(symbol="000660", interval=5, timestamp=old, severity="critical"),
        volume._replace(timestamp=datetime(2026, 11, 23, 10, 14)),
    ]  # fmt: skip
    table = open_alerts(database, Clock())
    table.keep(alerts, AT)
    table.close()
    page.js("(await import('/static/parts.js')).overlay.poll()")
    page.click('[data-interval="5"]')
    page.wait(f"{MARKS} === '10:05 거래량 · 급등락, 10:10 거래량: 5분 동안 +3.14% <b>'")
    assert page.text("#alerts-button") == "알림 3"
    page.click('[data-interval="15"]')
    page.wait(f"{MARKS} === '10:00 거래량 외 2'")
    page.click("#alerts-button")
    page.wait("document.querySelectorAll('#alert-rows tr').length === 4")
    cells = page.js("[...document.querySelectorAll('#alert-rows tr:last-child > *')].map((cell) => cell.innerText)")
    assert cells == ["11월 23일 (월) 10:32", "SK하이닉스", "급등락", "심각", "5분 동안 +3.14% <b>"], "when it rang"
    page.click('[data-by="severity"]')
    assert page.text("#alert-rows tr td:nth-child(4)") == "심각"
    page.phone()
    assert page.fits("#alert-rows td:last-child"), "the message is seen on a phone"
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.js("document.querySelector('#alert-rows tr td:nth-child(3)').click()")  # anywhere in the row
    page.wait(f"{CHART}.dataset.ready === '000660 5' && document.getElementById('alerts').open")
    page.wait(f"{MARKS} === '09:30 급등락: 5분 동안 +3.14% <b>' && /from=2026-11-20T09:00/.test(location.search)")


def test_patterns_have_a_lane_the_strongest_of_each_candle_and_no_doji_unless_chosen(page):
    """Their words leave each other room; the hidden ones are shown where the cursor stands."""
    page.ready("005930 5", '[data-interval="5"]')
    assert page.js(MARKS) == "" and not page.is_shown('[data-study="doji"]')
    page.click('[data-study="patterns"]')
    page.wait(f"{MARKS}.split(', ').length > 10")
    found = page.fetch("/api/patterns?symbol=005930&interval=5")
    turning = {(mark["time"], mark["label"]) for mark in found if mark["direction"] != "none"}
    marks = page.js(MARKS).split(", ")
    assert len(marks) == len({time for time, _ in turning}), "one a candle"
    assert {*marks} <= {f"{time[11:16]} {label}" for time, label in turning}
    assert 0 < int(page.js(f"{CHART}.dataset.labels")) < len(marks) / 2
    three = ", ".join(f"{{ time: 1, name: '{name}' }}" for name in ("harami", "engulfing", "doji"))
    assert page.js(f"(await import('/static/marks.js')).strongest([{three}])[0].name") == "engulfing"
    clock, _, label = marks[-1].partition(" ")
    page.focus()
    while clock not in page.text("#numbers .when"):
        page.press(Keys.ARROW_LEFT)
    assert label in page.text("#numbers .marked")
    page.click('[data-study="doji"]')
    page.wait(f"{MARKS}.includes('도지') || {MARKS}.includes('팽이형')")


def test_what_is_on_the_screen_stands_in_the_address_and_an_empty_range_names_the_command_that_fills_it(page):
    drag = ActionChains(page).move_to_element(page.find_element("id", "chart")).click_and_hold()
    for _ in range(3):
        drag.move_by_offset(120, 0).pause(0.05)
    drag.release().perform()
    page.wait("location.search.includes('from=') && !document.getElementById('latest').hidden")
    address = page.current_url
    page.refresh()
    page.wait(f"{CHART}.dataset.ready === '005930 1' && !document.getElementById('latest').hidden")
    page.server.run_minute("10:32", 65_432)
    page.says("price", "65,432")
    assert page.current_url == address
    page.click("#latest")
    page.wait(f"{CHART}.dataset.ready === '005930 1' && !location.search.includes('from=')")
    for first, last, trades in (("2026-11-24", "2026-11-24", False), ("2026-11-02", "2026-11-03", True)):
        page.get(f"{page.server.url}?symbol=005930&interval=1&from={first}&to={last}")
        page.says("empty", "이 구간에 저장된 캔들이 없습니다")
        command = f"python fetch_minute_data.py --symbols 005930 --from {first} --to {last}"
        assert page.text("#empty code") == (command if trades else "")
    page.execute_script("performance.clearResourceTimings()")
    page.poll()
    names = page.js("performance.getEntriesByType('resource').map((one) => one.name).join()")
    assert "candles" not in names, "an empty answer is an answer"
    page.ready("000660 1", '[data-symbol="000660"]')
    page.click("#empty-latest")
    page.wait("document.getElementById('empty').hidden && !location.search.includes('from=')")
    assert page.text("#numbers") and "Assertion" not in page.text("body")


def test_a_reload_keeps_studies_interval_theme_and_the_way_back_works_on_a_phone_too(page):
    theme, panes = "document.documentElement.dataset.theme", f"{VIEW}.chart.panes()"
    assert page.text("#theme") == "색: 자동"
    page.ready("005930 15", '[data-interval="15"]')
    page.click('[data-study="rsi"]', '[data-study="ma"]', "#theme")
    page.wait("document.getElementById('lines').textContent.startsWith('VWAP')")
    page.execute_script(f"{panes}[2].setStretchFactor(4)")
    page.get(page.server.url + "?symbol=000660")
    page.wait(f"{CHART}.dataset.ready === '000660 15' && document.getElementById('lines').textContent.includes('RSI')")
    assert page.js(theme) == "dark" and page.drawn() > 500
    assert page.js(f"{panes}.map((one) => one.getStretchFactor())")[2] == 4
    page.execute_script("localStorage.clear()")
    page.ready("005930 15", '[data-symbol="005930"]')
    page.ready("005930 1", '[data-interval="1"]')
    for way, what in (("back", "005930 15"), ("back", "000660 15"), ("forward", "005930 15"), ("forward", "005930 1")):
        getattr(page, way)()
        page.ready(what)
    page.press(Keys.HOME)
    page.wait("location.search.includes('from=2026-11-20T') && !document.getElementById('latest').hidden")
    page.press(Keys.END)
    page.wait("document.getElementById('latest').hidden && !location.search.includes('from=')")
    page.click("#theme", "#theme")
    page.wait(f"document.getElementById('theme').textContent === '색: 자동' && {theme} === 'light'")
    page.phone()
    page.click("#open-list")
    page.wait("document.getElementById('side').getBoundingClientRect().width === 390")
    page.click('[data-symbol="000660"]')
    page.wait(f"{CHART}.dataset.ready === '000660 1' && document.getElementById('side').offsetParent === null")
    box = "document.querySelector('{}').getBoundingClientRect()"
    assert page.js(f"{box.format('.legend')}.bottom <= {box.format('#chart')}.top") and page.fits("#chart")
