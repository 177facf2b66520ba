"""Turns events of calls into lines for people, as LangChain's handlers for stdout and files do."""

from __future__ import annotations

from callspan.events import Call, Outcome, Response, Token, Usage
from callspan.runtime.process import own_lock


class LineHandler:
    """Turns events into lines of text, which a subclass writes.

    The text of answers is left out unless `content` is true. A line starts with the call's number
    while others run beside it.
    """

    def __init__(self, content: bool = False) -> None:
        self.needs_text = content
        self._content = content
        self._lock = own_lock(self)
        self._running: set[str] = set()
        self._speaking: str | None = None

    def _write(self, text: str) -> None:
        raise NotImplementedError

    def on_start(self, call: Call) -> None:
        """Write `> chat gpt-4.1-mini started`."""
        with self._lock:
            self._running.add(call.id)
            self._line(call, f"> {_name(call)} started")

    def on_token(self, call: Call, token: Token) -> None:
        """Write a piece of the answer, on the line of its call."""
        if not self._content:
            return
        with self._lock:
            if self._speaking != call.id:
                self._break()
                self._write(self._number(call))
                self._speaking = call.id
            self._write(token.text)

    def on_end(self, call: Call, response: Response) -> None:
        """Write `< finished 0.48 s, 24 → 9 tokens, stop`."""
        word = "finished"
        if call.outcome is Outcome.ABANDONED:
            word = "abandoned"
        facts = [f"< {word} {_seconds(call)}"]
        if call.uses_tokens:
            facts.append(_tokens(call, response.usage))
        facts += filter(None, response.finish_reasons)
        with self._lock:
            if self._content and not call.stream and response.text:
                self._line(call, response.text)
            self._last(call, ", ".join(facts))

    def on_error(self, call: Call, error: BaseException) -> None:
        """Write `< failed 0.01 s, model_not_found (404)`.

        The type of error without its message, which may quote the conversation, unless `content`.
        """
        if call.outcome is Outcome.CANCELLED:
            text = f"< cancelled {_seconds(call)}"
        else:
            text = f"< failed {_seconds(call)}, {self._reason(call, error)}"
        with self._lock:
            self._last(call, text)

    def _reason(self, call: Call, error: BaseException) -> str:
        failure = call.failure
        if failure is None:
            reason = type(error).__qualname__
        elif failure.status is None:
            reason = failure.type
        else:
            reason = f"{failure.type} ({failure.status})"
        if self._content and str(error):
            reason += f": {' '.join(str(error).split())}"
        return reason

    def _last(self, call: Call, text: str) -> None:
        self._line(call, text)
        self._running.discard(call.id)

    def _line(self, call: Call, text: str) -> None:
        self._break()
        self._write(f"{self._number(call)}{text}\n")

    def _break(self) -> None:
        """End the line of tokens that is being written."""
        if self._speaking is not None:
            self._write("\n")
            self._speaking = None

    def _number(self, call: Call) -> str:
        """Return `[call-7] ` while more than one call runs, else nothing."""
        if len(self._running) > 1:
            return f"[{call.id}] "
        return ""


def _name(call: Call) -> str:
    return f"{call.operation} {call.subject}" if call.subject else call.operation


def _seconds(call: Call) -> str:
    return "?" if call.duration is None else f"{call.duration:.2f} s"


def _tokens(call: Call, usage: Usage | None) -> str:
    """Return the tokens in and out, `?` for each that the provider did not state."""
    sent = "?"
    received = "?"
    if usage is not None and usage.input is not None:
        sent = str(usage.input)
    if usage is not None and usage.output is not None:
        received = str(usage.output)
    if not call.facts.has_output_tokens:
        return f"{sent} tokens"
    return f"{sent} → {received} tokens"
