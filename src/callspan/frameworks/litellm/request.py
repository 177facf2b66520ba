"""One call of a function of LiteLLM's, and LiteLLM's log of the request that it makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from callspan.accounting.budgets import BudgetExceeded
from callspan.accounting.reservations import input_size
from callspan.events import Call, Framework
from callspan.formats.fields import text
from callspan.frameworks.integration import version
from callspan.frameworks.litellm.functions import Function
from callspan.frameworks.litellm.names import provider_of
from callspan.frameworks.run import Arguments, ModelRun
from callspan.frameworks.run_context import ProxyRunContext
from callspan.hooks.address import address
from callspan.runtime import scope
from callspan.runtime.arguments import by_name

_PARTS = (
    "acompletion",
    "aembedding",
    "aresponses",
    "text_completion",
    "arerank",
    "aimg_generation",
)
"""Arguments that are true where a function works for another one, which the app has called."""
_MODEL_INPUTS = (
    "messages",
    "system",
    "contents",
    "systemInstruction",
    "system_instruction",
    "prompt",
    "input",
    "instructions",
    "query",
    "documents",
    "tools",
    "functions",
    "response_format",
)
"""The arguments that a model reads."""
_MOCKS = ("mock_response", "mock_tool_calls", "mock_timeout")


def is_part(function: Function, kwargs: Mapping[str, Any]) -> bool:
    """Whether a function is called by another one of LiteLLM's as a part of the same call."""
    if kwargs.get(function.inner_flag) is True:
        return True
    return any(kwargs.get(name) is True for name in _PARTS)


class Request(ModelRun):
    """A call of one of LiteLLM's functions.

    Whether a model was called, and where, is known from LiteLLM's log of it.

    Attributes:
        log: LiteLLM's log object, kept while the function runs. It holds the stream that the app
            gets, which nobody else must keep alive.
        body: The arguments, or for a native function the body of the request that LiteLLM sends.
        raw: The answer as the provider wrote it, where LiteLLM shows it.
        response: The HTTP response with the answer, where LiteLLM's own client received it.
        mocked: Whether LiteLLM answers itself, without a model.
        sent: Whether a request has been sent.
        deferred: Whether the request is sent after the function has returned.
        refusal: The refusal of a budget with which the last function inside has ended.
    """

    __slots__ = (
        "body",
        "deferred",
        "function",
        "log",
        "mocked",
        "raw",
        "refusal",
        "response",
        "run_context",
        "sent",
        "server",
        "stream",
        "wire_format",
    )

    def __init__(
        self, function: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        self.function, self.wire_format = function, function.wire_format
        arguments = by_name(function.arguments, args, kwargs)
        # LiteLLM's decorator adds it to the app's arguments
        self.log: Any = arguments.pop("litellm_logging_obj", None)
        # no parent: LiteLLM knows none, and the run context around says it
        super().__init__(kwargs.get("litellm_call_id"), None, arguments, _read_framework)
        # known from the arguments; `note_request` sees mocks that come another way
        self.mocked = any(kwargs.get(name) for name in _MOCKS)
        self.stream = function.streams or bool(arguments.get("stream"))
        self.body: Mapping[str, Any] = arguments
        self.sent = self.deferred = False
        self.refusal: BudgetExceeded | None = None
        self.raw = ""
        self.response: Any = None
        self.server: tuple[str | None, int | None] = (None, None)
        self.run_context = ProxyRunContext(scope.run_context(), runs=[self])

    def note_request(
        self, api_key: object = None, additional_args: object = None, **_rest: object
    ) -> None:
        """Note that LiteLLM sends a request, where to, and its body.

        LiteLLM says the same for its own mock answers, with a key of their own.
        """
        self.sent = True
        self.mocked = self.mocked or api_key == "mock-key"
        if not isinstance(additional_args, Mapping):
            return
        url = additional_args.get("api_base")
        if isinstance(url, str) and "://" in url:
            # the query may hold a key
            self.server = address(url.partition("?")[0])
        body = additional_args.get("complete_input_dict")
        if self.function.native and isinstance(body, Mapping):
            self.body = body

    def note_answer(self, original_response: object = None, **_rest: object) -> None:
        """Keep an answer as it came. LiteLLM may show it again later, as an object of its own."""
        answer = original_response
        if isinstance(answer, dict):
            answer = json.dumps(answer, default=str)
        if isinstance(answer, str) and not self._has_json():
            self.raw = answer

    def _has_json(self) -> bool:
        return self.raw.startswith(("{", "["))

    def answer_text(self) -> str:
        """Return the answer as the provider wrote it.

        For some providers LiteLLM logs an object in its place, and the text is the response's.
        """
        if self.response is not None and not self._has_json():
            # a kept response is read already: `_keep_response` leaves streams alone
            return self.response.text.lstrip()
        return self.raw

    def headers(self) -> Mapping[str, str]:
        """Return the headers of the answer; empty if LiteLLM's own client has not received it."""
        return {} if self.response is None else self.response.headers

    def size(self) -> int:
        """Return about how many tokens the request has."""
        inputs = {name: value for name, value in self.body.items() if name in _MODEL_INPUTS}
        return input_size(inputs)

    def build_call(self, stream: bool, asynchronous: bool) -> Call:
        """Return the call that LiteLLM itself made."""
        body = {name: value for name, value in self.body.items() if value is not None}
        # LiteLLM has worked out provider and model by then, from `provider/model` or an alias
        details = getattr(self.log, "model_call_details", {})
        return Call(
            self.wire_format.operation,
            provider_of(text(details.get("custom_llm_provider")) or "", self.server),
            text(details.get("model")) or text(body.get("model")),
            self.wire_format.parameters(body),
            stream=stream,
            asynchronous=asynchronous,
            server=self.server,
            client=("litellm", self.framework.version),
            content=lambda: self.wire_format.content(body),
        )


def _read_framework(arguments: Arguments) -> Framework:
    run_id = str(arguments.get("litellm_call_id") or "")
    return Framework("litellm", version("litellm"), run_id)
