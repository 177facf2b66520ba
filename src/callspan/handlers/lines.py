"""Events of calls as lines for people, as LangChain's handlers for stdout and files write them."""

from __future__ import annotations

from callspan.events import Call, Outcome, Response, Token, Usage
from callspan.runtime.process import own_lock


class LineHandler:
    """Turns events into lines of text, which a subclass writes.

    A line starts with the call's number while other calls run beside it.

    Args:
        content: Whether to write the text of answers and errors.

    Attributes:
        needs_text: Whether the handler reads the text of answers.
    """

    def __init__(self, content: bool = False) -> None:
        self.needs_text = content
        self._content = content
        # one for the numbers and the open line: events of several threads come at once
        self._lock = own_lock(self)
        self._running: set[str] = set()
        self._open_line: str | None = None
        """The call whose answer is being written, on a line that is not ended."""

    def _write(self, text: str) -> None:
        """Write a piece of text as it is."""
        raise NotImplementedError

    def on_start(self, call: Call) -> None:
        """Write `> chat gpt-4.1-mini started`."""
        with self._lock:
            # before its line, so that the second of two calls has its number already
            self._running.add(call.id)
            self._line(call, f"> {_name(call)} started")

    def on_token(self, call: Call, token: Token) -> None:
        """Write a piece of the answer, on the line of its call."""
        if not self._content:
            return
        with self._lock:
            # the answer of another call stands there: its line is ended first
            if self._open_line != call.id:
                self._end_open_line()
                self._write(self._number(call))
                self._open_line = call.id
            self._write(token.text)

    def on_end(self, call: Call, response: Response) -> None:
        """Write `< finished 0.48 s, 24 → 9 tokens, stop`."""
        word = "finished"
        outcome = call.outcome
        if outcome is Outcome.ABANDONED or outcome is Outcome.INTERRUPTED:
            word = outcome.value
        facts = [f"< {word} {_seconds(call)}"]
        if call.uses_tokens:
            facts.append(_tokens(call, response.usage))
        facts += filter(None, response.finish_reasons)
        with self._lock:
            # a stream's text has been written token by token
            is_unwritten = self._content and not call.stream
            if is_unwritten and response.text:
                self._line(call, response.text)
            self._last(call, ", ".join(facts))

    def on_error(self, call: Call, error: BaseException) -> None:
        """Write `< failed 0.01 s, model_not_found (404)`.

        The message of the error may quote the conversation, so it is written only with `content`.
        """
        if call.outcome is Outcome.CANCELLED:
            text = f"< cancelled {_seconds(call)}"
        else:
            text = f"< failed {_seconds(call)}, {self._reason(call, error)}"
        with self._lock:
            self._last(call, text)

    def _reason(self, call: Call, error: BaseException) -> str:
        """Return the type of an error, with its HTTP status if there is one."""
        failure = call.failure
        if failure is None:
            reason = type(error).__qualname__
        elif failure.status is None:
            reason = failure.type
        else:
            reason = f"{failure.type} ({failure.status})"
        if self._content and str(error):
            # on one line, as everything here
            message = " ".join(str(error).split())
            reason += f": {message}"
        return reason

    def _last(self, call: Call, text: str) -> None:
        """Write the last line of a call."""
        self._line(call, text)
        self._running.discard(call.id)

    def _line(self, call: Call, text: str) -> None:
        self._end_open_line()
        self._write(f"{self._number(call)}{text}\n")

    def _end_open_line(self) -> None:
        if self._open_line is not None:
            self._write("\n")
            self._open_line = None

    def _number(self, call: Call) -> str:
        """Return `[call-7] ` while more than one call runs, else nothing."""
        if len(self._running) > 1:
            return f"[{call.id}] "
        return ""


def _name(call: Call) -> str:
    """Return the operation and its subject, which is mostly the model."""
    if call.subject:
        return f"{call.operation} {call.subject}"
    return call.operation


def _seconds(call: Call) -> str:
    """Return the duration of a call."""
    if call.duration is None:
        return "?"
    return f"{call.duration:.2f} s"


def _tokens(call: Call, usage: Usage | None) -> str:
    """Return the input and output tokens, `?` for a count that the provider did not state."""
    input_tokens = "?"
    output_tokens = "?"
    if usage is not None and usage.input is not None:
        input_tokens = str(usage.input)
    if usage is not None and usage.output is not None:
        output_tokens = str(usage.output)
    if not call.facts.has_output_tokens:
        return f"{input_tokens} tokens"
    return f"{input_tokens} → {output_tokens} tokens"
