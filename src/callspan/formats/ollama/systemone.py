"""Ollama's System One: questions about a state, which a model answers by choices and scores."""

from __future__ import annotations

import json
from typing import Any

from callspan.events import TEXT, Content, Delta, Part, Usage
from callspan.formats.fields import Body, count, get, plain, text
from callspan.formats.format import Format


def _parameters(_body: Body) -> dict[str, Any]:
    return {"output_type": "json"}


def content(body: Body) -> Content:
    """The state and the questions, as the text that the model is given."""
    said = [body[name] for name in ("state", "questions") if body.get(name)]
    parts = [{"type": TEXT, "content": _as_text(value)} for value in said]
    return Content([{"role": "user", "parts": parts}] if parts else [])


def _as_text(value: Any) -> str:
    return (
        value
        if isinstance(value, str)
        else json.dumps(plain(value), ensure_ascii=False, default=repr)
    )


def read(answer: Any, needs_text: bool) -> Delta | None:
    """A whole answer; this API tells its tokens by other names than the rest of Ollama's."""
    answers, stated = get(answer, "answers"), get(answer, "usage")
    found = Usage(input=count(stated, "input_tokens"), output=count(stated, "output_tokens"))
    return Delta(
        model=text(get(answer, "model")),
        parts=(Part(TEXT, _as_text(answers)),) if needs_text and answers else (),
        usage=None if found.total is None else found,
    )


SYSTEM_ONE = Format("generate_content", _parameters, read, content)
