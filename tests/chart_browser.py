"""A real Chromium for the page: paths given, nothing downloaded, its console and its requests written down."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.support.ui import WebDriverWait

_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
)  # fmt: skip
CHART = "document.getElementById('chart')"
VIEW = "(await import('/static/parts.js')).view"


class Page(Chrome):
    """The browser's one tab; `server` is the chart's that it looks at."""

    server: Any

    @contextmanager
    def looking_at(self, server: Any) -> Iterator[None]:
        """At the end nothing was complained of, and nothing requested of another host."""
        self.server = server
        self.park()
        yield
        assert self.errors() == [] and self.hosts() <= {urlsplit(server.url).netloc}
        self.get("about:blank")

    def park(self) -> None:
        """Leave the chart with the mouse, which shows the numbers of the candle below it."""
        mouse = ActionBuilder(self)
        mouse.pointer_action.move_to_location(0, 0)
        mouse.perform()

    def js(self, expression: str) -> Any:
        return self.execute_script(f"return {expression}")

    def wait(self, expression: str, seconds: float = 20) -> Any:
        """Until the JavaScript expression is true; its value."""
        return WebDriverWait(self, seconds, 0.05).until(lambda _: self.js(expression), expression)

    def says(self, name: str, text: object) -> None:
        """Until the element of this id holds the text."""
        self.wait(f"document.getElementById('{name}').textContent.includes('{text}')")

    def ready(self, what: str, *clicked: str) -> None:
        """Until the chart shows this symbol and interval, once these were clicked."""
        self.click(*clicked)
        self.wait(f"{CHART}.dataset.ready === '{what}'")

    def open(self, interval: object = 1, more: str = "", symbol: str = "005930") -> None:
        self.get(f"{self.server.url}?symbol={symbol}&interval={interval}{more}")
        self.wait(f"{CHART}.dataset.ready === '{symbol} {interval}' && document.querySelector('#list li')")

    def poll(self, what: str = "List") -> None:
        """What the page asks for every five or ten seconds, at once."""
        self.js(f"(await import('/static/polling.js')).poll{what}()")

    def fetch(self, path: str) -> Any:
        return self.js(f"fetch('{path}').then((answer) => answer.json())")

    def text(self, selector: str) -> str:
        return str(self.find_element("css selector", selector).text)

    def is_shown(self, selector: str) -> bool:
        return bool(self.find_element("css selector", selector).is_displayed())

    def click(self, *selectors: str) -> None:
        for selector in selectors:
            self.find_element("css selector", selector).click()

    def press(self, *keys: str) -> None:
        ActionChains(self).send_keys(*keys).perform()

    def focus(self, *keys: str) -> None:
        """Press keys on the chart."""
        self.execute_script(f"{CHART}.focus()")
        self.press(*keys)

    def type(self, selector: str, words: str) -> None:
        box = self.find_element("css selector", selector)
        box.clear()
        box.send_keys(words, Keys.ENTER)

    def legend(self) -> dict[str, str]:
        pairs = "(span) => [span.firstElementChild?.textContent, span.lastElementChild?.textContent]"
        return dict(self.js(f"[...document.querySelectorAll('#numbers span, #lines span')].map({pairs})"))

    def phone(self) -> None:
        screen = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.wait("innerWidth === 390 && document.documentElement.scrollWidth <= 390")

    def fits(self, selector: str) -> bool:
        """Whether a phone shows it."""
        box = self.execute_script("return document.querySelector(arguments[0]).getBoundingClientRect()", selector)
        return bool(box["x"] >= 0 and box["width"] > 0 and box["x"] + box["width"] <= 390)

    def errors(self) -> list[str]:
        """What the console complained of since the last call."""
        return [entry["message"] for entry in self.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def hosts(self) -> set[str]:
        """Every host that something was requested of since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self.get_log("performance")]
        urls = [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
        return {urlsplit(url).netloc for url in urls if url.startswith(("http", "ws"))}

    def drawn(self) -> int:
        """Pixels of the chart that have the colour of a candle."""
        return int(self.execute_script(_COUNT))


@contextmanager
def browser(width: int = 1360, height: int = 850) -> Iterator[Page]:
    """Skips where there is none (.ci/browser installs it)."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not installed (.ci/browser)")
    options = Options()
    options.binary_location = chromium
    for flag in (*_FLAGS, f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = Page(options=options, service=Service(driver))
    try:
        yield found
    finally:
        found.quit()


_COUNT = """
const near = (a, b) => Math.abs(a - b) < 12;
let found = 0;
for (const canvas of document.querySelectorAll('#chart canvas')) {
  if (!canvas.width || !canvas.height) continue;
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  for (let at = 0; at < data.length; at += 4) {
    const [r, g, b, a] = data.slice(at, at + 4);
    if (a > 200 && ((r > 235 && near(g, 68) && near(b, 82)) || (near(r, 49) && near(g, 130) && b > 235)
      || (r > 245 && near(g, 107) && near(b, 122)) || (near(r, 77) && near(g, 159) && b > 245))) found += 1;
  }
}
return found;
"""
