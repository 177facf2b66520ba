"""The table of what each reader gets, in the page of readers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from callspan.semconv.readers import READERS, Reader

PAGE = Path(__file__).parents[2] / "docs" / "readers.md"
_START, _END = "<!-- readers -->\n", "<!-- /readers -->"


def readers_page() -> str:
    """Return the page of readers with its table printed again."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_START)
    after = rest.partition(_END)[2]
    rows = ["| name | reader | it gets | it does not get |", "| --- | --- | --- | --- |"]
    for name, reader in READERS.items():
        additions = "; ".join(_additions(reader)) or "nothing: the conventions are enough"
        left_out = ", ".join(f"`{start}*`" for start in reader.left_out)
        rows.append(f"| `{name}` | {reader.title} | {additions} | {left_out} |")
    table = "\n".join(rows)
    return f"{before}{_START}{table}\n{_END}{after}"


def _additions(reader: Reader) -> Iterator[str]:
    if reader.kind:
        yield f"`{reader.kind}` for {', '.join(f'`{name}`' for name in sorted(reader.kinds))}"
    for name, copy in reader.copies:
        yield f"`{copy}` from `{name}`"
    if reader.counts:
        yield f"`{reader.counts[2]}` and its part, where one count alone is stated"
    for name in (reader.total, reader.cost, reader.first_chunk):
        if name:
            yield f"`{name}`"
    if reader.messages:
        names = " and ".join(f"`{name}`" for name in reader.messages)
        yield f"{names}, where `{reader.hidden_by}*` would hide the messages"
    if reader.texts:
        yield " and ".join(f"`{name}`" for name, _kind in reader.texts)
    if reader.is_strict:
        yield "finish reasons, ids and scores as in `released`, in every version"
