"""Which path is answered by what, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from . import chat, embeddings, florist, gemini, interactions, media, messages, responses
from .errors import chat_error_frame, error_answer, refusal
from .exchange import CREATED, Answer, Exchange, to_json
from .reply import Reply
from .request import Request

_BASE = re.compile(r"(/openai)?(/v1|/v1beta|/deployments/[^/]+)(?=/)")  # Azure names the deployment in the path
_MODELS = ("gpt-4.1", "gpt-4.1-mini", "text-embedding-3-small", "gpt-image-1", "whisper-1")
_UNKNOWN_MODEL = "no-such-model"

# path: what answers it, and the parameters it cannot do without
_ENDPOINTS: dict[str, tuple[Callable[[Exchange], Answer], tuple[str, ...]]] = {
    "/chat/completions": (chat.chat, ("model", "messages")),
    "/completions": (chat.completion, ("model", "prompt")),
    "/responses": (responses.respond, ()),
    "/messages": (messages.messages, ("model", "messages", "max_tokens")),
    ":generateContent": (gemini.generate, ("messages",)),
    ":streamGenerateContent": (gemini.generate, ("messages",)),
    ":countTokens": (gemini.count, ("messages",)),
    "/interactions": (interactions.interact, ("input",)),
    ":predict": (gemini.predict, ()),
    ":batchEmbedContents": (gemini.embed, ("input",)),
    "/embeddings": (embeddings.embeddings, ("model", "input")),
    "/images/generations": (media.images, ("prompt",)),
    "/audio/speech": (media.speech, ("model", "input", "voice")),
    "/audio/transcriptions": (media.transcription, ("model", "file")),
    "/audio/translations": (media.translation, ("model", "file")),
    "/moderations": (media.moderation, ("input",)),
}
# where the florist has something to say
_SPOKEN = {"/chat/completions", "/completions", "/responses", "/messages", "/interactions"}
_SPOKEN |= {":generateContent", ":streamGenerateContent"}


def endpoint(path: str) -> str:
    """The path behind the base URL, or behind a model that is named in it; empty when it is neither."""
    named = gemini.ADDRESS.match(path)
    if named:
        return named.group(2)
    base = _BASE.match(path)
    return path[base.end() :] if base else ""


def body(request: Request) -> Any:
    """What is asked for; Gemini's requests in the words of the others."""
    sent = request.json
    return gemini.asked(request.path, sent) if isinstance(sent, dict) and gemini.ADDRESS.match(request.path) else sent


def refused(request: Request, path: str) -> Answer | None:
    """The error for a call that cannot be served, or None when it can."""
    if request.method != "POST" or path not in _ENDPOINTS:
        return refusal(404, f"Invalid URL ({request.method} {request.path})")
    sent = body(request)
    if not isinstance(sent, dict):
        return refusal(400, "We could not parse the JSON body of your request.")
    for name in _ENDPOINTS[path][1]:
        if sent.get(name) is None:
            return refusal(400, f"Missing required parameter: '{name}'.", "missing_required_parameter")
    if sent.get("model") == _UNKNOWN_MODEL:
        message = f"The model `{_UNKNOWN_MODEL}` does not exist or you do not have access to it."
        return refusal(404, message, "model_not_found")
    return None


def answer(path: str, exchange: Exchange) -> Answer:
    """The answer to a call that is not refused."""
    if path in _SPOKEN:
        exchange = replace(exchange, reply=florist.completed(exchange.reply, exchange.body))
    return _ENDPOINTS[path][0](exchange)


def failed(path: str, reply: Reply) -> Answer:
    """The answer for a reply whose status is an error, in the words of the endpoint."""
    answer = error_answer(reply)
    word = messages.error if path == "/messages" else gemini.error if path.startswith((":", "/int")) else None
    return replace(answer, body=to_json(word(reply, reply.status))) if word else answer


def read(request: Request, path: str, kept: Mapping[str, dict[str, Any]]) -> Answer:
    """The answer to a GET: the models, or a response made before."""
    if path == "/models":
        owned = {"object": "model", "created": CREATED, "owned_by": "callspan"}
        return Answer(to_json({"object": "list", "data": [{"id": name, **owned} for name in _MODELS]}))
    found, name = kept.get(path.removeprefix("/responses/")), path.rpartition("/")[2]
    if found and "stream=true" in request.query:
        return Answer(frames=responses.stream(found))
    if found:
        return Answer(to_json(found))
    if path.startswith("/responses/"):
        return refusal(404, f"Response with id '{name}' not found.")
    return refusal(404, f"Invalid URL ({request.method} {request.path})")


def raw(reply: Reply, *, streamed: bool) -> Answer:
    """The reply's own bytes; a stream's are sent frame by frame."""
    body = reply.raw.encode() if isinstance(reply.raw, str) else reply.raw or b""
    typed = any(name.lower() == "content-type" for name in reply.headers)
    if not streamed or typed or reply.status >= 400:
        return Answer(body)
    frames = tuple(re.findall(rb".+?(?:\r?\n\r?\n|\Z)", body, re.DOTALL))
    return Answer(frames=frames, error_frame=chat_error_frame(reply))
