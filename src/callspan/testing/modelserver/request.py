"""A request as the server received it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Request:
    """One request on the wire; header names are in lower case, the path is without its query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    raw: bytes

    @cached_property
    def json(self) -> Any:
        """The body: JSON, or a form's fields (files as bytes); None when there is none or it is bad."""
        content_type = self.headers.get("content-type", "")
        if content_type.startswith("multipart/form-data"):
            return _form(content_type, self.raw)
        try:
            return json.loads(self.raw)
        except ValueError:
            return None


def _form(content_type: str, raw: bytes) -> dict[str, str | bytes]:
    head = f"content-type: {content_type}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + raw)
    fields: dict[str, str | bytes] = {}
    for part in message.iter_parts():
        payload = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        if isinstance(payload, bytes) and isinstance(name, str):
            fields[name] = payload if part.get_filename() else payload.decode()
    return fields
