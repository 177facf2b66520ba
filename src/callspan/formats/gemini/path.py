"""The path of one of Google's requests, which has the model and the method."""

from __future__ import annotations

import re

from callspan.formats.fields import Body, get, items

# `models/NAME:method`, at Vertex behind `projects/.../publishers/google/`
_MODEL = re.compile(r"(?:.*/)?models/([^:?]+):")
_PREDICT = "predict"


def model(path: str) -> str:
    """Return the name of a model without its project and publisher; of an endpoint the path."""
    match = _MODEL.match(path)
    if match is None:
        return path.partition(":")[0]
    return match.group(1)


def endpoint(path: str, body: Body) -> str:
    """Return the method in a path; for Vertex's prediction of embeddings `embedContent`."""
    name = path.partition("?")[0].rpartition(":")[2]
    if name != _PREDICT:
        return name
    # `predict` also serves images, whose instances have a prompt
    for item in items(body.get("instances")):
        if get(item, "content") is not None:
            return "embedContent"
    return name
