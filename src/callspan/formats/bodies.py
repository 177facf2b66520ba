"""Whole bodies of requests and answers: read from JSON, and put together."""

from __future__ import annotations

import json
from typing import Any

from callspan.formats.fields import Body


def merge_bodies(body: Body, extra: Body) -> dict[str, Any]:
    """Return the body with the fields that the app adds to it by hand; dicts are merged."""
    result = {**body, **extra}
    for name, value in extra.items():
        inner = body.get(name)
        if isinstance(inner, dict) and isinstance(value, dict):
            result[name] = merge_bodies(inner, value)
    return result


def parse_json(source: str | bytes | bytearray) -> Any:
    """Return the data of a JSON text; `None` if it is no JSON.

    Ask the text and not the headers: some servers leave the content type out.
    """
    try:
        return json.loads(source)
    except (ValueError, RecursionError):  # no JSON, or nested deeper than Python reads
        return None
