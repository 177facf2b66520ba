"""Mistral's client."""

from __future__ import annotations

import re
from typing import Any

from callspan.dialects.mistral_conversations import CONVERSATIONS
from callspan.dialects.mistral_fim import FIM
from callspan.dialects.openai_chat import CHAT
from callspan.dialects.openai_embeddings import EMBEDDINGS
from callspan.dialects.openai_responses import RESPONSES
from callspan.doors import speakeasy
from callspan.doors.adapter import Adapter, Opener, Route, post
from callspan.doors.failure import explain
from callspan.doors.methods import methods
from callspan.doors.refusal import follow_or_await
from callspan.events import Failure
from callspan.patching import Patch
from callspan.providers import by_address

_PACKAGES = ("mistralai.client", "mistralai")
"""Where the client is since 2.0, and where it was before."""
_ERRORS = (
    ("mistralai.client.errors.mistralerror", "MistralError"),
    ("mistralai.models.mistralerror", "MistralError"),
    ("mistralai.models.sdkerror", "SDKError"),
    ("mistralai.models.httpvalidationerror", "HTTPValidationError"),
)


def _said(given: Any) -> Any:
    """The data of an event; an answer is read as it was sent."""
    return getattr(given, "data", given)


def _why(error: BaseException) -> Failure:
    return explain(error, "type")


_REQUESTS = [
    method for package in _PACKAGES for method in speakeasy.requests(package, said=_said, follow=follow_or_await)
]


def _door(adapter: Adapter, opener: Opener) -> list[Patch]:
    patches = [*methods(*_REQUESTS, why=_why)(adapter, opener), *speakeasy.errors(*_ERRORS)]
    for package in _PACKAGES:
        patches += [*speakeasy.streams(package), *speakeasy.attempts(package)]
        patches += speakeasy.own_spans(package, adapter.name)
    return patches


MISTRAL = Adapter(
    name="mistralai",
    package="mistralai",
    module="mistralai",
    versions=("1.2", "4"),
    provider=by_address("mistral_ai"),
    door=_door,
    routes=(
        post("/(chat|agents)/completions", CHAT),
        post("/fim/completions", FIM),
        post("/embeddings", EMBEDDINGS),
        post("/responses", RESPONSES),
        Route("POST", re.compile("/conversations(/[^/]+(/restart)?)?$"), CONVERSATIONS),
    ),
    inner="sdk_configuration._hooks",
)
