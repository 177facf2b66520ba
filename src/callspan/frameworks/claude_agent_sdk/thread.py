"""The thread of one agent: its model calls, which come one after the other."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from callspan.events import Delta
from callspan.formats.anthropic import messages
from callspan.formats.fields import count, get, get_nested, items, text
from callspan.frameworks.integration import Context
from callspan.frameworks.reporter import ModelCallStart, Reporter
from callspan.lifecycle.observation import Observation
from callspan.lifecycle.reading import Reading

Message = dict[str, Any]
"""A message of Anthropic's API."""
_SYNTHETIC = "<synthetic>"
"""The model of messages that the program writes by itself, of an interrupt for example."""
_PROVIDERS = {
    "CLAUDE_CODE_USE_BEDROCK": "aws.bedrock",
    "CLAUDE_CODE_USE_VERTEX": "gcp.vertex_ai",
    "CLAUDE_CODE_USE_FOUNDRY": "azure.ai.inference",
}
"""The variables by which the program is told to call the models at a cloud."""


class Thread:
    """The model calls of the main agent or of a subagent.

    The program does not say when it calls the model: that is when the prompt, or the last result
    of a tool, has reached it. A message comes in several pieces, which share its id. Their output
    tokens are those of its first moment, and the program states the sum of a turn in the end; only
    with the events of the model's stream the pieces have the counts of the whole message.

    Attributes:
        context: The context for the code of the agent.
    """

    def __init__(self, reporter: Reporter, provider: str, context: Context) -> None:
        self.context = context
        self._reporter = reporter
        self._provider = provider
        self._message: Message = {}
        self._observation: Observation | None = None
        self._start = (0, 0.0)
        self._has_final_usage = False
        self._output_tokens = 0
        self._usage_source = "provider"
        self.note_input()

    def note_input(self) -> None:
        """Take this moment for the start of the next call: its input is complete."""
        self._start = time.time_ns(), time.perf_counter()

    def add(self, piece: Message) -> None:
        """Add a piece of a message, with which a call begins or goes on."""
        if get(piece, "model") == _SYNTHETIC:
            return
        if not self._is_of_open_call(piece):
            self.end_call()
            self._begin_call(piece)
        message = self._message
        message["content"] += items(get(piece, "content"))
        self._update(get(piece, "usage"), get(piece, "stop_reason"))

    def add_event(self, event: Any) -> None:
        """Add an event of the model's stream, which a program sends that is asked for them."""
        kind = get(event, "type")
        if kind == "message_start":
            self.add(get(event, "message"))
        elif kind == "message_delta":
            self._update(get(event, "usage"), get_nested(event, "delta", "stop_reason"))

    def end_call(self, turn_output_tokens: int | None = None) -> None:
        """End the call at the moment when its last piece came.

        Args:
            turn_output_tokens: The output tokens of all calls of the turn, if this is its last one.
        """
        observation, self._observation = self._observation, None
        if observation is None:
            return
        usage = self._message.get("usage") or {}
        if not self._has_final_usage:
            # the sum of a turn is right, and better than counts of the first moment
            usage.pop("output_tokens", None)
            if turn_output_tokens is not None:
                usage["output_tokens"] = turn_output_tokens - self._output_tokens
                self._usage_source = "turn"
        # what is stated of earlier calls is not in the rest that the last one gets
        self._output_tokens += count(usage, "output_tokens") or 0
        observation.answer(self._message)

    def _read(self, message: Message, needs_text: bool) -> Delta | None:
        delta = messages.read(message, needs_text)
        if delta is not None and delta.usage is not None:
            delta.usage.source = self._usage_source
        return delta

    def _is_of_open_call(self, piece: Message) -> bool:
        identity = get(piece, "id")
        return identity is not None and identity == self._message.get("id")

    def _begin_call(self, piece: Message) -> None:
        # the pieces are added one by one, this first one as well
        self._message = {**piece, "content": [], "usage": None}
        self._has_final_usage = False
        model = text(get(piece, "model"))
        start = ModelCallStart("chat", self._provider, model, self.context, *self._start)
        self._observation = self._reporter.begin_model_call(start, Reading(self._read))

    def _update(self, usage: Any, stop_reason: Any) -> None:
        """Take over the counts of a piece, which are those of the whole message so far."""
        message = self._message
        if isinstance(usage, dict):
            # a later piece states the counts anew, or leaves out what has not changed
            message["usage"] = {**(message.get("usage") or {}), **usage}
        if stop_reason is not None:
            message["stop_reason"] = stop_reason
            self._has_final_usage = True
        if self._observation is not None:
            # that it was the last piece is known only when something else comes
            self._observation.hold_end()


def provider_of(transport: object) -> str:
    """Return the provider whose models the program calls that a transport has started."""
    # private: the SDK's own transport keeps the options (0.2), one of the app's need not
    options = getattr(transport, "_options", None)
    variables = getattr(options, "env", None)
    if not isinstance(variables, Mapping):
        variables = {}
    for variable, provider in _PROVIDERS.items():
        # the program inherits the environment of this process, and the options come on top
        value = variables.get(variable, os.environ.get(variable))
        if value in ("1", "true"):
            return provider
    return "anthropic"
