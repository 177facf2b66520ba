"""Make the picture of the page that README shows: `python -m tests.view.picture`.

The page is the real one over a file of one trace, in the Chromium of this machine.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

from .conftest import served
from .lines import chat, message, span, text

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "view.png"
_WIDTH, _HEIGHT = 1360, 700
_TRACE = 0x7C1E5A90B3D24F68A1C0E9D7345B82F6
_FIRST_ID = 0x5E21A7C9D3B40F61
"""Ids as real ones look; those of the other spans follow this one."""
_SECONDS = 120
_ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars")
_SYSTEM = "You answer for a flower shop, in two sentences."
_QUESTION = "My sister marries on Saturday. What do we put on twelve tables, for 300 euros?"
_ANSWER = (
    "I would take **peonies and eucalyptus**: five stems and a sprig a table come to 282 euros."
    "\n\n- Order by Wednesday, as they come from Naaldwijk\n- Keep them cool until noon"
)


def spans() -> list[dict[str, Any]]:
    """Return the spans of an agent that asks twice, with two tools between."""
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "florist"}
    first = _call([_QUESTION], "Let me look at stock and prices.", (212, 58), 0.00018)
    first["callspan.attempts"] = 2
    second = _call(
        [_QUESTION, "peony 4.20, eucalyptus 2.50, 96 stems"], _ANSWER, (398, 74), 0.00028
    )
    retry = ("callspan.retry", 310, {"callspan.retry.attempt": 1})
    return [
        _span(0, "invoke_agent florist", agent, 0, 4180),
        _span(1, "chat gpt-4.1-mini", first, 20, 1240, [retry]),
        _span(2, "execute_tool stock", _tool("stock"), 1300, 420),
        _span(3, "execute_tool prices", _tool("prices"), 1310, 910),
        _span(4, "chat gpt-4.1-mini", second, 2260, 1900),
    ]


def _span(
    number: int,
    name: str,
    facts: dict[str, Any],
    start: int,
    took: int,
    events: Sequence[tuple[str, int, Mapping[str, object]]] = (),
) -> dict[str, Any]:
    """Return a span of the trace, all but the first below the first."""
    parent = _FIRST_ID if number else 0
    return span(
        _FIRST_ID + number,
        name,
        facts,
        trace=_TRACE,
        parent=parent,
        start=start,
        took=took,
        events=events,
    )


def _call(questions: list[str], answer: str, tokens: tuple[int, int], usd: float) -> dict[str, Any]:
    facts = chat("", answer, tokens)
    roles = ("user", "tool")
    messages = [message("system", _SYSTEM)]
    messages += [message(role, words) for role, words in zip(roles, questions, strict=False)]
    facts["gen_ai.input.messages"] = json.dumps(messages)
    facts["callspan.cost.usd"] = usd
    facts["gen_ai.response.time_to_first_chunk"] = 0.42
    return facts


def _tool(name: str) -> dict[str, Any]:
    return {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "traces.jsonl")
        file.write_text(text(spans()), encoding="utf-8")
        with served(str(file), "--port", "0") as address:
            picture = _picture_of(
                f"{address.rstrip('/')}/traces/{_TRACE:032x}?span={_FIRST_ID + 4:016x}"
            )
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(picture)
    print(f"{PICTURE}: {len(picture) // 1000} kB")


def _picture_of(address: str) -> bytes:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in _ARGUMENTS:
        options.add_argument(argument)
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=service)
    try:
        size = {"width": _WIDTH, "height": _HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(address)
        is_live = "return document.getElementById('state').textContent === 'live'"
        WebDriverWait(browser, _SECONDS).until(lambda driver: driver.execute_script(is_live))
        return browser.get_screenshot_as_png()
    finally:
        browser.quit()


if __name__ == "__main__":
    main()
