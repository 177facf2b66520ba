"""What the path of one of Google's requests says, which is the model and what is asked of it."""

from __future__ import annotations

import re

from callspan.formats.fields import Body, get, items

_MODEL = re.compile(r"(?:.*/)?models/([^:?]+):")
_PREDICT = ":predict"


def model(path: str) -> str:
    """The model by its name alone, without the project and the publisher; a tuned one or an endpoint as it stands."""
    found = _MODEL.match(path)
    return found.group(1) if found else path.partition(":")[0]


def endpoint(path: str, body: Body) -> str:
    """The path, in which a prediction that is an embedding is called by that name."""
    path = path.partition("?")[0]
    embeds = path.endswith(_PREDICT) and any(
        get(item, "content") is not None for item in items(body.get("instances"))
    )
    return f"{path.removesuffix(_PREDICT)}:embedContent" if embeds else path
