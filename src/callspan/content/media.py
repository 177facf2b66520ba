"""Pictures, sound and files that stand in content as base64, told by their type and size alone.

They are known by what they are rather than by one field's name: by a data URL, by the bytes that files of a kind begin
with, by what the object around them says of itself, or by a run of characters as long and as mixed as no language has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,\s]*)*;base64,([A-Za-z0-9+/_=-]*)", re.ASCII)
_RUN = re.compile(r"[A-Za-z0-9+/_-]{64,}={0,2}(?:\r?\n[A-Za-z0-9+/_-]{1,76}={0,2}(?=\r?\n|\Z))*", re.ASCII)
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
_TYPES = ("mime_type", "media_type", "mimeType", "mediaType", "type", "format", "output_format", "encoding")
"""The fields in which an object says what it holds."""
_MEDIUM = re.compile("image|audio|video|sound|speech|screenshot|picture|photo|file|document|pdf|base64|b64|bytes|blob")
_PAYLOAD = re.compile("data|result|content|output|body|raw|image|audio|video|screenshot|base64|b64|bytes")
_NAMING = re.compile("(?:name|type|url|uri|path|status|role|format|model|quality|title|prompt|text|(?:^|_)id|Id)$")
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
    return _RUN.sub(_bare_run, text)


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
    if _NAMING.search(key):
        return None
    states = (around.get(name) for name in _TYPES)
    if _PAYLOAD.search(key) and any(isinstance(state, str) and _MEDIUM.search(state.lower()) for state in states):
        return _SAID_BY_OBJECT
    return _SAID_BY_KEY if _MEDIUM.search(key.lower()) else None


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
    return next((kind for start, kind in _BEGINNINGS if start.match(text)), None)


def _bare_run(run: re.Match[str]) -> str:
    text = run.group()
    kind = _kind(text)
    is_mixed = len(text) >= _ANYWHERE and all(mixed.search(text) for mixed in _MIXED)
    return _note(kind, text) if kind is not None or is_mixed else text


def _note(kind: str | None, data: str) -> str:
    return f"[{kind or 'base64'}, {len(data)} characters]"
