"""Pictures, sound and files that stand in content as base64, told by their type and size alone.

They are known by what they are rather than by one field's name: by a data URL, by the bytes that files of a kind begin
with, by what the object around them says of itself, or by a run of characters as long and as mixed as no language has.
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
"""How base64 text of files begins."""
_BEGINNING = re.compile("|".join(start.pattern for start, _ in _BEGINNINGS))
_BLOCK = 32
"""Half of the shortest run that is looked for: a run has one such block at least that begins at a multiple of it."""
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
"""The fields in which an object says what it holds."""
_MEDIUM = re.compile(
    "image|audio|video|sound|speech|screenshot|picture|photo|file|document|pdf|base64|b64|bytes|blob"
)
_PAYLOAD = re.compile(
    "data|result|content|output|body|raw|image|audio|video|screenshot|base64|b64|bytes"
)
_NAMING = re.compile(
    "(?:name|type|url|uri|path|status|role|format|model|quality|title|prompt|text|(?:^|_)id|Id)$"
)
"""Fields that name or describe something, in an object that holds bytes."""
_ANYWHERE = 256
"""Characters from which on a run is taken for bytes wherever it stands, if it is as mixed as bytes are."""
_KNOWN_BEGINNING = 16
_SAID_BY_OBJECT = 8
_SAID_BY_KEY = 64
_MIXED = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))


def bare(text: str) -> str:
    """Return a text with the type and size in the place of each file that is written in it."""
    if len(text) < _KNOWN_BEGINNING:
        return text
    if ";base64," in text:
        text = _DATA_URL.sub(lambda url: _note(url.group(1), url.group(2)), text)
    kind = _kind(text)
    if kind is not None and _is_base64(text):
        return _note(kind, text)
    return _RUN.sub(_bare_run, text) if _may_have_run(text) else text


def _may_have_run(text: str) -> bool:
    """Whether so many characters in a row have no blank; prose has none, and is spared the slower search."""
    for start in range(0, len(text) - _BLOCK + 1, _BLOCK):  # noqa: SIM110  a generator takes twice as long
        if " " not in text[start : start + _BLOCK]:
            return True
    return False


def bare_field(text: str, key: str, around: Mapping[Any, Any]) -> str:
    """Return the text of a field, where the key or the object around it may say that it is a file."""
    least = _least(key, around)
    if least is not None and len(text) >= _SAID_BY_OBJECT and _is_base64(text):
        padded = text.rstrip().endswith("=")
        if padded or len(text) >= least:
            return _note(_kind(text) or _stated(around), text)
    return bare(text)


def _least(key: str, around: Mapping[Any, Any]) -> int | None:
    """Return how long base64 must be to be taken for a file; `None` where nothing says that there is one."""
    names_something, may_be_payload, says_medium = _hints(key)
    if names_something:
        return None
    if may_be_payload and any(_says_medium(around.get(name)) for name in _TYPES):
        return _SAID_BY_OBJECT
    return _SAID_BY_KEY if says_medium else None


@lru_cache(maxsize=256)
def _hints(key: str) -> tuple[bool, bool, bool]:
    """Return whether a field's name stands for a name or description, for a payload, and for a kind of medium."""
    return (
        _NAMING.search(key) is not None,
        _PAYLOAD.search(key) is not None,
        _MEDIUM.search(key.lower()) is not None,
    )


def _says_medium(state: Any) -> bool:
    return isinstance(state, str) and _MEDIUM.search(state.lower()) is not None


def _stated(around: Mapping[Any, Any]) -> str | None:
    states = (around.get(name) for name in _TYPES)
    return next((state for state in states if isinstance(state, str) and "/" in state), None)


def _is_base64(text: str) -> bool:
    if _BASE64.fullmatch(text) is None:
        return False
    length = len("".join(text.split()))
    return length % 4 == 0 or (length % 4 != 1 and not text.rstrip().endswith("="))


def _kind(text: str) -> str | None:
    """Return the type of a file by its first bytes."""
    if _BEGINNING.match(text) is None:
        return None
    return next((kind for start, kind in _BEGINNINGS if start.match(text)), None)


def _bare_run(run: re.Match[str]) -> str:
    text = run.group()
    kind = _kind(text)
    is_mixed = len(text) >= _ANYWHERE and all(mixed.search(text) for mixed in _MIXED)
    return _note(kind, text) if kind is not None or is_mixed else text


def _note(kind: str | None, data: str) -> str:
    return f"[{kind or 'base64'}, {len(data)} characters]"
