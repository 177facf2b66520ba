"""The answer to a call; a streamed one and a plain one end in the same object."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from callspan.events.delta import SERVER_TOOL_CALL, TEXT, TOOL_CALL, Delta, Part
from callspan.events.details import Details
from callspan.events.ending import Failure, Outcome
from callspan.events.message_parts import message_part
from callspan.events.messages import Message
from callspan.events.sound import Sound
from callspan.events.usage import Usage

Key = tuple[Any, ...]
"""The identity of a part within its choice: kind, index and, where these are not enough, more."""


class _Choice:
    """The parts of one choice, in the order in which they began.

    Attributes:
        parts: The first fragment of each part, and the text of all its fragments.
        has_reason: Whether the API gives finish reasons at all; those for images and sound do not.
        tool: The key of the latest tool call.
    """

    __slots__ = ("finish_reason", "has_reason", "parts", "tool")

    def __init__(self) -> None:
        self.parts: dict[Key, tuple[Part, list[str]]] = {}
        self.finish_reason: str | None = None
        self.has_reason = False
        self.tool: Key | None = None

    def add(self, part: Part) -> None:
        """Add a fragment to its part, or begin a new part."""
        key: Key = (part.kind, part.index)
        if part.kind == TOOL_CALL:
            key = self._tool_key(part)
        if part.data is not None and key in self.parts:
            key = (part.kind, part.index, len(self.parts))  # whole parts are never joined
        if key not in self.parts:
            self.parts[key] = (part, [])
        first, fragments = self.parts[key]
        # an id or a name may come after the first fragment
        first.id = first.id or part.id
        first.name = first.name or part.name
        fragments.append(part.text)

    def _tool_key(self, part: Part) -> Key:
        """Return the key of the tool call to which a fragment belongs.

        Servers leave the index out, or give every call the same one; then the id tells two calls
        apart, and a fragment without an id continues the latest call.
        """
        if not part.id:
            return self._tool_key_without_id(part.index)
        key: Key = (TOOL_CALL, part.index)
        if part.index is None:
            key = (TOOL_CALL, part.id)
        elif key in self.parts:
            first, _ = self.parts[key]
            if first.id not in (None, part.id):
                key = (TOOL_CALL, part.index, part.id)
        self.tool = key
        return key

    def _tool_key_without_id(self, index: Any) -> Key:
        server_key: Key = (SERVER_TOOL_CALL, index)
        if server_key in self.parts:
            # fragments look the same, whoever runs the tool
            return server_key
        key: Key = (TOOL_CALL, index)
        latest = self.tool
        if latest is None:
            self.tool = key
            return key
        # the latest key may have an id behind its kind and index, which `key` has not
        continues_latest = index is None or latest[:2] == key
        if continues_latest:
            return latest
        self.tool = key
        return key

    def message(self) -> Message:
        """Return the choice as a message of the conventions."""
        parts = [message_part(part, "".join(texts)) for part, texts in self.parts.values()]
        message: Message = {"role": "assistant", "parts": parts}
        if self.has_reason:
            # the conventions' word for a choice that has ended without a reason
            message["finish_reason"] = self.finish_reason or "error"
        return message


TEXT_LIMIT = 1_000_000
"""Characters kept of one answer, so that an endless stream does not fill the memory."""


class Response:
    """The answer so far.

    Attributes:
        id: The provider's id of the response.
        model: The model that answered.
        usage: Token counts; `None` where the provider stated none.
        details: Further facts, such as the service tier.
        failure: The error that the provider reported in the answer.
        last: Whether the closing event of the answer has come.
        pending: Whether the call has ended for its caller while the provider goes on with it in
            the background.
        result: The result of a tool or a search.
        chunks: The number of chunks of a stream.
        first_chunk: Seconds from the start of the call to the first chunk.
        chunk_times: The same for each further chunk, where a handler wants them.
        first_token: The same for the first chunk with text.
        first_sound: The same for the first chunk with sound.
        sound: The sound so far, without its content.
        interrupted: Whether the user or the app has cut off the answer.
        elided: The number of characters that were too many to keep.
    """

    __slots__ = (
        "_choices",
        "_text_size",
        "chunk_times",
        "chunks",
        "details",
        "elided",
        "failure",
        "first_chunk",
        "first_sound",
        "first_token",
        "id",
        "interrupted",
        "last",
        "model",
        "pending",
        "result",
        "sound",
        "usage",
    )

    def __init__(self) -> None:
        self.id: str | None = None
        self.model: str | None = None
        self.usage: Usage | None = None
        self.details: Details = {}
        self.failure: Failure | None = None
        self.last = False
        self.pending = False
        self.result: Any = None
        self.chunks = 0
        self.first_chunk: float | None = None
        self.chunk_times: list[float] | None = None
        self.first_token: float | None = None
        self.first_sound: float | None = None
        self.sound: Sound | None = None
        self.interrupted = False
        self.elided = 0
        self._text_size = 0
        self._choices: dict[int, _Choice] = {}

    def __repr__(self) -> str:
        """Return one short line, without content."""
        return f"<Response: {self.model or 'no model'}, {self.usage or 'no usage'}>"

    def add(self, delta: Delta, keep_text: bool = True) -> None:
        """Add one chunk or one whole answer; without `keep_text` all of it but its parts."""
        self._add_facts(delta)
        if delta.result is not None:
            self.result = delta.result
        if delta.whole:
            # the reasons go too: a whole answer states its own (docs/decisions/0031)
            self._choices.clear()
            self._text_size = self.elided = 0
        if keep_text:
            for part in delta.parts:
                self._keep(part)
        for index, reason in delta.finish_reasons:
            # looked up here, as a call of a method costs as much as the rest of the loop
            choice = self._choices.get(index)
            if choice is None:
                choice = self._begin_choice(index)
            choice.has_reason = True
            if reason:
                choice.finish_reason = reason

    def _add_facts(self, delta: Delta) -> None:
        """Take over what the newest chunk states, and leave what it does not state."""
        self.id = delta.id or self.id
        self.model = delta.model or self.model
        self.last = self.last or delta.last
        self.failure = delta.failure or self.failure
        self.interrupted = self.interrupted or delta.interrupted
        if delta.sound is not None:
            self.sound = delta.sound.plus(self.sound or Sound())
        if delta.details:
            self.details.update(delta.details)
        if delta.usage is not None or delta.metered is not None:
            self._add_usage(delta)

    def _add_usage(self, delta: Delta) -> None:
        """Add the vendor's token counts, and fill the gaps with those of its platform."""
        if self.usage is None:
            self.usage = delta.usage
        elif delta.usage is not None:
            self.usage.update(delta.usage)
        # the platform's come first where they are in headers, and last where they are in a chunk
        if self.usage is None:
            self.usage = delta.metered
        elif delta.metered is not None:
            self.usage.fill(delta.metered)

    def _keep(self, part: Part) -> None:
        """Add a part to its choice, cut where the answer exceeds `TEXT_LIMIT`."""
        room = TEXT_LIMIT - self._text_size
        if len(part.text) > room:
            self.elided += len(part.text) - room
            part = replace(part, text=part.text[:room])
        self._text_size += len(part.text)
        choice = self._choices.get(part.choice)
        if choice is None:
            choice = self._begin_choice(part.choice)
        choice.add(part)

    def _begin_choice(self, index: int) -> _Choice:
        choice = self._choices[index] = _Choice()
        return choice

    def forget_text(self) -> None:
        """Let go of the text of the answer, once no handler needs it any more."""
        # the choices themselves stay, as finish reasons are read after the text
        for choice in self._choices.values():
            choice.parts.clear()
        self._text_size = 0

    @property
    def outcome(self) -> Outcome:
        """The outcome of a call that was answered so, if the answer states no failure."""
        if self.interrupted:
            return Outcome.INTERRUPTED
        return Outcome.COMPLETED

    @property
    def finish_reasons(self) -> list[str | None]:
        """Why each choice ended, in the provider's own words; `None` where it gave no reason."""
        if len(self._choices) == 1:  # the usual case, in the path of each call: nothing to sort
            (choice,) = self._choices.values()
            return [choice.finish_reason] if choice.has_reason else []
        return [choice.finish_reason for choice in self._ordered() if choice.has_reason]

    @property
    def messages(self) -> list[Message]:
        """One message a choice, as `{"role", "parts"}`; without parts if no handler needs text."""
        messages = [choice.message() for choice in self._ordered()]
        if messages and self.sound is not None and self.sound.size:
            messages[0]["parts"].append(self.sound.part)
        return messages

    def _ordered(self) -> list[_Choice]:
        # pieces of two choices may arrive in turns, or the second choice first
        return [choice for _, choice in sorted(self._choices.items())]

    @property
    def text(self) -> str:
        """The text of the first choice."""
        messages = self.messages
        if not messages:
            return ""
        texts = [part for part in messages[0]["parts"] if part["type"] == TEXT]
        return "".join(part.get("content", "") for part in texts)

    def finished(self, choices: int) -> bool:
        """Whether the answer is whole.

        It is after a closing event, or after a finish reason for each of `choices` answers.
        """
        if self.last:
            return True
        reasons = self.finish_reasons
        return len(reasons) >= choices and all(reasons)
