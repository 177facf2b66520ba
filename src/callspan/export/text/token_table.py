"""The table of tokens by model that stands at the end of a program's output."""

from __future__ import annotations

from dataclasses import dataclass

from callspan.events import Call, Outcome, Response, Usage
from callspan.export.text.width import one_line, padded, width
from callspan.runtime import process

_HEADS = ("model", "calls", "input", "cached", "output", "reasoning", "total", "unknown", "errors")
_ALWAYS = ("model", "calls", "input", "output", "total")
_COUNTS = ("input", "cache_read", "output", "reasoning", "total")


@dataclass(slots=True)
class _Sums:
    """Calls and tokens of one model; a count that nobody has stated is `None`."""

    calls: int = 0
    input: int | None = None
    cache_read: int | None = None
    output: int | None = None
    reasoning: int | None = None
    total: int | None = None
    unknown: int = 0
    errors: int = 0

    def add(self, usage: Usage | None) -> None:
        for name in _COUNTS:
            value = getattr(usage, name) if usage is not None else None
            if value is not None:
                setattr(self, name, (getattr(self, name) or 0) + value)

    def merge(self, other: _Sums) -> None:
        self.calls += other.calls
        self.unknown += other.unknown
        self.errors += other.errors
        for name in _COUNTS:
            value = getattr(other, name)
            if value is not None:
                setattr(self, name, (getattr(self, name) or 0) + value)

    def cells(self, name: str) -> list[str]:
        input_, cached, output, reasoning, total = (
            _shown(getattr(self, count)) for count in _COUNTS
        )
        counts = [str(self.calls), input_, cached, output, reasoning, total]
        return [name, *counts, str(self.unknown or ""), str(self.errors or "")]


def _shown(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


class TokenTable:
    """A handler that adds up tokens by model, whether or not spans are sampled.

    Calls whose tokens nobody stated have a column of their own, so that the total never pretends to hold them.
    """

    needs_text = False

    def __init__(self) -> None:
        self._lock = process.own_lock(self)
        self._models: dict[str, _Sums] = {}
        process.in_child(self.clear)

    def clear(self) -> None:
        """Start anew; a child process counts its own calls only."""
        self._models = {}

    def on_end(self, call: Call, response: Response) -> None:
        """Count a call that completed or was abandoned."""
        self._add(call, response)

    def on_error(self, call: Call, error: BaseException) -> None:
        """Count a call that failed, with the tokens that it is known to have used."""
        self._add(call, call.response)

    def on_background_end(self, call: Call, response: Response) -> None:
        """Add the tokens of a call that was counted when it began."""
        failed = call.outcome is Outcome.ERROR
        with self._lock:
            sums = self._models.setdefault(call.model or response.model or "?", _Sums())
            sums.errors += failed
            sums.unknown -= failed or not _unknown(call, response.usage)
            sums.add(response.usage)

    def _add(self, call: Call, response: Response) -> None:
        if not call.uses_tokens:
            return
        failed = call.outcome is Outcome.ERROR
        with self._lock:
            sums = self._models.setdefault(call.model or response.model or "?", _Sums())
            sums.calls += 1
            sums.errors += failed
            sums.unknown += not failed and _unknown(call, response.usage)
            sums.add(response.usage)

    def render(self) -> str:
        """The table, a line a model and one for all; empty when there was no call."""
        with self._lock:
            models = dict(self._models)
            rows = [sums.cells(one_line(name)) for name, sums in models.items()]
            everything = _Sums()
            for sums in models.values():
                everything.merge(sums)
        if not rows:
            return ""
        total = [everything.cells("total")] if len(rows) > 1 else []
        return _table([list(_HEADS), *rows, *total])


def _unknown(call: Call, usage: Usage | None) -> bool:
    if usage is None or usage.input is None:
        return True
    return usage.output is None and call.facts.has_output_tokens


def _table(rows: list[list[str]]) -> str:
    """Rows in columns: names to the left, numbers to the right; columns in which nothing stands are left out."""
    filled = [any(row[index].strip("?") for row in rows[1:]) for index in range(len(rows[0]))]
    used = [index for index, name in enumerate(_HEADS) if filled[index] or name in _ALWAYS]
    widths = {index: max(width(row[index]) for row in rows) for index in used}
    return (
        "\n".join("  ".join(_cell(row[i], widths[i], i) for i in used).rstrip() for row in rows)
        + "\n"
    )


def _cell(text: str, columns: int, index: int) -> str:
    return padded(text, columns) if index == 0 else " " * (columns - width(text)) + text
