"""The path of one of Google's requests, which has the model and the method."""

from __future__ import annotations

import re

from callspan.formats.fields import Body, Item, get, items

# `models/NAME:method`, at Vertex behind `projects/.../publishers/google/`
_MODEL = re.compile(r"(?:.*/)?models/([^:?]+):")
_PREDICT = "predict"
# `batches/NAME`, and `files/NAME` where its content is fetched, whatever stands in front
_FETCHED = re.compile(r"(?:.*/)?((batches|files(?=/[^/]+:download))/[^/:?]+)(:download)?(\?.*)?$")


def model(path: str) -> str:
    """Return the name of a model without its project and publisher; of an endpoint the path."""
    match = _MODEL.match(path)
    if match is None:
        return path.partition(":")[0]
    return match.group(1)


def arguments(
    http_method: str, path: str, request_dict: Item, http_options: Item = None
) -> tuple[str, Item, Item]:
    """Return path, body and options of a request of the client's, however they were given."""
    # a signature like the client's own, so that Python itself sorts names and positions
    return path, request_dict, http_options


def fetched(path: str) -> tuple[str, str] | None:
    """Return the kind of the thing that a request fetches, `batches` or `files`, and its name."""
    match = _FETCHED.match(path)
    if match is None:
        return None
    return match[2], match[1]


def bare_model(name: object) -> str | None:
    """Return the name of a model that stands by itself, without its project and publisher."""
    if not isinstance(name, str):
        return None
    return name.rpartition("models/")[2]


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
