"""Images, sound and files that stand in content as base64: their type and size are recorded in their place.

They are recognised by what they are rather than by one key's name: by a data URL, by the bytes with which
files of a kind begin, by what the object around them says of itself, or by a run of characters as long and
as mixed as no language has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_DATA_URL = re.compile(
    r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,\s]*)*;base64,([A-Za-z0-9+/_=-]*)", re.ASCII
)
_RUN = re.compile(
    r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{64,}={0,2}(?:\r?\n[A-Za-z0-9+/_-]{1,76}={0,2}(?=\r?\n|\Z))*",
    re.ASCII,
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_\r\n-]+={0,2}\s*", re.ASCII)
_BEGINNINGS = (
    (re.compile("iVBORw0KGg"), "image/png"),
    (re.compile("/9j/"), "image/jpeg"),
    (re.compile("R0lGOD"), "image/gif"),
    (re.compile("UklGR.{6}XRUJQ"), "image/webp"),
    (re.compile("UklGR"), "audio/wav"),
    (re.compile("JVBERi0"), "application/pdf"),
    (re.compile("UEsDB"), "application/zip"),
    (re.compile("H4sI"), "application/gzip"),
    (re.compile("SUQz|//uQ"), "audio/mpeg"),
    (re.compile("T2dnUw"), "audio/ogg"),
    (re.compile("ZkxhQw"), "audio/flac"),
    (re.compile("GkXfo"), "video/webm"),
    (re.compile("AAAA.GZ0eX"), "video/mp4"),
)
"""How the base64 text of files begins, by their type."""
_BEGINNING = re.compile("|".join(start.pattern for start, _ in _BEGINNINGS))
_BLOCK = 32
"""Half of the shortest run that is looked for.

A run holds at least one whole block that begins at a multiple of this length.
"""
_TYPES = (
    "mime_type",
    "media_type",
    "mimeType",
    "mediaType",
    "type",
    "format",
    "output_format",
    "encoding",
)
"""The keys under which an object says what it holds."""
_MEDIUM = re.compile(
    "image|audio|video|sound|speech|screenshot|picture|photo|file|document|pdf|base64|b64|bytes|blob"
)
_PAYLOAD = re.compile(
    "data|result|content|output|body|raw|image|audio|video|screenshot|base64|b64|bytes"
)
_NAMING = re.compile(
    "(?:name|type|url|uri|path|status|role|format|model|quality|title|prompt|text|(?:^|_)id|Id)$"
)
"""Keys that name or describe something, in an object that holds bytes."""
# How many characters of base64 it takes to be taken for a file: fewer where more speaks for it.
_LEAST_ANYWHERE = 256
_LEAST_BY_KEY = 64
_LEAST_BY_BEGINNING = 16
_LEAST_BY_OBJECT = 8
_MIXED = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))


def bare(text: str) -> str:
    """Return a text with the type and size in the place of each file that is written in it."""
    if len(text) < _LEAST_BY_BEGINNING:
        return text
    if ";base64," in text:
        text = _DATA_URL.sub(lambda url: _note(url.group(1), url.group(2)), text)
    file_type = _file_type(text)
    if file_type is not None and _is_base64(text):
        return _note(file_type, text)
    if _may_have_run(text):
        return _RUN.sub(_bare_run, text)
    return text


def _may_have_run(text: str) -> bool:
    """Whether so many characters in a row have no blank; prose has none, and is spared the slower search."""
    for start in range(0, len(text) - _BLOCK + 1, _BLOCK):  # noqa: SIM110  a generator takes twice as long
        if " " not in text[start : start + _BLOCK]:
            return True
    return False


def bare_field(text: str, key: str, around: Mapping[Any, Any]) -> str:
    """Return the text of a field, where the key or the object around it may say that it is a file."""
    least = _least_length(key, around)
    if least is not None and len(text) >= _LEAST_BY_OBJECT and _is_base64(text):
        is_padded = text.rstrip().endswith("=")
        if is_padded or len(text) >= least:
            return _note(_file_type(text) or _type_of_object(around), text)
    return bare(text)


def _least_length(key: str, around: Mapping[Any, Any]) -> int | None:
    """Return how long base64 must be to be taken for a file; `None` where nothing says that there is one."""
    is_name, is_payload, is_medium = _hints(key)
    if is_name:
        return None
    if is_payload and any(_names_medium(around.get(name)) for name in _TYPES):
        return _LEAST_BY_OBJECT
    if is_medium:
        return _LEAST_BY_KEY
    return None


@lru_cache(maxsize=256)
def _hints(key: str) -> tuple[bool, bool, bool]:
    """Return whether a key stands for a name or description, for a payload, and for a kind of medium."""
    return (
        _NAMING.search(key) is not None,
        _PAYLOAD.search(key) is not None,
        _MEDIUM.search(key.lower()) is not None,
    )


def _names_medium(value: Any) -> bool:
    return isinstance(value, str) and _MEDIUM.search(value.lower()) is not None


def _type_of_object(around: Mapping[Any, Any]) -> str | None:
    """Return the media type that an object states, such as `image/png`."""
    for name in _TYPES:
        value = around.get(name)
        if isinstance(value, str) and "/" in value:
            return value
    return None


def _is_base64(text: str) -> bool:
    if _BASE64.fullmatch(text) is None:
        return False
    length = len("".join(text.split()))
    if text.rstrip().endswith("="):
        return length % 4 == 0
    return length % 4 != 1  # four characters stand for three bytes, and one alone for none


def _file_type(text: str) -> str | None:
    """Return the type of a file by its first bytes."""
    if _BEGINNING.match(text) is None:
        return None
    for beginning, file_type in _BEGINNINGS:
        if beginning.match(text):
            return file_type
    return None


def _bare_run(run: re.Match[str]) -> str:
    text = run.group()
    file_type = _file_type(text)
    is_mixed = len(text) >= _LEAST_ANYWHERE and all(mixed.search(text) for mixed in _MIXED)
    if file_type is None and not is_mixed:
        return text
    return _note(file_type, text)


def _note(file_type: str | None, data: str) -> str:
    return f"[{file_type or 'base64'}, {len(data)} characters]"
