"""Ollama's System One: questions about a state, which a model answers by choices and scores."""

from __future__ import annotations

import json

from callspan.events import TEXT, Content, Delta, Parameters, Part, Usage
from callspan.formats.fields import Body, Item, count, get, plain, text
from callspan.formats.format import Format
from callspan.formats.parts import text_part, user_messages


def _parameters(_body: Body) -> Parameters:
    # the API has no settings, and its answers are data (ollama 0.6)
    return {"output_type": "json"}


def content(body: Body) -> Content:
    """Return the state and the questions, as text."""
    # a state may be a text or any object
    values = [body.get("state"), body.get("questions")]
    pieces = [text_part(_as_text(value)) for value in values if value]
    return Content(user_messages(pieces))


def _as_text(value: Item) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(plain(value), ensure_ascii=False, default=repr)


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read a whole answer; its counts have other names than in the rest of Ollama's API."""
    delta = Delta(model=text(get(answer, "model")))
    answers = get(answer, "answers")
    if answers and needs_text:
        delta.parts = (Part(TEXT, _as_text(answers)),)
    counts = get(answer, "usage")
    usage = Usage(input=count(counts, "input_tokens"), output=count(counts, "output_tokens"))
    if usage.total is not None:
        delta.usage = usage
    return delta


SYSTEM_ONE = Format("generate_content", _parameters, read, content)
