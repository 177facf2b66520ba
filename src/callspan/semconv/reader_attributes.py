"""The attributes of a span as some readers need them: a pure function of what it has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from callspan.semconv import names
from callspan.semconv.conventions import RELEASED, Convention
from callspan.semconv.counts import Attributes
from callspan.semconv.readers import READERS, Reader
from callspan.settings.choices import ReaderName

Values = Mapping[str, Any]
"""The attributes of a span, by name."""
_INPUTS = (names.INPUT_MESSAGES, names.TOOL_ARGUMENTS, names.RETRIEVAL_QUERY)
_OUTPUTS = (names.OUTPUT_MESSAGES, names.TOOL_RESULT, names.RETRIEVAL_DOCUMENTS)
"""Where the content of a span may stand; messages are the first."""
_PLAIN = "text/plain"
_WORDS = {"text": "content", "tool_call_response": "response"}
"""The field with the words of a part, by its type."""


class ReaderAttributes:
    """The attributes that the readers of `readers=` need on each span.

    Args:
        chosen: The names of the readers.
    """

    def __init__(self, chosen: Iterable[ReaderName]) -> None:
        self._readers = [READERS[name] for name in chosen]
        self._left_out = tuple(start for reader in self._readers for start in reader.left_out)

    def conventions(self, versions: tuple[Convention, ...]) -> tuple[Convention, ...]:
        """Return versions of the conventions whose answers have all that these readers demand."""
        if not any(reader.is_strict for reader in self._readers):
            return versions
        return tuple(
            replace(version, needs_reason=True, unknown_fields=RELEASED.unknown_fields)
            for version in versions
        )

    def complete(self, operation: str, start_ns: int, span: Values, end: Attributes) -> Attributes:
        """Return the attributes that a span gets at its end, for these readers.

        Args:
            operation: The operation of the call.
            start_ns: When it began, in nanoseconds since 1970.
            span: The attributes of the span since its start.
            end: Those that it would get at its end.
        """
        everything = {**span, **end}
        result = dict(end)
        for reader in self._readers:
            for name, value in additions(reader, operation, start_ns, everything).items():
                # what the app has set by itself, or another reader needs, stays
                if name not in everything:
                    result.setdefault(name, value)
        return {
            name: value for name, value in result.items() if not name.startswith(self._left_out)
        }


def additions(reader: Reader, operation: str, start_ns: int, values: Values) -> Attributes:
    """Return the attributes that one reader needs beyond those of a span."""
    result: Attributes = {}
    if operation in reader.kinds:
        result[reader.kind] = reader.kinds[operation]
    for name, copy in reader.copies:
        if name in values:
            result.setdefault(copy, values[name])
    for add in _ADDITIONS:
        add(result, reader, values)
    if reader.first_chunk and names.TIME_TO_FIRST_CHUNK in values:
        result[reader.first_chunk] = _moment(start_ns, values[names.TIME_TO_FIRST_CHUNK])
    return result


def _moment(start_ns: int, seconds: float) -> str:
    """Return the moment some seconds after a start, in ISO 8601."""
    moment = datetime.fromtimestamp(start_ns / 1e9 + seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _add_counts(result: Attributes, reader: Reader, values: Values) -> None:
    counts = [values.get(names.INPUT_TOKENS), values.get(names.OUTPUT_TOKENS)]
    numbers = [count for count in counts if count is not None]
    if not numbers:
        return
    if reader.total:
        result[reader.total] = sum(numbers)
    if reader.counts and len(numbers) == 1:
        for name, count in zip(reader.counts, [*counts, sum(numbers)], strict=True):
            if count is not None:
                result[name] = count


def _add_cost(result: Attributes, reader: Reader, values: Values) -> None:
    if reader.cost and names.COST in values:
        result[reader.cost] = json.dumps({"total_cost": values[names.COST]})


def _add_messages(result: Attributes, reader: Reader, values: Values) -> None:
    """Add the messages under names of the reader's, where something hides them from it."""
    if reader.messages is None:
        return
    if not any(name.startswith(reader.hidden_by) for name in values):
        return
    both = (names.INPUT_MESSAGES, names.OUTPUT_MESSAGES)
    for name, copy in zip(both, reader.messages, strict=True):
        if name in values:
            result[copy] = values[name]


def _add_texts(result: Attributes, reader: Reader, values: Values) -> None:
    """Add the text that went in last, and the one that came out."""
    if reader.texts is None:
        return
    for sources, (name, kind) in zip((_INPUTS, _OUTPUTS), reader.texts, strict=True):
        text = _text(sources, values)
        if text:
            result[name] = text
            # the reader takes it for JSON else
            result[kind] = _PLAIN


def _text(sources: tuple[str, ...], values: Values) -> str | None:
    for source in sources:
        content = values.get(source)
        if content is None:
            continue
        return _last_words(content) if source == sources[0] else str(content)
    return None


def _last_words(content: str) -> str:
    """Return the text of the last of some messages; whole, if it has no text."""
    try:
        parts: list[Mapping[str, Any]] = json.loads(content)[-1]["parts"]
    except (ValueError, LookupError, TypeError):
        # the limit of the SDK may have cut it
        return content
    texts = [str(part[_WORDS[part["type"]]]) for part in parts if part.get("type") in _WORDS]
    return "\n".join(texts) or json.dumps(parts, ensure_ascii=False)


_ADDITIONS: tuple[Callable[[Attributes, Reader, Values], None], ...] = (
    _add_counts,
    _add_cost,
    _add_messages,
    _add_texts,
)
