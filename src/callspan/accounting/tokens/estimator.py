"""Estimates of the tokens of calls whose provider stated no counts, made in the background."""

from __future__ import annotations

from collections.abc import Sequence

from callspan.accounting.tokens.encoding import GUESS, Encoding, encoding_for
from callspan.accounting.tokens.prompt import count_prompt
from callspan.events import (
    REASONING,
    TEXT,
    TOOL_CALL,
    Call,
    Estimate,
    Message,
    MessagePart,
    Outcome,
    Usage,
)
from callspan.runtime import guard, process
from callspan.runtime.background import Worker, running_loop

# their tokens are no text, so no encoding counts them
_OTHER_OUTPUT = frozenset({"image", "speech"})
WAITING = 1000
"""The most calls whose messages wait to be counted; calls that end meanwhile get no estimate."""


class Estimator:
    """Estimates tokens on a thread of its own: neither the app's path nor its event loop counts."""

    def __init__(self) -> None:
        self._worker = Worker("callspan-tokens", is_drained=True)
        self._waiting: set[Estimate] = set()
        # the thread of the parent, which would have counted them, is not in a forked child
        process.in_child(self._waiting.clear)

    def begin(self, call: Call, *, has_text: bool) -> Estimate | None:
        """Return the estimate to make for a call that has ended; `None` if no count is missing.

        The messages are copied here, for the app may change its lists as soon as its code runs
        again.
        """
        if not _uses_tokens(call):
            return None
        if len(self._waiting) >= WAITING:
            guard.say_once(
                "calls without token counts end faster than they can be counted: "
                "some are not estimated"
            )
            return None
        return _new_estimate(call, has_text)

    def run(self, call: Call, estimate: Estimate) -> None:
        """Count in the background, then run the jobs that wait for the estimate.

        Without a thread nothing is counted, and the jobs run here: spans wait for them.
        """
        if not self._worker.try_start():
            _run_jobs(estimate)
            return
        # before the job is queued, for the thread may be done with it at once
        self._waiting.add(estimate)
        self._worker.put(
            lambda: self._run(call.response.usage or Usage(), call.response.elided, estimate)
        )

    def count_roughly(self, call: Call, estimate: Estimate) -> None:
        """Count at once by the rule of thumb, which reads no file and takes microseconds."""
        usage = call.response.usage or Usage()
        estimate.rough = _count(estimate, usage, call.response.elided, GUESS)

    def close(self, estimate: Estimate) -> None:
        """Close an estimate that is counted no further, and run the jobs that wait for it."""
        _run_jobs(estimate)

    def wait(self, seconds: float = 1.0) -> None:
        """Wait, at most so many seconds, for the estimates that are not ready.

        It returns at once on an event loop, which it would block.
        """
        if self._waiting and running_loop() is None:
            self._worker.wait(seconds)

    def _run(self, provider_usage: Usage, elided: int, estimate: Estimate) -> None:
        try:
            encoding = encoding_for(estimate.model)
            estimate.usage = _count(estimate, provider_usage, elided, encoding)
        except Exception as error:  # noqa: BLE001  odd messages must not keep a span open
            guard.report("estimating tokens", error)
        self._waiting.discard(estimate)
        _run_jobs(estimate)


def _run_jobs(estimate: Estimate) -> None:
    """Close an estimate, and run the jobs that wait for it."""
    for job in estimate.close():
        try:
            job()
        except Exception as error:  # noqa: BLE001  one handler's fault is not the next one's
            guard.report("telling estimated tokens", error)


def _new_estimate(call: Call, has_text: bool) -> Estimate | None:
    """Return an estimate with copies of the texts to count; `None` if there is nothing to count."""
    response = call.response
    usage = response.usage or Usage()
    estimate = Estimate(response.model or call.model)
    if usage.input is None:
        _take_input(estimate, call)
        if not estimate.sent:
            # the input is sound, or something else that is not made of text
            return None
    if has_text:
        _take_output(estimate, call, usage)
    if estimate.sent or estimate.received:
        return estimate
    return None


def _uses_tokens(call: Call) -> bool:
    """Whether the model used tokens: a call that failed before its first chunk used none."""
    if not call.facts.is_inference:
        return False
    if call.parameters.get("output_type") in _OTHER_OUTPUT:
        return False
    if call.outcome in (Outcome.COMPLETED, Outcome.ABANDONED, Outcome.INTERRUPTED):
        return True
    return call.response.chunks > 0


def _is_whole(call: Call) -> bool:
    """Whether the app has read the whole answer."""
    return not call.stream or call.outcome is Outcome.COMPLETED


def _take_input(estimate: Estimate, call: Call) -> None:
    """Copy the messages and tools of a request into its estimate."""
    content = call.content
    messages = list(content.messages)
    if content.system:
        messages.insert(0, {"role": "system", "parts": content.system})
    estimate.sent = messages
    estimate.tools = content.tools


def _take_output(estimate: Estimate, call: Call, usage: Usage) -> None:
    """Copy the texts of an answer into its estimate, if the provider's count is not for all of it.

    A stream that was left may have gone on after its provider's last count.
    """
    if usage.output is None or not _is_whole(call):
        estimate.received = _texts(call.response.messages)


def _texts(messages: Sequence[Message]) -> list[str]:
    """Return the text of each part of an answer."""
    texts: list[str] = []
    for message in messages:
        texts.extend(map(_text, message["parts"]))
    return texts


def _text(part: MessagePart) -> str:
    """Return the text of one part; empty for images and the like."""
    if part.get("type") in (TEXT, REASONING):
        return str(part.get("content") or "")
    if part.get("type") == TOOL_CALL:
        return f"{part.get('name') or ''} {part.get('arguments')}"
    return ""


def _count(
    estimate: Estimate, provider_usage: Usage, elided: int, encoding: Encoding
) -> Usage | None:
    """Count, and return the estimated usage; `None` if no count is missing.

    `elided` is the number of characters of the answer that were not kept. A provider's output
    count stands, unless the stream went on long after it.
    """
    usage = Usage(source=encoding.source)
    if estimate.sent:
        usage.input, not_counted = count_prompt(estimate.sent, estimate.tools, encoding.count)
        estimate.not_counted = tuple(sorted(not_counted))
    if estimate.received is not None:
        # four characters a token, by the same rule of thumb as the heuristic, for text that is gone
        output = sum(map(encoding.count, estimate.received)) + elided // 4
        stated_output = provider_usage.output
        # twice as much, as an encoding that only resembles the model's may count more, too
        if stated_output is None or output > 2 * stated_output:
            usage.output = output
    if usage.input is None and usage.output is None:
        return None
    return usage


estimator = Estimator()
