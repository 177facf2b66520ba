"""Databricks' SDK, where it queries a model that is served; the formats are OpenAI's."""

from __future__ import annotations

from dataclasses import replace

from callspan.events import Delta, Failure
from callspan.formats.fields import Item, items
from callspan.formats.format import Format
from callspan.formats.openai.chat import CHAT
from callspan.formats.openai.completions import COMPLETIONS
from callspan.formats.openai.embeddings import EMBEDDINGS
from callspan.hooks.address import address
from callspan.hooks.client import Client
from callspan.hooks.client_types import Args, ClientObject, Kwargs
from callspan.hooks.failure import explain
from callspan.hooks.methods import Method, MethodCall, methods_hook
from callspan.runtime.arguments import by_name
from callspan.semconv.providers import by_address

_INPUTS = {"messages": "chat", "prompt": "completions", "input": "embeddings"}
"""The endpoint by the field that a request has; other fields are those of models of other kinds."""


def _read_call(api: ClientObject, args: Args, kwargs: Kwargs) -> MethodCall | None:
    arguments = by_name(("name",), args, kwargs)
    body = {name: value for name, value in arguments.items() if value is not None}
    # the name of the place at which a model is served
    body["model"] = body.pop("name", None)
    for field, endpoint in _INPUTS.items():
        if field in body:
            body["messages"] = [_plain(message) for message in items(body.get("messages"))]
            # private (databricks-sdk 0.162; tests/test_databricks.py)
            return MethodCall(endpoint, body, address(str(api._api._cfg.host)))
    return None


def _plain(message: ClientObject) -> object:
    """Return a message as OpenAI's format has it: the client's has its role as an enumeration."""
    return message.as_dict() if hasattr(message, "as_dict") else message


def _format(wire_format: Format) -> Format:
    """Return a format of OpenAI's for answers that may have lost their finish reasons.

    The client looks for them under another name than OpenAI's, and drops what it does not find.
    """

    def read(answer: Item, needs_text: bool) -> Delta | None:
        delta = wire_format.read(answer, needs_text)
        if delta is not None:
            delta.finish_reasons = [pair for pair in delta.finish_reasons if pair[1] is not None]
        return delta

    return replace(wire_format, read=read)


def _explain(error: BaseException) -> Failure:
    return explain(error, "error_code")


DATABRICKS = Client(
    name="databricks",
    package="databricks-sdk",
    module="databricks.sdk",
    versions=("0.162", "1"),
    provider=by_address("databricks"),
    hook=methods_hook(
        Method("databricks.sdk.service.serving", "ServingEndpointsAPI.query", _read_call),
        explain=_explain,
    ),
    endpoints={
        "chat": _format(CHAT),
        "completions": _format(COMPLETIONS),
        "embeddings": EMBEDDINGS,
    },
)
