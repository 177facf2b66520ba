"""Which path is answered by what, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import florist, responses
from .bedrock import BEDROCK
from .cohere import COHERE
from .cohere_v1 import COHERE_V1
from .errors import refusal, retry_headers
from .exchange import CREATED, Answer, Exchange, to_json
from .gemini import GEMINI
from .interactions import INTERACTIONS
from .messages import MESSAGES
from .mistral import MISTRAL
from .ollama import OLLAMA
from .openai import OPENAI
from .reply import Reply
from .request import Request
from .tgi import TGI
from .wire import VERSIONED, Format

FORMATS: tuple[Format, ...] = (
    OPENAI,
    MESSAGES,
    GEMINI,
    INTERACTIONS,
    MISTRAL,
    COHERE,
    COHERE_V1,
    OLLAMA,
    TGI,
    BEDROCK,
)
_MODELS = ("gpt-4.1", "gpt-4.1-mini", "text-embedding-3-small", "gpt-image-1", "whisper-1")
_UNKNOWN_MODEL = "no-such-model"


@dataclass(frozen=True)
class Route:
    """Where a request goes: a wire format, and which of its endpoints."""

    format: Format
    end: str

    def answer(self, exchange: Exchange) -> Answer:
        """The answer to a call that is not refused."""
        endpoint = self.format.endpoints[self.end]
        if endpoint.spoken:
            exchange = replace(exchange, reply=florist.completed(exchange.reply, exchange.body))
        return self._typed(endpoint.answer(exchange))

    def _typed(self, answer: Answer) -> Answer:
        return (
            answer if answer.frames is None else replace(answer, content_type=self.format.streamed)
        )

    def failed(self, reply: Reply) -> Answer:
        """The answer for a reply whose status is an error, in the words of the format."""
        headers = {**retry_headers(reply), **self.format.error_headers(reply, reply.status)}
        return Answer(to_json(self.format.error(reply, reply.status)), headers=headers, reply=reply)

    def raw(self, reply: Reply, *, streamed: bool) -> Answer:
        """The reply's own bytes; a stream's are sent frame by frame."""
        body = reply.raw.encode() if isinstance(reply.raw, str) else reply.raw or b""
        typed = any(name.lower() == "content-type" for name in reply.headers)
        if not streamed or typed or reply.status >= 400:
            return Answer(body)
        return self._typed(
            Answer(frames=self.format.frames(body), error_frame=self.format.broken(reply))
        )


def route(path: str) -> Route | None:
    """The endpoint at a path."""
    ends = ((known, known.end(path)) for known in FORMATS)
    return next((Route(known, end) for known, end in ends if end is not None), None)


def asked(request: Request, to: Route | None) -> Any:
    """What is asked for, in the words of OpenAI's formats; anything but a mapping cannot be read."""
    sent = request.json
    return (
        to.format.asked(request.path, sent) if to is not None and isinstance(sent, dict) else sent
    )


def refused(request: Request, to: Route | None) -> Answer | None:
    """The error for a call that cannot be served, or None when it can."""
    if request.method != "POST" or to is None:
        return refusal(404, f"Invalid URL ({request.method} {request.path})")
    sent = asked(request, to)
    if not isinstance(sent, dict):
        return refusal(400, "We could not parse the JSON body of your request.")
    for name in to.format.endpoints[to.end].needs:
        if sent.get(name) is None:
            return refusal(
                400, f"Missing required parameter: '{name}'.", "missing_required_parameter"
            )
    if sent.get("model") == _UNKNOWN_MODEL:
        message = f"The model `{_UNKNOWN_MODEL}` does not exist or you do not have access to it."
        return refusal(404, message, "model_not_found")
    return None


def read(request: Request, kept: Mapping[str, dict[str, Any]]) -> Answer:
    """The answer to a GET: the models, or a response made before."""
    versioned = VERSIONED.fullmatch(request.path)
    path = versioned["end"] if versioned else ""
    if path == "/models":
        owned = {"object": "model", "created": CREATED, "owned_by": "callspan"}
        return Answer(
            to_json({"object": "list", "data": [{"id": name, **owned} for name in _MODELS]})
        )
    found, name = kept.get(path.removeprefix("/responses/")), path.rpartition("/")[2]
    if found and "stream=true" in request.query:
        return Answer(frames=responses.stream(found), content_type=OPENAI.streamed)
    if found:
        return Answer(to_json(found))
    if path.startswith("/responses/"):
        return refusal(404, f"Response with id '{name}' not found.")
    return refusal(404, f"Invalid URL ({request.method} {request.path})")
