"""What Writer makes of images, graphs and texts, and its applications: one text, without counts."""

from __future__ import annotations

from callspan.events import TEXT, Content, Delta, Parameters, Part
from callspan.formats.errors import with_failures
from callspan.formats.fields import Body, Item, get, get_first, get_nested, items, text
from callspan.formats.format import Format
from callspan.formats.parts import text_part, user_messages


def parameters(_body: Body) -> Parameters:
    """Return the type of the output: a text."""
    return {"output_type": "text"}


def content(body: Body) -> Content:
    """Return the prompt, question or text, or what is filled into an application's fields."""
    texts = [get_first(body, "prompt", "question", "text")]
    for field in items(body.get("inputs")):
        texts += items(get(field, "value"))
    return Content(user_messages([text_part(item) for item in texts if isinstance(item, str)]))


def read(answer: Item, needs_text: bool) -> Delta | None:
    """Read one piece of a stream, or one whole answer."""
    if not needs_text:
        return None
    # an image or a translation, an application, a graph; an application's stream
    fragment = get_first(answer, "data", "suggestion", "answer")
    if fragment is None:
        fragment = get_nested(answer, "delta", "content")
    # a graph's stream wraps its pieces
    if not isinstance(fragment, str):
        fragment = get(fragment, "answer")
    value = text(fragment)
    return Delta(parts=(Part(TEXT, value),)) if value else None


GENERATION = Format("generate_content", parameters, with_failures(read), content)
