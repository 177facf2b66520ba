"""The page in a real browser: what only a browser can tell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import served
from .lines import chat, span, text

webdriver = pytest.importorskip("selenium.webdriver", reason="the browser is driven by selenium")
axe = pytest.importorskip("axe_core_python.selenium", reason="accessibility is judged by axe-core")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="there is no chromium with its chromedriver on this machine"
)
SECONDS = 60
WIDTHS = (360, 1500, 2560)
EVIL = "<script>document.title = 'stolen'</script>"
SPANS = [
    span(1, "invoke_agent florist", {"gen_ai.operation.name": "invoke_agent"}, took=1000),
    span(
        2,
        "chat gpt-4.1-mini",
        {**chat(EVIL, f"# Tulips\n\n{EVIL}"), "session.id": "visit"},
        parent=1,
        start=10,
    ),
    span(3, "chat gpt-4.1-mini", chat("And roses?", "Also."), parent=1, start=200),
    span(4, "chat lost", {**chat("?", ""), "error.type": "x"}, trace=2, start=900, error=True),
]
TRACE = f"/traces/{1:032x}"
CALLS = [f"{1:032x}:{number:016x}" for number in (2, 3)]
VIEWS = {
    "traces": "/",
    "trace": TRACE,
    "call": f"{TRACE}?span={2:016x}",
    "session": "/sessions/visit",
    "figures": "/figures",
    "compare": f"/compare?left={CALLS[0]}&right={CALLS[1]}",
    "missing": f"/traces/{9:032x}",
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("view") / "traces.jsonl"
    path.write_text(text(SPANS), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def address(file: Path) -> Iterator[str]:
    with served(str(file), "--port", "0") as url:
        yield url.rstrip("/")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def complaints(browser: Any) -> list[str]:
    """Return what the browser has written to its console, errors and refusals of the CSP."""
    return [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]


def wait(browser: Any, script: str) -> Any:
    """Wait until a JavaScript expression is true."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, SECONDS).until(
        lambda driver: driver.execute_script(f"return {script}")
    )


def show(browser: Any, width: int, scheme: str) -> None:
    """Set the width of the window, and the colours that the user prefers."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_opens_without_a_complaint(browser: Any, address: str, view: str) -> None:
    complaints(browser)
    browser.get(address + VIEWS[view])
    wait(browser, "document.getElementById('state').textContent === 'live'")
    expected = 1 if view == "missing" else 0  # Chromium logs the status 404 of the page itself
    assert len(complaints(browser)) == expected


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing(browser: Any, address: str, view: str, scheme: str) -> None:
    show(browser, 1500, scheme)
    browser.get(address + VIEWS[view])
    violations = axe.Axe().run(browser)["violations"]
    problems = [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations]
    assert problems == [], json.dumps(problems, indent=1)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("view", VIEWS)
def test_the_page_is_not_wider_than_the_window(
    browser: Any, address: str, view: str, width: int
) -> None:
    show(browser, width, "light")
    browser.get(address + VIEWS[view])
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_a_script_in_a_prompt_is_text(browser: Any, address: str) -> None:
    browser.get(address + VIEWS["call"])
    assert EVIL in browser.find_element("tag name", "body").text
    assert browser.title != "stolen"
    assert (
        browser.execute_script("return document.querySelectorAll('script:not([src])').length") == 0
    )


def test_the_policy_holds_an_inline_script_back(browser: Any, address: str) -> None:
    browser.get(address)
    browser.execute_script(
        "const script = document.createElement('script');"
        "script.textContent = 'window.isStolen = true';"
        "document.body.append(script);"
    )
    assert browser.execute_script("return window.isStolen") is None
    assert any("Content Security Policy" in line for line in complaints(browser))


def test_a_filter_in_the_address_works_and_is_in_its_field(browser: Any, address: str) -> None:
    browser.get(f"{address}/?text=roses")
    assert browser.execute_script("return document.getElementById('search').value") == "roses"
    assert browser.execute_script("return document.querySelectorAll('tr[data-row]').length") == 1


def test_keys_move_and_open(browser: Any, address: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.get(address)
    wait(browser, "document.getElementById('state').textContent === 'live'")
    body = browser.find_element("tag name", "body")
    body.send_keys("j")
    body.send_keys("j")
    index = (
        "[...document.querySelectorAll('tr[data-row]')].findIndex(row => row.matches('.pointed'))"
    )
    assert browser.execute_script(f"return {index}") == 1
    body.send_keys("k")
    assert browser.execute_script(f"return {index}") == 0
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    wait(browser, "location.pathname.startsWith('/traces/')")
    browser.find_element("tag name", "body").send_keys("u")
    wait(browser, "location.pathname === '/'")
    wait(browser, "document.getElementById('state').textContent === 'live'")
    browser.find_element("tag name", "body").send_keys("?")
    assert browser.execute_script("return document.getElementById('keys').open")


def test_a_new_trace_arrives_by_itself(browser: Any, address: str, file: Path) -> None:
    browser.get(address)
    wait(browser, "document.getElementById('state').textContent === 'live'")
    with file.open("a", encoding="utf-8") as lines:
        lines.write(text([span(50, "chat new", chat("Just now", "Yes"), trace=50, start=5000)]))
    wait(browser, "document.body.textContent.includes('Just now')")
