"""Which path is answered by what, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import florist, responses
from .bedrock import BEDROCK
from .cohere import COHERE
from .cohere_v1 import COHERE_V1
from .errors import retry_headers
from .exchange import CREATED, Answer, Exchange, to_json
from .gemini import GEMINI
from .interactions import INTERACTIONS
from .messages import MESSAGES
from .mistral import MISTRAL
from .ollama import OLLAMA
from .openai import OPENAI
from .reply import Reply
from .request import Request
from .request_error import RequestError
from .tgi import TGI
from .wire import Format

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
_LONGEST_MODEL = 256
# What may be read by a GET.
_READABLE = re.compile(
    r"(?:/openai)?(?:/v1|/v1beta|/deployments/[^/]+)(?P<end>/models|/responses/(?P<response>[^/]+))"
)
# The formats whose paths are theirs alone, so that their words answer where there is no endpoint.
_UNMISTAKABLE = (GEMINI, MISTRAL, COHERE, OLLAMA, BEDROCK)


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


def find(request: Request) -> Route:
    """Return the endpoint of a call; raise `RequestError` if there is none that takes its method."""
    to = route(request.path)
    readable = _READABLE.fullmatch(request.path)
    if to is None and not readable:
        raise _nowhere(request)
    if to is None or request.method != "POST":
        message = f"Invalid method for URL ({request.method} {request.path})"
        raise RequestError(405, message, code="method_not_allowed")
    return to


def read_body(request: Request, to: Route) -> dict[str, Any]:
    """Return what is asked for, in the words of OpenAI's formats; raise `RequestError` if it is malformed."""
    sent = request.json
    if not isinstance(sent, dict):
        kind = "form" if request.is_form else "JSON"
        raise RequestError(400, f"We could not parse the {kind} body of your request.")
    to.format.endpoints[to.end].body(sent, "")
    body = to.format.asked(request.path, sent)
    model = str(body.get("model") or "")
    if len(model) > _LONGEST_MODEL:
        raise RequestError(
            400, f"A model's name has {_LONGEST_MODEL} characters at most.", field="model"
        )
    if model == _UNKNOWN_MODEL:
        message = f"The model `{_UNKNOWN_MODEL}` does not exist or you do not have access to it."
        raise RequestError(404, message, code="model_not_found")
    return body


def refusal(path: str, error: RequestError) -> Answer:
    """Return the answer to a request that cannot be served, in the words of the format that its path has."""
    to = route(path)
    own = next((known for known in _UNMISTAKABLE if known.address.fullmatch(path)), OPENAI)
    words = to.format if to else own
    reply = words.refuse(error)
    headers = {**words.error_headers(reply, reply.status), **_allow(error, to)}
    return Answer(to_json(words.error(reply, reply.status)), headers=headers, reply=reply)


def _allow(error: RequestError, to: Route | None) -> dict[str, str]:
    if error.status != 405:
        return {}
    return {"allow": "POST" if to else "GET"}


def _nowhere(request: Request) -> RequestError:
    return RequestError(404, f"Invalid URL ({request.method} {request.path})", code="unknown_url")


def read(request: Request, kept: Mapping[str, dict[str, Any]]) -> Answer:
    """Return the answer to a GET: the models, or a response made before."""
    place = _READABLE.fullmatch(request.path)
    if not place:
        find(request)
        raise _nowhere(request)
    if place["end"] == "/models":
        owned = {"object": "model", "created": CREATED, "owned_by": "callspan"}
        return Answer(
            to_json({"object": "list", "data": [{"id": name, **owned} for name in _MODELS]})
        )
    response = kept.get(place["response"])
    if not response:
        raise RequestError(
            404, f"Response with id '{place['response']}' not found.", code="not_found"
        )
    if "stream=true" in request.query:
        return Answer(frames=responses.stream(response), content_type=OPENAI.streamed)
    return Answer(to_json(response))
