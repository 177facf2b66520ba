"""One call of a function of LiteLLM's, and what is seen of the request that it makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from callspan.accounting.budgets import BudgetExceeded
from callspan.accounting.reservations import input_size
from callspan.events import Call, Framework
from callspan.formats.fields import text
from callspan.frameworks.litellm.functions import Function
from callspan.frameworks.litellm.names import provider_of
from callspan.frameworks.run import ModelRun
from callspan.frameworks.run_context import ProxyRunContext
from callspan.frameworks.version import version
from callspan.hooks.address import address
from callspan.runtime import scope

_PARTS = (
    "acompletion",
    "aembedding",
    "aresponses",
    "text_completion",
    "arerank",
    "aimg_generation",
)
"""What is set where a function works for another one, which is the one that was called."""
_SAID = (
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
    return kwargs.get(function.inner_flag) is True or any(
        kwargs.get(name) is True for name in _PARTS
    )


class Request(ModelRun):
    """A call of a function. Whether a model was asked, and where, is known from LiteLLM's log of it.

    `log` is that, an object of LiteLLM's, kept while the function runs: it holds the stream that is given out, which
    nobody must keep alive. `body` is what is asked for: the arguments, or what a native function sends. `raw` is the
    answer as the provider wrote it, where LiteLLM shows it, and `response` the HTTP response that it came in, where
    LiteLLM's own client has received it. `mocked` says that no model is to be asked. A `late` one is sent after the
    function has returned. `stop` is the refusal of a budget with which the last function has ended that was tried
    within.
    """

    __slots__ = (
        "body",
        "function",
        "late",
        "log",
        "mocked",
        "raw",
        "response",
        "run_context",
        "sent",
        "server",
        "stop",
        "stream",
        "wire_format",
    )

    def __init__(
        self, function: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        self.function, self.wire_format = function, function.wire_format
        asked = {**dict(zip(function.arguments, args, strict=False)), **kwargs}
        self.log: Any = asked.pop("litellm_logging_obj", None)
        super().__init__(kwargs.get("litellm_call_id"), None, asked, _framework)
        self.mocked = any(kwargs.get(name) for name in _MOCKS)
        self.stream = function.streams or bool(asked.get("stream"))
        self.body: Mapping[str, Any] = asked
        self.sent = self.late = False
        self.stop: BudgetExceeded | None = None
        self.raw = ""
        self.response: Any = None
        self.server: tuple[str | None, int | None] = (None, None)
        self.run_context = ProxyRunContext(scope.run_context(), runs=[self])

    def send(self, api_key: Any = None, additional_args: Any = None, **_rest: Any) -> None:
        """Take note that LiteLLM sends a request; for its own mock answers it says so too."""
        self.sent = True
        self.mocked = self.mocked or api_key == "mock-key"
        if not isinstance(additional_args, Mapping):
            return
        url = additional_args.get("api_base")
        if isinstance(url, str) and "://" in url:
            self.server = address(url.partition("?")[0])
        body = additional_args.get("complete_input_dict")
        if self.function.native and isinstance(body, Mapping):
            self.body = body

    def receive(self, original_response: Any = None, **_rest: Any) -> None:
        """Take note of an answer as it came. LiteLLM may show it again later, as an object of its own."""
        said = (
            json.dumps(original_response, default=str)
            if isinstance(original_response, dict)
            else original_response
        )
        if isinstance(said, str) and not self.raw.startswith(("{", "[")):
            self.raw = said

    def whole_text(self) -> str:
        """Return the answer as the provider wrote it; for some providers LiteLLM shows it only in its HTTP response."""
        if not self.raw.startswith(("{", "[")) and self.response is not None:
            return self.response.text.lstrip()
        return self.raw

    def headers(self) -> Mapping[str, str]:
        """Return the headers of the answer, where they are known."""
        return {} if self.response is None else self.response.headers

    def size(self) -> int:
        """About how many tokens are asked."""
        return input_size({name: said for name, said in self.body.items() if name in _SAID})

    def made(self, stream: bool, asynchronous: bool) -> Call:
        """The call that LiteLLM itself made for this."""
        body = {name: value for name, value in self.body.items() if value is not None}
        known = getattr(self.log, "model_call_details", {})
        return Call(
            self.wire_format.operation,
            provider_of(text(known.get("custom_llm_provider")) or "", self.server),
            text(known.get("model")) or text(body.get("model")),
            self.wire_format.parameters(body),
            stream=stream,
            asynchronous=asynchronous,
            server=self.server,
            client=("litellm", self.framework.version),
            content=lambda: self.wire_format.content(body),
        )


def _framework(told: Mapping[str, Any]) -> Framework:
    return Framework("litellm", version("litellm"), str(told.get("litellm_call_id") or ""))
