"""A record of the calls that a program makes, for tests to look at."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

from callspan.events import Call, Content, Outcome, Response, Usage
from callspan.events.messages import Message
from callspan.events.operations import facts_of
from callspan.events.usage import add_counts
from callspan.setup.process_handlers import add_process_handler, remove_process_handler


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """The facts of one operation that has ended.

    Attributes:
        operation: The conventions' name of the operation, such as `chat` or `execute_tool`.
        provider: The conventions' name of the provider, such as `openai`.
        model: The model that answered, else that of the request.
        subject: The model, or the name of the tool, agent, workflow or node.
        outcome: How it ended.
        error_type: Why it failed, such as `rate_limit_exceeded`; `None` where it did not.
        duration: Seconds from start to end.
        input_tokens: Tokens of the request; `None` where nothing is known of them.
        output_tokens: Tokens of the answer; `None` where nothing is known of them.
        has_estimates: Whether the provider left out tokens, which are roughly estimated here.
        captures_content: Whether capture is on for it, so that its span or event holds content.
        content: The input, where the recorder keeps content.
        answers: The answers, a message each, where the recorder keeps content.
    """

    operation: str
    provider: str
    model: str | None
    subject: str | None
    outcome: Outcome
    error_type: str | None
    duration: float
    input_tokens: int | None
    output_tokens: int | None
    has_estimates: bool
    captures_content: bool
    content: Content | None = None
    answers: tuple[Message, ...] = ()

    @property
    def total_tokens(self) -> int:
        """Input and output tokens together, without those of which nothing is known."""
        return add_counts(self.input_tokens, self.output_tokens)


class Recorder:
    """Records operations as they end: a handler, and a context manager for all of the process.

    In a `with` block it records every call that begins inside, in all threads and tasks, also where
    the app calls `instrument()` in the block. As a handler it records the calls that it is called
    for, as in `attach(client, recorder)`.

    Args:
        content: Whether to keep messages. Without it nothing of the conversation is kept.

    Attributes:
        operations: All operations, in the order of their ends: calls to models, and tools, agents,
            workflows and the like.
    """

    needs_estimates = True

    def __init__(self, *, content: bool = False) -> None:
        self.needs_text = content
        self._content = content
        self.operations: list[RecordedCall] = []

    @property
    def calls(self) -> list[RecordedCall]:
        """The calls to models, in the order of their ends."""
        return [each for each in self.operations if _calls_model(each)]

    @property
    def input_tokens(self) -> int:
        """The tokens of all requests."""
        return add_counts(*(call.input_tokens for call in self.calls))

    @property
    def output_tokens(self) -> int:
        """The tokens of all answers."""
        return add_counts(*(call.output_tokens for call in self.calls))

    @property
    def total_tokens(self) -> int:
        """Input and output tokens of all calls."""
        return self.input_tokens + self.output_tokens

    @property
    def captures_content(self) -> bool:
        """Whether capture was on for an operation, so that its span or event holds content."""
        return any(each.captures_content for each in self.operations)

    def clear(self) -> None:
        """Forget all operations."""
        self.operations.clear()

    def on_start(self, call: Call) -> None:
        """Read the input of a call now, where it is kept: the app may change it meanwhile."""
        if self._content:
            # the call keeps what was read
            _ = call.content

    def on_end(self, call: Call, response: Response) -> None:
        """Record a call."""
        # one step of C code, so threads need no lock
        self.operations.append(self._record(call))

    def on_error(self, call: Call, error: BaseException) -> None:
        """Record a call that failed or was cancelled."""
        self.operations.append(self._record(call))

    def _record(self, call: Call) -> RecordedCall:
        input_tokens, output_tokens, has_estimates = _tokens(call)
        content = None
        answers: tuple[Message, ...] = ()
        if self._content:
            content = call.content
            answers = tuple(call.response.messages)
        return RecordedCall(
            operation=call.operation,
            provider=call.provider,
            model=call.response.model or call.model,
            subject=call.subject,
            outcome=call.outcome or Outcome.ABANDONED,
            error_type=call.failure.type if call.failure else None,
            duration=call.duration or 0.0,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            has_estimates=has_estimates,
            captures_content=call.capture is not None,
            content=content,
            answers=answers,
        )

    def __enter__(self) -> Recorder:
        """Begin to record the calls of the process."""
        add_process_handler(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Record no more of them; those that have begun are still recorded when they end."""
        remove_process_handler(self)

    def __repr__(self) -> str:
        number = len(self.calls)
        calls = "1 call" if number == 1 else f"{number} calls"
        return f"<Recorder: {calls}, {self.total_tokens} tokens>"


def _calls_model(recorded: RecordedCall) -> bool:
    return facts_of(recorded.operation).uses_tokens


def _tokens(call: Call) -> tuple[int | None, int | None, bool]:
    """Return the tokens of input and output, and whether some of them may be estimated."""
    usage = call.response.usage or Usage()
    rough = None if call.estimate is None else call.estimate.rough
    if rough is None:
        return usage.input, usage.output, False
    tokens = usage.with_estimate(rough)
    return tokens.input, tokens.output, True
