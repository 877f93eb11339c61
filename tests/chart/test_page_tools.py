"""What a chart is expected to have, in a real Chromium: weeks, a second symbol, lengths, lines, replay, side charts."""

import csv
import json
import time
from datetime import datetime

from chart_browser import CHART
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys
from updater_tools import wait_until

VIEW = "(await import('/static/parts.js')).view"
FRIDAY = "&from=2026-11-20&to=2026-11-20"


def change(page, field: str, value: object, event: str = "change") -> None:
    page.execute_script(
        f"const field = document.getElementById('{field}'); field.value = arguments[0];"
        f"field.dispatchEvent(new Event('{event}'))", value,
    )  # fmt: skip


def test_weeks_and_months_go_on_with_the_running_minute(page):
    page.press("9")
    page.ready("005930 week")
    weeks = page.fetch("/api/candles?symbol=005930&interval=week")["candles"]
    page.wait(f"document.getElementById('numbers').textContent.includes('{weeks[-1]['volume']:,}')")
    assert page.legend()["등락률"] == f"{(weeks[-1]['close'] / weeks[-2]['close'] - 1) * 100:+.2f}%"
    page.server.run_minute("10:32", 99_000)
    page.wait("document.getElementById('price').textContent === '99,000'", 5)
    shown = page.legend()
    assert (shown["고"], shown["종"], shown["시"]) == ("99,000", "99,000", f"{weeks[-1]['open']:,}")
    assert shown["거래량"] == f"{weeks[-1]['volume'] + 1_000:,}"
    lines = page.fetch("/api/indicators?symbol=005930&interval=week&names=sma2&running=1&limit=1")["lines"]
    assert lines["sma2"][-1] == (weeks[-2]["close"] + 99_000) / 2, "an indicator of the week goes on with it, too"
    assert page.text("#numbers").startswith("11월 23일부터 한 주")
    page.press("0")
    page.ready("005930 month")
    page.wait("document.getElementById('numbers').textContent.includes('99,000')")
    assert page.text("#numbers").startswith("2026년 11월")


def test_lengths_of_the_lines_stand_in_the_address_and_are_the_servers(page):
    page.open(5)
    page.click('[data-study="bands"]', "#parameters-button")
    page.type("#ma", "7, 90")
    page.type("#bb", "10,1.5")
    page.wait("location.search.includes('ma=7,90&bb=10,1.5')")
    page.type("#ma", "7;90")
    page.wait("document.getElementById('ma').getAttribute('aria-invalid') === 'true'")
    page.click("#parameters-close")
    page.open(5)
    page.wait(f"{CHART}.dataset.served === 'sma7,sma90,vwap,bbands10_1.5'")
    lines = page.fetch("/api/indicators?symbol=005930&interval=5&names=sma90,bbands10_1.5&running=1")["lines"]
    shown = page.legend()
    assert shown["MA90"] == f"{lines['sma90'][-1]:,.0f}"
    assert shown["상단"] == f"{lines['bbands10_1.5_upper'][-1]:,.0f}"
    assert "ma=7,90" in page.current_url, "kept in the browser"


def test_a_second_symbol_is_compared_in_percent(page):
    page.open(5, FRIDAY)
    page.type("#compare", "없는 종목")
    assert "없습니다" in page.text("#state")
    page.type("#compare", "sk하이")
    page.wait(f"{CHART}.dataset.compared === '000660' && location.search.includes('compare=000660')")
    other = page.fetch(f"/api/candles?symbol=000660&interval=5{FRIDAY}")["candles"]
    percent = f"{(other[-1]['close'] / other[0]['close'] - 1) * 100:+.2f}%"
    page.wait(f"document.querySelector('.line-compare b').textContent === '{percent}'")
    assert "MA5" not in page.legend(), "on a scale in percent each line would begin at 0 %"
    mode = f"{VIEW}.price.priceScale().options().mode"
    assert page.js(mode) == 2
    page.type("#compare", Keys.BACKSPACE)
    page.wait("document.getElementById('lines').textContent.includes('MA5') && !location.search.includes('compare')")
    page.click("#log")
    page.wait("location.search.includes('log=1')")
    assert page.js(mode) == 1


def test_the_list_is_sorted_and_favourites_stand_on_top(page):
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
    page.open()
    page.wait(f"document.querySelectorAll('#list li').length === 3 && {symbols}[0] === '{last}'")
    assert page.js("document.getElementById('order').value") == "name"


def test_what_is_shown_is_saved_as_csv(page, tmp_path):
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.open(1, "&from=2026-11-20T09:00&to=2026-11-20T09:09&ma=5")
    page.wait(f"{CHART}.dataset.served")
    time.sleep(0.3)  # the range is set with the next frame
    page.click("#csv")
    path = tmp_path / "005930-1-2026-11-20-0909.csv"
    wait_until(path.exists, 10)
    rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert rows[0] == ["시각", "시가", "고가", "저가", "종가", "거래량", "VWAP", "상태", "MA5", "VWAP"]
    candles = page.fetch(f"/api/candles?symbol=005930&interval=1{FRIDAY}")["candles"][:10]
    names = ("open", "high", "low", "close", "volume")
    assert [row[:6] + row[7:8] for row in rows[1:]] == [
        [one["time"][:16].replace("T", " "), *(str(one[name]) for name in names), "COMPLETE"] for one in candles
    ]


def drag(page, x: int, y: int, dx: int = 0, dy: int = 0) -> None:
    moves = ActionChains(page, duration=20).move_to_element_with_offset(page.find_element("id", "chart"), x, y)
    half = moves.click_and_hold().move_by_offset(dx // 2, dy // 2)
    half.move_by_offset(dx - dx // 2, dy - dy // 2).release().perform()


def drawings(page) -> list[dict]:
    return json.loads(page.js("localStorage.getItem('lines')") or "{}").get("005930", [])


def test_lines_are_drawn_kept_and_erased_and_a_stretch_is_measured(page):
    page.open(5)
    page.click('[data-tool="level"]')
    drag(page, 0, -100)
    page.click('[data-tool="trend"]')
    drag(page, -300, -50, 250, -120)
    [level, trend] = drawings(page)
    assert (level["kind"], trend["kind"]) == ("level", "trend")
    assert trend["points"][1]["price"] > trend["points"][0]["price"] == round(trend["points"][0]["price"], -2)
    page.click('[data-symbol="000660"]')
    page.wait(f"{CHART}.dataset.ready === '000660 5' && {CHART}.dataset.lines === '0'")
    page.open(1)
    page.wait(f"{CHART}.dataset.lines === '2'")
    y = page.js(f"{VIEW}.price.priceToCoordinate({level['points'][0]['price']}) - {CHART}.clientHeight / 2")
    drag(page, 0, int(y))
    page.press(Keys.DELETE)
    page.wait(f"{CHART}.dataset.lines === '1'")
    assert drawings(page) == [trend]
    page.click("#erase")
    page.wait("document.getElementById('erase').hidden")
    candles = page.fetch("/api/candles?symbol=005930&interval=1")["candles"]
    page.execute_script("document.querySelector('[data-tool=measure]').focus()")
    page.press(Keys.ENTER)  # a stretch is measured by keys alone
    page.focus(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ENTER, *[Keys.ARROW_LEFT] * 3, Keys.ENTER)
    first, last = candles[-2]["close"], candles[-5]["close"]
    moved = f"{last - first:+,}원 ({(last / first - 1) * 100:+.2f}%) · 3봉 · 3분".replace("+0원", "0원")
    page.wait(f"document.getElementById('spoken').textContent === '{moved}'")
    page.press(Keys.ESCAPE)
    page.wait(f"{CHART}.dataset.tool === ''")
    assert drawings(page) == []


def test_a_stored_day_is_replayed(page):
    page.open(1, FRIDAY)
    page.click("#replay-button")
    page.wait(f"{CHART}.dataset.replayed === '09:00' && document.getElementById('replay-day').value === '2026-11-20'")
    assert page.js(f"{VIEW}.candles.length") == 1, "nothing of what follows is shown"
    change(page, "replay-at", 60, "input")
    page.wait(f"{CHART}.dataset.replayed === '09:59'")
    assert page.js(f"{VIEW}.candles.length") == 60
    change(page, "replay-speed", 60)
    page.click("#replay-play")
    page.wait(f"{CHART}.dataset.replayed >= '10:10'")
    page.click("#replay-play")
    reached = page.js(f"{CHART}.dataset.replayed")
    page.server.run_minute("10:32", 65_432)
    assert page.js(f"{CHART}.dataset.replayed") == reached < "15:30"
    page.click('[data-interval="5"]')
    page.ready("005930 5")
    end = page.js(f"{VIEW}.candles.at(-1).time + 300")
    over = datetime.fromisoformat(f"2026-11-20T{reached}:00+00:00").timestamp() + 60
    assert over - 300 < end <= over, "a window that is not over is not shown"
    page.click("#replay-close")
    page.wait("!location.search.includes('from=') && document.getElementById('replay-bar').hidden")


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
