"""What the page shows is so, in a real Chromium: no old candle under a new name, no reason that nobody proved."""

from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from chart_browser import CHART, VIEW
from chart_testing import AT, FRIDAY, LAST, TODAY, put, serving
from selenium.webdriver.common.keys import Keys
from store_testing import CALENDAR, minutes

from minute_candles.core.kst import KST
from minute_candles.market.rows import DailyRow
from minute_candles.market.trade_chain import RunningMinute
from minute_candles.monitoring import running_file

NUMBERS, EMPTY = "document.getElementById('numbers').textContent", "document.getElementById('empty')"
PRICE = "document.getElementById('price').textContent"
LIVE = "document.getElementById('state').dataset.state === 'live'"
CANDLES = "(await import('/static/state.js')).state.candles"


MADE_UP = """
const { slots, reason } = await import('/static/slots.js'), { View } = await import('/static/view.js');
const at = (text, day = '23') => Date.parse(`2026-11-${day}T${text}Z`) / 1000;
const candle = (text) => ({ time: at(text), status: 'PROVISIONAL', vwap: 1 });
const days = (status, open = '09:00', close = '15:30') =>
  new Map([['2026-11-23', { day: '2026-11-23', open, close, status, note: null, minutes: 2 }]]);
const why = (days) => reason(slots(['09:00', '09:02'].map(candle), days, 1, at('09:03')), 1, days);
const gaps = (...held) => slots(held.map(candle), days('COMPLETE', '10:00', '16:30'), 1, at('18:00'))
  .filter((slot) => !slot.candle).map((slot) => new Date(slot.time * 1000).toISOString().slice(11, 16));
const before = (friday) => View.prototype.before.call({
  candles: ['19', '23'].map((day) => ({ time: at('10:00', day), close: 100 })),
  days: new Map(Object.entries({ 19: 'COMPLETE', 20: friday, 23: 'COMPLETE' }).map(([day, status]) =>
    [`2026-11-${day}`, { day: `2026-11-${day}`, status }])) }, 1);
return [
  ['PROVISIONAL', 'UNPROVEN', 'COMPLETE'].map((status) => why(days(status)).includes('아무도 거래하지')),
  [gaps('09:59', '16:29'), gaps('10:00', '16:29'), gaps('10:00')].map((one) => [one.at(0), one.at(-1)]),
  ['MISSING', 'NO_TRADES'].map(before)];
"""


def test_the_numbers_are_those_of_the_day_on_the_tick_grid_against_the_previous_close(page):
    """A gap of a complete day alone has a reason, a CSAT day its own hours; a missing day leaves the change unknown."""
    assert page.execute_script(MADE_UP) == [
        [False, False, True], [["10:00", "16:18"], ["10:01", "16:18"], ["10:01", "16:30"]], [None, 100],
    ]  # fmt: skip
    ones, before, last = TODAY[:90], LAST[-1].close, TODAY[89]
    header = f"고 {max(one.high for one in ones):,} · 저 {min(one.low for one in ones):,} · "
    header += f"거래량 {sum(one.volume for one in ones):,} · 거래대금 "
    page.wait(f"document.getElementById('today').textContent.startsWith('{header}')")
    ways = page.js("[...document.querySelectorAll('#numbers span')].slice(1, 5).map((span) => span.className)")
    assert ways == ["" if price == before else "up" if price > before else "down" for price in last[1:5]]
    found = page.execute_script(f"""
        const view = {VIEW}, label = view.levels.last.options(), format = view.price.options().priceFormat;
        const shown = [label.price, label.axisLabelVisible, format.minMove, format.formatter(61_234)];
        view.chart.timeScale().setVisibleLogicalRange({{ from: 10, to: 60 }});
        document.querySelector('[data-study="rsi"]').click();
        const [, rsi] = [...view.lines.series].find(([key]) => key.startsWith('RSI'));
        const bounds = rsi.priceLines().map((line) => line.options().price);
        return {{ shown, scrolled: [view.levels.last.options().price, ...bounds],
                 open: view.levels.open.data(), before: view.levels.before.data() }};
    """)
    assert found["shown"] == [last.close, True, 100, "61,200"]
    assert found["scrolled"] == [last.close, 30, 70], "the label stays today's; RSI has its bounds"
    monday = datetime(2026, 11, 23, 9, tzinfo=UTC).timestamp()
    for line, price in (("open", TODAY[0].open), ("before", before)):
        assert {point["value"] for point in found[line]} == {price}
        assert min(point["time"] for point in found[line]) == monday, "over today's candles alone"
    page.click('[data-study="rsi"]')
    page.press("9")
    page.ready("005930 week")
    weeks = page.fetch("/api/candles?symbol=005930&interval=week")["candles"]
    page.says("numbers", f"{weeks[-1]['volume']:,}")
    assert page.legend()["등락률"] == f"{(weeks[-1]['close'] / weeks[-2]['close'] - 1) * 100:+.2f}%"
    page.server.run_minute("10:32", 99_000)
    page.says("price", "99,000")
    shown = page.legend()
    assert (shown["고"], shown["종"], shown["시"]) == ("99,000", "99,000", f"{weeks[-1]['open']:,}")
    assert shown["거래량"] == f"{weeks[-1]['volume'] + 1_000:,}"
    lines = page.fetch("/api/indicators?symbol=005930&interval=week&names=sma2&running=1&limit=1")["lines"]
    assert lines["sma2"][-1] == (weeks[-2]["close"] + 99_000) / 2, "an indicator of the week goes on with it, too"
    page.press("0")
    page.ready("005930 month")
    page.says("numbers", "99,000")


def test_the_newest_numbers_stand_before_a_trailing_gap_and_its_candle_is_added(page, store):
    """10:30 and 10:31 are over and not stored; a candle that is corrected further back does not set the price."""
    page.wait(f"{NUMBERS}.includes('10:29') && {PRICE} === '{TODAY[89].close:,}'")
    assert not page.is_shown("#hint")
    put(store, "005930", [*TODAY[:87], TODAY[87]._replace(close=TODAY[87].low), *TODAY[88:90]])
    at = "Date.parse('2026-11-23T10:27Z') / 1000"
    page.wait(f"{CANDLES}.get({at}).close === {TODAY[87].low}", 8)
    assert page.text("#price") == f"{TODAY[89].close:,}"
    put(store, "005930", [*TODAY[:90], TODAY[91]])
    page.wait(f"{NUMBERS}.includes('10:31')", 8)
    page.focus(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    page.wait(f"{NUMBERS}.includes('10:29')")
    page.press(Keys.ESCAPE)
    page.server.run_minute("10:32", 99_000)
    page.wait(f"{PRICE} === '99,000' && {NUMBERS}.includes('진행 중')", 5)
    average = round((sum(one.close for one in (*TODAY[87:90], TODAY[91])) + 99_000) / 5)
    page.wait(f"document.querySelector('.line-ma5 b').textContent === '{average:,}'", 8)
    page.ready("005930 60", '[data-interval="60"]')
    page.js("(await import('/static/state.js')).state.heard = 0")  # its last candle came long ago
    page.says("state", "10:32 · ")  # the newest minute's age


def test_a_symbol_that_cannot_be_read_shows_no_other_ones_candles_and_is_read_again(page):
    """Its running candle does not end up among those of the symbol before either; one without candles has no badge."""
    page.wait("!document.getElementById('day').hidden")
    page.execute_cdp_cmd("Network.enable", {})
    page.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/api/candles*"]})
    page.click('[data-symbol="000660"]')
    page.says("empty", "다시")
    page.wait("document.getElementById('state').dataset.state === 'stale'")
    page.server.run_minute("10:32", 65_432, "000660")
    page.says("price", "65,432")
    assert (page.drawn(), page.text("#numbers"), page.is_shown("#day")) == (0, "", False)
    page.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    page.ready("000660 1")
    page.wait(f"{NUMBERS} && {EMPTY}.hidden")
    assert page.drawn() > 500
    page.ready("035420 1", '[data-symbol="035420"]')
    assert not page.is_shown("#day") and [page.text(f"#{name}") for name in ("note", "numbers", "lines")] == [""] * 3
    page.errors()  # of the requests that failed


def test_a_page_that_slept_holds_what_the_table_holds(chromium, database, store):
    """Friday's first hour, then Monday evening: the newest 400 stand there alone, no hole is made between."""
    held = f"[...{CANDLES}.keys()].sort().map((at) => new Date(at * 1000).toISOString().slice(0, 16))"
    put(store, "005930", LAST[:60])
    with serving(database, at=datetime(2026, 11, 20, 10, 0, 2, tzinfo=KST)) as server:
        chromium.server = server
        chromium.open()
        assert chromium.js(held)[0] == "2026-11-20T09:00"
        kept = chromium.current_url
        chromium.execute_script("window.same = true")
    chromium.wait("document.getElementById('state').dataset.state === 'down'", 5)
    for day in (LAST, TODAY):
        put(store, "005930", day, "COMPLETE")
    with serving(database, at=datetime(2026, 11, 23, 16, tzinfo=KST), port=server.port):
        chromium.wait(f"{NUMBERS}.includes('11월 23일 (월) 15:30')")
        assert chromium.js("window.same") and chromium.current_url == kept
        found = chromium.js(held)
        assert (len(found), found[0], found[-1]) == (400, "2026-11-20T15:02", "2026-11-23T15:30")
    chromium.errors()  # of the requests that failed


def test_a_websocket_that_only_looks_open_is_opened_anew_and_an_updater_that_is_gone_is_shown(tab, store):
    """A sleeping laptop, NAT: nothing arrives by it any more, and nobody closes it."""
    freeze = "(await import('/static/parts.js')).live.socket.onmessage = () => {}"
    tab.open(15)
    tab.wait(LIVE)
    tab.poll()
    tab.js(freeze)
    tab.js("(await import('/static/messages.js')).freshness.came = 0")  # its last candle came long ago
    put(store, "005930", TODAY[:91])
    tab.poll()
    tab.wait(f"[...{CANDLES}.values()].some((one) => one.close === {TODAY[90].close})", 12)
    tab.wait(LIVE)
    tab.server.run_minute("10:32", 65_432)
    tab.wait(f"{PRICE} === '65,432'", 5)
    beat = "((live) => {{ live.received -= {}; live.beat(); return {} }})((await import('/static/parts.js')).live)"
    tab.js(beat.format(15_000, LIVE))
    tab.wait("Date.now() - (await import('/static/parts.js')).live.received < 5_000")  # the server's heartbeat
    tab.js(freeze)
    assert not tab.js(beat.format(30_000, LIVE))
    tab.wait(LIVE)
    for healthy, state in ((False, "stale"), (True, "live")):
        tab.server.health = ({"healthy": healthy, "message": "❌ 업데이터가 멈췄습니다"}, healthy)
        tab.poll("State")
        tab.wait(f"document.getElementById('state').dataset.state === '{state}'")
    assert tab.errors() == [], "a state that is bad is no failed request"


def test_the_price_of_the_list_is_the_headers_and_moves_each_second_without_redis(page):
    with TemporaryDirectory() as folder, running_file.writing(Path(folder)) as running:
        running_file.follow(Path(folder), page.server.broadcaster.run_minute, lambda *_: None, page.server.clock)
        price = "document.querySelector('[data-symbol=\"{}\"] .price').textContent === '{:,}'"
        minute = TODAY[0]._replace(timestamp=datetime(2026, 11, 23, 10, 32), vwap=None)
        for close in (65_001, 65_002):
            for symbol in ("005930", "000660"):
                running.add(RunningMinute(symbol, minute._replace(close=close, volume=close), is_whole=True))
            page.wait(f"{PRICE} === '{close:,}'", 4)
            page.wait(price.format("000660", close), 3)
            assert page.js(price.format("005930", close))
        page.poll()
        assert page.js(price.format("005930", close)), "the list was read of the table meanwhile"


def test_what_is_missing_is_hatched_what_is_doubtful_tinted_and_the_first_candle_is_named(tab, store):
    rows = [DailyRow(day, 1, 2, 1, 60_000, 9, 123_400_000_000) for day in (date(2026, 11, 19), FRIDAY)]
    store.keep_daily("005930", rows, AT)
    tab.open("day", "&from=2026-11-20&to=2026-11-20")
    tab.wait(f"{NUMBERS}.includes('등락률{(LAST[-1].close - 60_000) / 600:+.2f}%')")  # both of the daily TR
    tab.wait(f"{NUMBERS}.includes('거래대금약 1,234억')")
    wednesday = minutes(CALENDAR.session(date(2026, 11, 18)))
    put(store, "005930", wednesday, "UNPROVEN")  # Thursday is missing
    tab.open()
    tab.press(Keys.HOME)  # what is older comes
    home = "document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Home', bubbles: true }))"
    tab.wait(f"{CHART}.dataset.before || ({home}, '')")
    assert tab.js(f"{CHART}.dataset.before") == "첫 캔들 11-18 09:00, 그 앞은 없음"
    marked = tab.js(f"{VIEW}.blanks.marked")
    assert marked["missing"] == [datetime(2026, 11, 19, 10, tzinfo=UTC).timestamp()]
    doubtful = [one.timestamp.replace(tzinfo=UTC).timestamp() for one in wednesday if one.vwap is None]
    assert marked["doubtful"] == doubtful
    tab.open(1, "&from=2026-11-18&to=2026-11-18")  # as the map leads here
    command = "python fetch_minute_data.py --symbols 005930 --from 2026-11-18 --to 2026-11-18 --recheck"
    assert tab.text("#mend") == command
