"""A real Chromium for the page: paths given, nothing downloaded, its console and its requests written down."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from places import ROOT
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
)  # fmt: skip


@contextmanager
def browser(width: int = 1360, height: int = 850) -> Iterator[webdriver.Chrome]:
    """Skips where there is none (.ci/browser installs it)."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not installed (.ci/browser)")
    options = Options()
    options.binary_location = chromium
    for flag in (*_FLAGS, f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield found
    finally:
        found.quit()


def wait(page: webdriver.Chrome, script: str, seconds: float = 20) -> Any:
    """Until the JavaScript expression is true; its value."""
    return WebDriverWait(page, seconds, 0.05).until(lambda _: page.execute_script(f"return {script}"), script)


def shot(page: webdriver.Chrome, name: str) -> None:
    """What it looks like, in build/."""
    (ROOT / "build").mkdir(exist_ok=True)
    page.save_screenshot(str(ROOT / "build" / f"chart-{name}.png"))


def phone(page: webdriver.Chrome) -> None:
    screen = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    wait(page, "innerWidth === 390 && document.documentElement.scrollWidth <= 390")


def errors(page: webdriver.Chrome) -> list[str]:
    return [entry["message"] for entry in page.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def hosts(page: webdriver.Chrome) -> set[str]:
    """Every host the page has asked."""
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return {urlsplit(url).netloc for url in asked if url.startswith(("http", "ws"))}


def drawn(page: webdriver.Chrome) -> int:
    """Pixels of the chart that have the colour of a candle."""
    return int(page.execute_script(_COUNT))


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
