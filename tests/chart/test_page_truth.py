"""What the page shows is so, in a real Chromium: no old candle under a new name, no reason that nobody proved."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from chart_browser import drawn, errors, shot, wait
from chart_testing import FRIDAY, MONDAY, NAMES, Tunnel, put, serving
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from store_testing import CALENDAR, minutes

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.market.rows import DailyRow
from minute_candles.market.trade_chain import RunningMinute
from minute_candles.monitoring import running_file
from minute_candles.storage.store import Store, open_store

LAST, TODAY = minutes(CALENDAR.session(FRIDAY)), minutes(CALENDAR.session(MONDAY), 7)
AT = datetime(2026, 11, 23, 10, 32, 10, tzinfo=KST)  # 10:30 and 10:31 are over, and not stored
NUMBERS, EMPTY = "document.getElementById('numbers').textContent", "document.getElementById('empty')"


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    with closing(open_store(database, Clock())) as store:
        store.preflight()
        for symbol in ("005930", "000660"):
            put(store, symbol, LAST, "COMPLETE")
            put(store, symbol, TODAY[:90])
        yield store


@pytest.fixture
def opened(chromium, database, store) -> Callable:
    """Opens the page of 005930 as it is at a moment."""

    @contextmanager
    def opening(at: datetime = AT, port: int = 0):
        with serving(database, at=at, port=port) as server:
            chromium.get(f"{server.url}?symbol=005930&interval=1")
            ready(chromium, "005930 1")
            yield server

    return opening


def ready(page, what: str, seconds: float = 10) -> None:
    wait(page, f"document.getElementById('chart').dataset.ready === '{what}'", seconds)


def held(page) -> list[str]:
    """The candles the page holds, ascending."""
    return page.execute_script(
        "const { state } = await import('/static/state.js');"
        "return [...state.candles.keys()].sort().map((at) => new Date(at * 1000).toISOString().slice(0, 16))"
    )


def told(page, script: str):
    """What slots.js says of made-up days."""
    return page.execute_script(
        "const { slots, reason } = await import('/static/slots.js');"
        "const at = (text) => Date.parse(`2026-11-23T${text}Z`) / 1000;"
        "const candle = (text, vwap) => ({ time: at(text), status: 'PROVISIONAL', vwap });"
        "const day = (status, open = '09:00', close = '15:30') =>"
        "  new Map([['2026-11-23', { day: '2026-11-23', open, close, status, note: null, minutes: 2 }]]);" + script
    )


def broken(database: Database, broken: bool) -> None:
    """The table is not there for a while: every question fails."""
    one, other = "stock_minute_prices", "elsewhere"
    with closing(sqlite3.connect(database.path, timeout=5)) as base:
        base.execute(f"ALTER TABLE {one if broken else other} RENAME TO {other if broken else one}")
        base.commit()


@pytest.mark.parametrize("status", ["PROVISIONAL", "UNPROVEN"])
def test_nobody_traded_is_said_of_a_complete_day_alone(chromium, opened, status):
    with opened():
        said = "const list = slots([candle('09:00', 1), candle('09:02', 1)], days, 1, at('09:03')); "
        said += "return reason(list, 1, days)"
        assert "아무도 거래하지" not in told(chromium, f"const days = day('{status}'); {said}")
        assert "아무도 거래하지" in told(chromium, f"const days = day('COMPLETE'); {said}")


def test_labels_of_a_past_csat_day_leave_no_gap_at_its_ends(chromium, opened):
    with opened():
        gaps = """
            const days = day('COMPLETE', '10:00', '16:30');
            const list = slots(texts.map((text) => candle(text, 1)), days, 1, at('18:00'));
            const gaps = list.filter((slot) => !slot.candle);
            return gaps.map((slot) => new Date(slot.time * 1000).toISOString().slice(11, 16));
        """
        found = told(chromium, f"const texts = ['09:59', '16:29']; {gaps}")
        assert (found[0], found[-1], len(found)) == ("10:00", "16:18", 379)
        found = told(chromium, f"const texts = ['10:00', '16:29']; {gaps}")
        assert (found[0], found[-1]) == ("10:01", "16:18")
        found = told(chromium, f"const texts = ['10:00']; {gaps}")
        assert (found[-2], found[-1]) == ("16:19", "16:30")


def test_the_newest_numbers_stand_before_a_trailing_gap_and_its_candle_is_added(chromium, opened, store):
    with opened():
        wait(chromium, f"{NUMBERS}.includes('10:29')")
        assert not chromium.find_element(By.ID, "hint").is_displayed()
        put(store, "005930", [*TODAY[:90], TODAY[91]])
        wait(chromium, f"{NUMBERS}.includes('10:31')", 4)
        chromium.execute_script("document.getElementById('chart').focus()")
        ActionChains(chromium).send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT).perform()
        wait(chromium, f"{NUMBERS}.includes('10:29')")
        assert errors(chromium) == []


def test_the_arrows_leave_a_trailing_gap_to_its_left(chromium, opened):
    with opened():
        chromium.execute_script(
            "const { state } = await import('/static/state.js');"
            "state.hovered = Date.parse('2026-11-23T10:31Z') / 1000; document.getElementById('chart').focus()"
        )
        ActionChains(chromium).send_keys(Keys.ARROW_LEFT).perform()
        wait(chromium, "document.getElementById('spoken').textContent.includes('10:29')")


def test_a_symbol_that_cannot_be_read_shows_nobody_elses_candles_and_is_asked_again(chromium, opened, database):
    with opened():
        broken(database, True)
        chromium.find_element(By.CSS_SELECTOR, '[data-symbol="000660"]').click()
        wait(chromium, f"!{EMPTY}.hidden && {EMPTY}.textContent.includes('다시')", 5)
        assert "Unexpected token" not in chromium.find_element(By.TAG_NAME, "body").text
        assert (drawn(chromium), chromium.find_element(By.ID, "numbers").text) == (0, "")
        assert not chromium.find_element(By.ID, "day").is_displayed()
        wait(chromium, "document.getElementById('state').dataset.state === 'stale'", 3)
        broken(database, False)
        ready(chromium, "000660 1", 8)
        wait(chromium, f"{NUMBERS}.includes('10:29') && {EMPTY}.hidden")
        assert drawn(chromium) > 500


def test_a_symbol_without_candles_has_no_badge_and_no_numbers(chromium, opened):
    with opened():
        wait(chromium, "!document.getElementById('day').hidden")
        chromium.find_element(By.CSS_SELECTOR, '[data-symbol="035420"]').click()
        ready(chromium, "035420 1")
        assert not chromium.find_element(By.ID, "day").is_displayed()
        assert [chromium.find_element(By.ID, name).text for name in ("note", "numbers", "lines")] == ["", "", ""]


def test_a_page_that_slept_holds_what_the_table_holds(chromium, opened, database, store):
    """Friday's first hour, then Monday evening: the newest 400 stand there alone, no hole is made between."""
    put(store, "005930", LAST[:60])
    with opened(datetime(2026, 11, 20, 10, 0, 2, tzinfo=KST)) as server:
        assert held(chromium)[0] == "2026-11-20T09:00"
        kept, port = chromium.current_url, int(server.url.split(":")[2][:-1])
        chromium.execute_script("window.same = true")
        server.clock.stop.set()
        wait(chromium, "document.getElementById('state').dataset.state === 'down'", 5)
        put(store, "005930", LAST, "COMPLETE")
        put(store, "005930", TODAY, "COMPLETE")
        with serving(database, at=datetime(2026, 11, 23, 16, tzinfo=KST), port=port):
            wait(chromium, f"{NUMBERS}.includes('11월 23일 (월) 15:30')", 10)
            assert chromium.execute_script("return window.same") and chromium.current_url == kept
            found = held(chromium)
            assert (len(found), found[0], found[-1]) == (400, "2026-11-20T15:02", "2026-11-23T15:30")


def test_a_candle_that_is_corrected_further_back_does_not_set_the_price(chromium, opened, store):
    with opened():
        wait(chromium, f"document.getElementById('price').textContent === '{TODAY[89].close:,}'")
        put(store, "005930", [*TODAY[:87], TODAY[87]._replace(close=TODAY[87].low), *TODAY[88:90]])
        wait(chromium, f"import('/static/state.js').then(({{ state }}) => "
             f"state.candles.get(Date.parse('2026-11-23T10:27Z') / 1000).close === {TODAY[87].low})", 5)  # fmt: skip
        assert chromium.find_element(By.ID, "price").text == f"{TODAY[89].close:,}"


def test_a_close_of_another_session_is_no_previous_close(chromium, opened, store):
    """Thursday is stored, Friday is not: of Monday nobody knows a change."""
    with opened():
        changes = chromium.execute_script("""
            const { View } = await import('/static/view.js');
            const at = (day) => Date.parse(`2026-11-${day}T10:00Z`) / 1000;
            const candles = ['19', '23'].map((day) => ({ time: at(day), close: 100 }));
            const days = (status) => new Map(['19', '20', '23'].map((day) =>
              [`2026-11-${day}`, { day: `2026-11-${day}`, status: day === '20' ? status : 'COMPLETE' }]));
            return ['MISSING', 'NO_TRADES'].map((status) =>
              View.prototype.before.call({ candles, days: days(status) }, 1));
        """)
        assert changes == [None, 100]


def test_an_age_is_that_of_the_newest_minute(chromium, opened):
    with opened():
        for interval in ("60", "day"):
            chromium.find_element(By.CSS_SELECTOR, f'[data-interval="{interval}"]').click()
            ready(chromium, f"005930 {interval}")
            time.sleep(1.2)  # told every second
            assert "10:29 · 2분 전" in chromium.find_element(By.ID, "state").text


def test_nothing_is_drawn_of_a_new_symbol_before_its_candles_came(chromium, opened):
    """Its running candle does not end up among those of the symbol before."""
    with opened() as server:
        chromium.execute_cdp_cmd("Network.enable", {})
        chromium.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/api/candles*"]})
        try:
            chromium.find_element(By.CSS_SELECTOR, '[data-symbol="000660"]').click()
            wait(chromium, f"document.getElementById('code').textContent === '000660' && !{EMPTY}.hidden", 5)
            time.sleep(1.2)  # the hub has looked
            server.broadcaster.run_minute(
                "000660", TODAY[0]._replace(timestamp=datetime(2026, 11, 23, 10, 32), close=65_432)
            )
            wait(chromium, "document.getElementById('price').textContent === '65,432'", 3)
            assert (drawn(chromium), chromium.find_element(By.ID, "numbers").text) == (0, "")
        finally:
            chromium.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})


def test_keys_are_not_the_charts_behind_a_dialog_or_in_half_a_syllable(chromium, opened):
    with opened():
        wait(chromium, "document.querySelectorAll('#list button').length === 3")
        chromium.find_element(By.ID, "table-button").click()
        chromium.execute_script("document.activeElement.blur()")
        for key, target in (("{ key: '3' }", "body"), ("{ key: 'Enter', isComposing: true }", "#search")):
            chromium.execute_script(
                "const box = document.querySelector('#search'); box.value = 'sk';"
                "box.dispatchEvent(new Event('input', { bubbles: true }));"
                f"const pressed = new KeyboardEvent('keydown', {{ bubbles: true, ...{key} }});"
                f"document.querySelector('{target}').dispatchEvent(pressed)"
            )
        time.sleep(0.3)
        assert "symbol=005930&interval=1" in chromium.current_url
        assert chromium.find_element(By.ID, "search").get_property("value") == "sk"
        assert "SK하이닉스 000660" in chromium.execute_script("return document.getElementById('spoken').textContent")


def test_the_list_is_scrolled_to_the_symbol_of_the_address(chromium, database, store):
    names = {f"{number:06}": "이름" for number in range(60)} | NAMES
    with serving(database, at=AT, names=names) as server:
        chromium.get(f"{server.url}?symbol=000059")
        inside = "const [list, own] = ['#list', '[data-symbol=\"000059\"]'].map((one) => "
        inside += "document.querySelector(one)?.getBoundingClientRect());"
        wait(chromium, f"(() => {{ {inside} return own && own.top >= list.top && own.bottom <= list.bottom }})()")


@pytest.mark.parametrize(
    ("first", "last", "trades"),
    [("2026-11-02", "2026-11-03", True), ("2026-11-21", "2026-11-22", False), ("2026-11-24", "2026-11-24", False)],
)
def test_a_range_without_candles_names_the_command_that_fills_it(chromium, opened, first, last, trades):
    with opened() as server:
        chromium.get(f"{server.url}?symbol=005930&interval=1&from={first}&to={last}")
        wait(chromium, f"{EMPTY}.textContent.includes('이 구간에 저장된 캔들이 없습니다')")
        command = f"python fetch_minute_data.py --symbols 005930 --from {first} --to {last}"
        assert chromium.find_element(By.CSS_SELECTOR, "#empty code").text == (command if trades else "")
        chromium.execute_script("performance.clearResourceTimings()")
        time.sleep(5.5)  # the list is polled once
        asked = chromium.execute_script("return performance.getEntriesByType('resource').map((one) => one.name)")
        assert not [address for address in asked if "candles" in address], "an empty answer is an answer"
        chromium.find_element(By.CSS_SELECTOR, '[data-symbol="000660"]').click()
        ready(chromium, "000660 1")
        assert "Assertion" not in chromium.find_element(By.TAG_NAME, "body").text
        chromium.find_element(By.ID, "empty-latest").click()
        wait(chromium, f"{NUMBERS} && {EMPTY}.hidden && !location.search.includes('from=')")
        assert errors(chromium) == []


def test_a_websocket_that_only_looks_open_is_opened_anew_where_the_list_knows_more(chromium, opened, store):
    with opened() as server, closing(Tunnel(int(server.url.split(":")[2][:-1]))) as tunnel:
        chromium.get(f"{tunnel.url}?symbol=005930&interval=15")
        ready(chromium, "005930 15")
        wait(chromium, "document.getElementById('state').dataset.state === 'live'")
        time.sleep(5.5)  # the list was polled
        tunnel.freeze()
        put(store, "005930", TODAY[:91])
        close = TODAY[90].close
        wait(chromium, f"import('/static/state.js').then(({{ state }}) => "
             f"[...state.candles.values()].some((one) => one.close === {close}))", 12)  # fmt: skip
        running = TODAY[0]._replace(timestamp=datetime(2026, 11, 23, 10, 32), close=65_432, vwap=None)
        wait(chromium, "document.getElementById('state').dataset.state === 'live'", 12)
        time.sleep(1.2)  # the hub has looked
        server.broadcaster.run_minute("005930", running)
        wait(chromium, "document.getElementById('price').textContent === '65,432'", 5)


def test_a_websocket_without_a_heartbeat_is_opened_anew(chromium, opened):
    with opened() as server, closing(Tunnel(int(server.url.split(":")[2][:-1]))) as tunnel:
        chromium.get(f"{tunnel.url}?symbol=005930&interval=1")
        ready(chromium, "005930 1")
        chromium.execute_script("""
            const { Live } = await import('/static/live.js');
            window.ups = [];
            window.live = new Live(() => {}, (up) => ups.push(up));
        """)
        wait(chromium, "ups.length === 1")
        chromium.execute_script("live.received -= 15_000; live.beat()")
        wait(chromium, "Date.now() - live.received < 5_000")  # the server's heartbeat
        tunnel.freeze()
        chromium.execute_script("live.received -= 30_000; live.beat()")
        wait(chromium, "ups.join() === 'true,false,true'", 5)


def test_the_price_of_the_list_is_the_headers_and_moves_each_second_without_redis(chromium, opened):
    with opened() as server, TemporaryDirectory() as folder, running_file.writing(Path(folder)) as running:
        running_file.follow(Path(folder), server.broadcaster.run_minute, lambda *_: None, server.clock)
        price = "document.querySelector('[data-symbol=\"{}\"] .price').textContent === '{:,}'"
        wait(chromium, "document.querySelectorAll('#list button').length === 3")
        minute = TODAY[0]._replace(timestamp=datetime(2026, 11, 23, 10, 32), vwap=None)
        for close in range(65_001, 65_004):
            for symbol in ("005930", "000660"):
                running.add(RunningMinute(symbol, minute._replace(close=close, volume=close), is_whole=True))
            wait(chromium, f"document.getElementById('price').textContent === '{close:,}'", 4)
            assert chromium.execute_script("return " + price.format("005930", close))
            wait(chromium, price.format("000660", close), 3)
        time.sleep(5.5)  # the list was polled
        assert chromium.execute_script("return " + price.format("005930", close))
        assert errors(chromium) == []


def test_the_numbers_are_those_of_the_day_on_the_tick_grid_against_the_previous_close(chromium, opened, store):
    ones = [one for one in TODAY[:90] if one.volume]
    with opened():
        header = f"고 {max(one.high for one in ones):,} · 저 {min(one.low for one in ones):,} · "
        header += f"거래량 {sum(one.volume for one in ones):,} · 거래대금 "
        wait(chromium, f"document.getElementById('today').textContent.startsWith('{header}')")
        before, last = LAST[-1].close, TODAY[89]
        ways = chromium.execute_script(
            "return [...document.querySelectorAll('#numbers span')].slice(1, 5).map((span) => span.className)"
        )
        prices = (last.open, last.high, last.low, last.close)
        assert ways == ["" if price == before else "up" if price > before else "down" for price in prices]
        found = chromium.execute_script("""
            const { view } = await import('/static/parts.js');
            return { label: view.levels.last.options(), format: view.price.options().priceFormat.formatter(61_234),
                     open: view.levels.open.data(), before: view.levels.before.data(),
                     minMove: view.price.options().priceFormat.minMove };
        """)
        assert (found["label"]["price"], found["label"]["axisLabelVisible"]) == (last.close, True)
        assert found["minMove"] == 100 and found["format"] == "61,200"
        scrolled = chromium.execute_script("""
            const { view } = await import('/static/parts.js');
            view.chart.timeScale().setVisibleLogicalRange({ from: 10, to: 60 });
            document.querySelector('[data-study="rsi"]').click();
            const [, rsi] = [...view.lines.series].find(([key]) => key.startsWith('RSI'));
            return [view.levels.last.options().price, ...rsi.priceLines().map((line) => line.options().price)];
        """)
        assert scrolled == [last.close, 30, 70], "the label stays today's; RSI has its bounds"
        monday = datetime(2026, 11, 23, 9, tzinfo=UTC).timestamp()
        for line, price in (("open", TODAY[0].open), ("before", before)):
            assert {point["value"] for point in found[line]} == {price}
            assert min(point["time"] for point in found[line]) == monday, "over today's candles alone"
        assert errors(chromium) == []


def test_what_is_missing_is_hatched_what_is_doubtful_tinted_and_the_first_candle_is_named(chromium, opened, store):
    wednesday = minutes(CALENDAR.session(date(2026, 11, 18)))
    put(store, "005930", wednesday, "UNPROVEN")  # Thursday is missing
    with opened() as server:
        chromium.find_element(By.TAG_NAME, "body").send_keys(Keys.HOME)  # what is older comes
        home = "document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Home', bubbles: true }))"
        wait(chromium, f"document.getElementById('chart').dataset.before || ({home}, '')")
        found = chromium.execute_script("return document.getElementById('chart').dataset.before")
        assert found == "첫 캔들 11-18 09:00, 그 앞은 없음"
        marked = chromium.execute_script("return (await import('/static/parts.js')).view.blanks.marked")
        assert marked["missing"] == [datetime(2026, 11, 19, 10, tzinfo=UTC).timestamp()]
        assert marked["doubtful"] == [
            one.timestamp.replace(tzinfo=UTC).timestamp() for one in wednesday if one.vwap is None
        ]
        chromium.get(f"{server.url}?symbol=005930&interval=1&from=2026-11-18&to=2026-11-18")  # as the map leads here
        ready(chromium, "005930 1")
        assert chromium.find_element(By.ID, "mend").text == (
            "python fetch_minute_data.py --symbols 005930 --from 2026-11-18 --to 2026-11-18 --recheck"
        )
        shot(chromium, "doubtful")
        assert errors(chromium) == []


def test_a_day_of_the_day_chart_has_its_change_and_the_turnover_of_the_daily_tr(chromium, opened, store):
    rows = [DailyRow(day, 1, 2, 1, 60_000, 9, 123_400_000_000) for day in (date(2026, 11, 19), FRIDAY)]
    store.keep_daily("005930", rows, AT)
    with opened() as server:
        chromium.get(f"{server.url}?symbol=005930&interval=day&from=2026-11-20&to=2026-11-20")
        ready(chromium, "005930 day")
        change = (LAST[-1].close - 60_000) / 600
        wait(chromium, f"{NUMBERS}.includes('등락률{change:+.2f}%')")
        wait(chromium, f"{NUMBERS}.includes('거래대금약 1,234억')")
        assert errors(chromium) == []
