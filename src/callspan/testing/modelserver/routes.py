"""Find the endpoint of a request, and refuse requests that no endpoint can serve."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from . import florist
from .bedrock import BEDROCK
from .cohere import COHERE
from .cohere_v1 import COHERE_V1
from .errors import retry_headers
from .exchange import CREATED, Answer, Exchange, JsonObject, to_json
from .gemini import GEMINI
from .interactions import INTERACTIONS
from .messages import MESSAGES
from .mistral import MISTRAL
from .ollama import OLLAMA
from .openai import OPENAI
from .reply import Reply
from .request import Request
from .request_error import RequestError
from .responses import stream as stream_response
from .tgi import TGI
from .wire import Endpoint, Format

# In the order in which paths are tried: an earlier format wins a path that two have.
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
# The paths of a GET.
_READABLE = re.compile(
    r"(?:/openai)?(?:/v1|/v1beta|/deployments/[^/]+)"
    r"(?P<endpoint>/models|/responses/(?P<response>[^/]+))"
)
# The formats whose paths no other has: errors are in their words where there is no endpoint.
_WITH_OWN_PATHS = (GEMINI, MISTRAL, COHERE, OLLAMA, BEDROCK)


@dataclass(frozen=True)
class Route:
    """The wire format of a request, and the name of its endpoint."""

    format: Format
    endpoint_name: str

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint itself."""
        return self.format.endpoints[self.endpoint_name]

    def answer(self, exchange: Exchange) -> Answer:
        """Return the answer to a call that is not refused."""
        # The florist writes only where the test has scripted nothing.
        if self.endpoint.is_written:
            reply = florist.complete(exchange.reply, exchange.body)
            exchange = replace(exchange, reply=reply)
        return self._with_stream_type(self.endpoint.answer(exchange))

    def _with_stream_type(self, answer: Answer) -> Answer:
        if answer.frames is None:
            return answer
        return replace(answer, content_type=self.format.stream_type)

    def error_answer(self, reply: Reply) -> Answer:
        """Return the answer for a reply whose status is an error, in the words of the format."""
        headers = {**retry_headers(reply), **self.format.error_headers(reply, reply.status)}
        return Answer(to_json(self.format.error(reply, reply.status)), headers=headers, reply=reply)

    def raw_answer(self, reply: Reply, *, is_streamed: bool) -> Answer:
        """Return the reply's own bytes as an answer; a stream's are sent frame by frame."""
        raw = reply.raw or b""
        body = raw.encode() if isinstance(raw, str) else raw
        has_type = any(name.lower() == "content-type" for name in reply.headers)
        is_whole = not is_streamed or has_type or reply.status >= 400
        if is_whole:
            return Answer(body)
        frames = self.format.split(body)
        return self._with_stream_type(
            Answer(frames=frames, error_frame=self.format.error_frame(reply))
        )


def find_route(path: str) -> Route | None:
    """Return the endpoint at a path, or `None` if there is none."""
    for wire_format in FORMATS:
        endpoint_name = wire_format.endpoint_name(path)
        if endpoint_name is not None:
            return Route(wire_format, endpoint_name)
    return None


def route_call(request: Request) -> Route:
    """Return the endpoint of a call; raise `RequestError` if none takes its path and method."""
    route = find_route(request.path)
    # A path that only a GET may read is known, so the method is at fault.
    if route is None and not _READABLE.fullmatch(request.path):
        raise _unknown_url(request)
    if route is None or request.method != "POST":
        message = f"Invalid method for URL ({request.method} {request.path})"
        raise RequestError(405, message, code="method_not_allowed")
    return route


def read_body(request: Request, route: Route) -> JsonObject:
    """Return the body of a request in the words of OpenAI's formats.

    Raises:
        RequestError: The body is malformed, or there is no such model.
    """
    body = request.json
    if not isinstance(body, dict):
        kind = "form" if request.is_form else "JSON"
        raise RequestError(400, f"We could not parse the {kind} body of your request.")
    # The body is checked in its own words, before it is translated.
    route.endpoint.shape(body, "")
    body = route.format.translate(request.path, body)
    model = str(body.get("model") or "")
    if len(model) > _LONGEST_MODEL:
        raise RequestError(
            400, f"A model's name has {_LONGEST_MODEL} characters at most.", field="model"
        )
    if model == _UNKNOWN_MODEL:
        message = f"The model `{_UNKNOWN_MODEL}` does not exist or you do not have access to it."
        raise RequestError(404, message, code="model_not_found")
    return body


def refuse(path: str, error: RequestError) -> Answer:
    """Return the answer to a request that cannot be served, in the words of its path's format."""
    route = find_route(path)
    wire_format = route.format if route else _nearest_format(path)
    reply = wire_format.refuse(error)
    headers = {**wire_format.error_headers(reply, reply.status)}
    if error.status == 405:
        # HTTP asks for it with status 405.
        headers["allow"] = "POST" if route else "GET"
    return Answer(to_json(wire_format.error(reply, reply.status)), headers=headers, reply=reply)


def _nearest_format(path: str) -> Format:
    for wire_format in _WITH_OWN_PATHS:
        if wire_format.address.fullmatch(path):
            return wire_format
    return OPENAI


def _unknown_url(request: Request) -> RequestError:
    return RequestError(404, f"Invalid URL ({request.method} {request.path})", code="unknown_url")


def read(request: Request, responses: Mapping[str, JsonObject]) -> Answer:
    """Return the answer to a GET: the models, or one of the responses that were made before."""
    match = _READABLE.fullmatch(request.path)
    if not match:
        route_call(request)
        raise _unknown_url(request)
    if match["endpoint"] == "/models":
        return _models()
    response = responses.get(match["response"])
    if not response:
        message = f"Response with id '{match['response']}' not found."
        raise RequestError(404, message, code="not_found")
    # A stream may be read once more by the id of its response, as after a broken connection.
    if "stream=true" in request.query:
        return Answer(frames=stream_response(response), content_type=OPENAI.stream_type)
    return Answer(to_json(response))


def _models() -> Answer:
    facts = {"object": "model", "created": CREATED, "owned_by": "callspan"}
    models = [{"id": name, **facts} for name in _MODELS]
    return Answer(to_json({"object": "list", "data": models}))
