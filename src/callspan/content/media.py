"""Images, sound and files in content as base64: their type and size are recorded in their place.

They are recognised by a data URL, by the first bytes of files of a kind, by the type that the
object around them states, or by a run of characters that is longer and more mixed than in any
language. A rule for each key of each provider would miss the next provider's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_DATA_URL = re.compile(
    r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,\s]*)*;base64,([A-Za-z0-9+/_=-]*)", re.ASCII
)
# in one line, or in lines of up to 76 characters, as MIME (RFC 2045) writes base64
_RUN = re.compile(
    r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{64,}={0,2}"
    r"(?:\r?\n[A-Za-z0-9+/_-]{1,76}={0,2}(?=\r?\n|\Z))*",
    re.ASCII,
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_\r\n-]+={0,2}\s*", re.ASCII)
_BEGINNINGS = (
    (re.compile("iVBORw0KGg"), "image/png"),
    (re.compile("/9j/"), "image/jpeg"),
    (re.compile("R0lGOD"), "image/gif"),
    # both begin with `RIFF`; WebP has its name behind that, so it is tried before WAV
    (re.compile("UklGR.{6}XRUJQ"), "image/webp"),
    (re.compile("UklGR"), "audio/wav"),
    (re.compile("JVBERi0"), "application/pdf"),
    (re.compile("UEsDB"), "application/zip"),
    (re.compile("H4sI"), "application/gzip"),
    # with a tag (`ID3`), or from the first frame on
    (re.compile("SUQz|//uQ"), "audio/mpeg"),
    (re.compile("T2dnUw"), "audio/ogg"),
    (re.compile("ZkxhQw"), "audio/flac"),
    (re.compile("GkXfo"), "video/webm"),
    (re.compile("AAAA.GZ0eX"), "video/mp4"),
)
"""The beginnings of files as base64, with the type of the file."""
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
"""The keys under which an object states the type of its data."""
_MEDIUM = re.compile(
    "image|audio|video|sound|speech|screenshot|picture|photo|file|document|pdf"
    "|base64|b64|bytes|blob"
)
_PAYLOAD = re.compile(
    "data|result|content|output|body|raw|image|audio|video|screenshot|base64|b64|bytes"
)
_NAMING = re.compile(
    "(?:name|type|url|uri|path|status|role|format|model|quality|title|prompt|text|(?:^|_)id|Id)$"
)
"""Keys that name or describe something, in an object that holds bytes."""
# The least characters of base64 that are taken for a file: fewer where more speaks for one.
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
    """Whether a text has a block without a blank; prose has none, and is spared the slow search."""
    for start in range(0, len(text) - _BLOCK + 1, _BLOCK):  # noqa: SIM110  `any` is half as fast
        if " " not in text[start : start + _BLOCK]:
            return True
    return False


def bare_field(text: str, key: str, around: Mapping[Any, Any]) -> str:
    """Return the text of a field, or the type and size of the file that it is.

    The key, or the object around it, may state that it is a file.
    """
    # the whole text first, where the key speaks for a file; else whatever files are written in it
    if _is_file(text, _least_length(key, around)):
        return _note(_file_type(text) or _type_of_object(around), text)
    return bare(text)


def _is_file(text: str, least: int | None) -> bool:
    """Whether the text of a field is base64 of at least so many characters."""
    if least is None or len(text) < _LEAST_BY_OBJECT or not _is_base64(text):
        return False
    # words of a language do not end in `=`, so padding makes a short text a file
    is_padded = text.rstrip().endswith("=")
    return is_padded or len(text) >= least


def _least_length(key: str, around: Mapping[Any, Any]) -> int | None:
    """Return the least length of base64 that is taken for a file.

    It is `None` where neither the key nor the object around it speaks for a file.
    """
    is_name, is_payload, is_medium = _hints(key)
    if is_name:
        return None
    if is_payload and any(_names_medium(around.get(name)) for name in _TYPES):
        return _LEAST_BY_OBJECT
    if is_medium:
        return _LEAST_BY_KEY
    return None


# the same few keys come with each message
@lru_cache(maxsize=256)
def _hints(key: str) -> tuple[bool, bool, bool]:
    """Return whether a key is that of a name, of a payload, and of a kind of medium."""
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
    # four characters stand for three bytes, and one alone for none
    return length % 4 != 1


def _file_type(text: str) -> str | None:
    """Return the type of a file by its first bytes."""
    if _BEGINNING.match(text) is None:
        return None
    for beginning, file_type in _BEGINNINGS:
        if beginning.match(text):
            return file_type
    return None


def _bare_run(run: re.Match[str]) -> str:
    """Return the type and size in place of a long run, unless it is an identifier or the like."""
    text = run.group()
    file_type = _file_type(text)
    if file_type is None and not _is_mixed(text):
        return text
    return _note(file_type, text)


def _is_mixed(text: str) -> bool:
    """Whether a long run has capitals, small letters and digits."""
    if len(text) < _LEAST_ANYWHERE:
        return False
    return all(pattern.search(text) for pattern in _MIXED)


def _note(file_type: str | None, data: str) -> str:
    return f"[{file_type or 'base64'}, {len(data)} characters]"


def without_data(blob: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Return a file's part with the number of its characters in place of them."""
    content = blob.get("content")
    if not isinstance(content, str):
        return blob
    # before the part's own keys, so that a size which it states itself holds
    return {"size": len(content), **blob, "content": ""}
