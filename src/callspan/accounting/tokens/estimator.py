"""Works out, in the background, the tokens of calls that have ended without their provider saying."""

from __future__ import annotations

from typing import Any

from callspan.accounting.tokens.encoding import Encoding, encoding_for
from callspan.accounting.tokens.prompt import count_prompt
from callspan.events import REASONING, TEXT, TOOL_CALL, Call, Estimate, Outcome, Usage
from callspan.runtime import guard, process
from callspan.runtime.background import Worker, attended, running_loop

OPERATIONS = frozenset({"chat", "text_completion", "generate_content"})
"""The operations that are made of text."""
_OTHER_OUTPUT = frozenset({"image", "speech"})
WAITING = 1000
"""The most calls whose messages are kept to be counted; what ends while so many wait is not estimated."""


class Estimator:
    """Estimates on a thread of its own, so that neither the app's path nor its event loop ever counts."""

    def __init__(self) -> None:
        self._worker = attended(Worker("callspan-tokens"))
        self._waiting: set[Estimate] = set()
        process.in_child(self._waiting.clear)

    def begin(self, call: Call, *, text_kept: bool) -> Estimate | None:
        """What there is to estimate of a call that has ended; `None` if its provider has said all.

        The messages are taken over here, for the app may change its lists as soon as its code runs again.
        """
        usage, response = call.response.usage or Usage(), call.response
        if not _used_something(call):
            return None
        if len(self._waiting) >= WAITING:
            guard.say_once(
                "calls without token counts end faster than they can be counted: some are not estimated"
            )
            return None
        estimate = Estimate(response.model or call.model)
        if usage.input is None:
            content = call.content
            system = [{"role": "system", "parts": content.system}] if content.system else []
            estimate.sent = system + content.messages
            estimate.tools = content.tools
        if text_kept and (usage.output is None or not _finished(call)):
            estimate.received = [
                _shown(part) for message in response.messages for part in message["parts"]
            ]
        if usage.input is None and not estimate.sent:
            return None  # sound, or something else that is not made of text
        return estimate if estimate.sent or estimate.received else None

    def run(self, call: Call, estimate: Estimate) -> None:
        """Have the counting done, and then what waits for it."""
        self._waiting.add(estimate)
        self._worker.start()
        self._worker.put(
            lambda: self._run(call.response.usage or Usage(), call.response.elided, estimate)
        )

    def settle(self, seconds: float = 1.0) -> None:
        """Wait a moment for what is being counted; never on an event loop."""
        if self._waiting and running_loop() is None:
            self._worker.wait(seconds)

    def _run(self, stated: Usage, elided: int, estimate: Estimate) -> None:
        try:
            _fill(estimate, stated, elided, encoding_for(estimate.model))
        except Exception as error:  # noqa: BLE001  an odd message must not keep a span from its end
            guard.report("estimating tokens", error)
        self._waiting.discard(estimate)
        for job in estimate.close():
            try:
                job()
            except Exception as error:  # noqa: BLE001  one listener's fault is not the next one's
                guard.report("telling estimated tokens", error)


def _used_something(call: Call) -> bool:
    """Whether the model did anything, as far as can be told: an error before the first chunk costs nothing."""
    if call.operation not in OPERATIONS or call.parameters.get("output_type") in _OTHER_OUTPUT:
        return False
    return call.outcome in (Outcome.COMPLETED, Outcome.ABANDONED) or call.response.chunks > 0


def _finished(call: Call) -> bool:
    return not call.stream or call.outcome is Outcome.COMPLETED


def _shown(part: dict[str, Any]) -> str:
    """The text of one part of an answer."""
    if part.get("type") in (TEXT, REASONING):
        return str(part.get("content") or "")
    return (
        f"{part.get('name') or ''} {part.get('arguments')}" if part.get("type") == TOOL_CALL else ""
    )


def _fill(estimate: Estimate, stated: Usage, elided: int, encoding: Encoding) -> None:
    """Write the counts that are missing; a stated output stands unless the stream broke off long after it."""
    usage = Usage(source=encoding.source)
    if estimate.sent:
        usage.input, unknown = count_prompt(estimate.sent, estimate.tools, encoding.count)
        estimate.not_counted = tuple(sorted(unknown))
    if estimate.received is not None:
        output = sum(map(encoding.count, estimate.received)) + elided // 4
        if stated.output is None or output > 2 * stated.output:
            usage.output = output
    if usage.input is not None or usage.output is not None:
        estimate.usage = usage


estimator = Estimator()
