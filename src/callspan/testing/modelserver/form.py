"""A form with files, as clients send sound to be transcribed."""

from __future__ import annotations

from email.message import Message


def read_form(content_type: str, raw: bytes) -> dict[str, str | bytes]:
    """Return the fields of a form, files as bytes; raise `ValueError` if it is malformed."""
    boundary = _header("content-type", content_type).get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise ValueError("the form has no boundary")
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    # The first boundary stands at the start of the body, with no line break before it.
    _, *parts, end = (b"\r\n" + raw).split(delimiter)
    if not end.startswith(b"--"):
        raise ValueError("the form breaks off")
    fields: dict[str, str | bytes] = {}
    for part in parts:
        name, value = _read_part(part)
        fields[name] = value
    return fields


def _read_part(part: bytes) -> tuple[str, str | bytes]:
    head, blank, value = part.partition(b"\r\n\r\n")
    if not blank:
        raise ValueError("a part of the form has no end of its headers")
    disposition = _disposition(head.decode())
    name = disposition.get_param("name", header="content-disposition")
    if not isinstance(name, str):
        raise ValueError("a part of the form has no name")
    # Only a file has a name of its own; a field's bytes are a text.
    is_file = disposition.get_param("filename", header="content-disposition") is not None
    return name, value if is_file else value.decode()


def _disposition(head: str) -> Message:
    for line in head.splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            return _header("content-disposition", value.strip())
    raise ValueError("a part of the form does not say what it is")


def _header(name: str, value: str) -> Message:
    message = Message()
    message[name] = value
    return message
