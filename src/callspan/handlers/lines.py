"""Events of calls as lines for people, in the manner of LangChain's handlers for stdout and for files."""

from __future__ import annotations

from callspan.events import Call, Outcome, Response, Token, Usage
from callspan.runtime.process import own_lock


class LineHandler:
    """Turns events into lines of text, which a subclass writes.

    What the model says is left out unless `content` is given. A call that others run beside is named by its number.
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
        """`> chat gpt-4.1-mini started`."""
        with self._lock:
            self._running.add(call.id)
            self._line(call, f"> {_name(call)} started")

    def on_token(self, call: Call, token: Token) -> None:
        """A piece of the answer, on the line of its call."""
        if not self._content:
            return
        with self._lock:
            if self._speaking != call.id:
                self._break()
                self._write(self._number(call))
                self._speaking = call.id
            self._write(token.text)

    def on_end(self, call: Call, response: Response) -> None:
        """`< finished 0.48 s, 24 → 9 tokens, stop`."""
        reasons = [reason for reason in response.finish_reasons if reason]
        word = "abandoned" if call.outcome is Outcome.ABANDONED else "finished"
        with self._lock:
            if self._content and not call.stream and response.text:
                self._line(call, response.text)
            counted = [_tokens(call, response.usage)] if call.uses_tokens else []
            self._last(call, ", ".join([f"< {word} {_seconds(call)}", *counted, *reasons]))

    def on_error(self, call: Call, error: BaseException) -> None:
        """`< failed 0.01 s, model_not_found (404)`; the kind of error, for its message may quote the conversation."""
        failure = call.failure
        kind = failure.type if failure is not None else type(error).__qualname__
        status = (
            f" ({failure.status})" if failure is not None and failure.status is not None else ""
        )
        word = "cancelled" if call.outcome is Outcome.CANCELLED else "failed"
        detail = f", {kind}{status}" if word == "failed" else ""
        if self._content and word == "failed" and str(error):
            detail += f": {' '.join(str(error).split())}"
        with self._lock:
            self._last(call, f"< {word} {_seconds(call)}{detail}")

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
        """`[call-7] ` while more than one call runs."""
        return f"[{call.id}] " if len(self._running) > 1 else ""


def _name(call: Call) -> str:
    return f"{call.operation} {call.subject}" if call.subject else call.operation


def _seconds(call: Call) -> str:
    return "?" if call.duration is None else f"{call.duration:.2f} s"


def _tokens(call: Call, usage: Usage | None) -> str:
    """Tokens in and out; what nobody stated is `?`."""
    sent = "?" if usage is None or usage.input is None else str(usage.input)
    if call.operation == "embeddings":
        return f"{sent} tokens"
    got = "?" if usage is None or usage.output is None else str(usage.output)
    return f"{sent} → {got} tokens"
