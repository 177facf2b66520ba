"""Traces as text for a shell, and as JSON for programs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from callspan.cli.problem import Problem
from callspan.view import wording
from callspan.view.follow import FollowedFile
from callspan.view.receiving import keep_documents
from callspan.view.store import Store
from callspan.view.tree import Tree, TreeRow

# more than any file has, in bytes and in spans
_ALL = 1 << 62


def print_traces(paths: Sequence[Path], options: argparse.Namespace) -> int:
    """Print the traces that the options ask for; return 1 where there is none."""
    store = Store(keep=_ALL)
    for path in paths:
        for documents in FollowedFile(path, tail=_ALL).read():
            keep_documents(store, documents)
    chosen = _chosen(store, options)
    for trace_id in chosen:
        if options.json:
            # a line for each trace, as `jq` and the like read it
            print(json.dumps(_document(store, trace_id), ensure_ascii=False, default=str))
        else:
            print("\n".join(_lines(store, trace_id)), end="\n\n")
    if not chosen:
        print("callspan: no such trace", file=sys.stderr)
    return 0 if chosen else 1


def _chosen(store: Store, options: argparse.Namespace) -> list[str]:
    conditions, arguments = ["1"], list[str]()
    if options.trace:
        if not all(character in "0123456789abcdef" for character in options.trace.lower()):
            raise Problem(
                f"{options.trace!r} is no id of a trace, which has digits and a to f only"
            )
        # the check above keeps `%` and `_` out
        conditions.append("trace_id LIKE ?")
        arguments.append(f"{options.trace.lower()}%")
    if options.errors:
        conditions.append("errors > 0")
    where = " AND ".join(conditions)
    rows = store.rows(f"SELECT trace_id FROM traces WHERE {where} ORDER BY start", *arguments)
    ids = [row["trace_id"] for row in rows]
    return ids[-1:] if options.last else ids


def _lines(store: Store, trace_id: str) -> Iterator[str]:
    tree = Tree(store.trace(trace_id))
    yield f"{trace_id}  {wording.clock(tree.start)}"
    for row in tree.rows():
        yield "  " * row.depth + "   ".join(each for each in _columns(row) if each)


def _columns(row: TreeRow) -> Iterator[str]:
    span, sums = row.span, row.sums
    yield span.name or "no name"
    if sums.calls:
        tokens = f"{wording.tokens(sums)} tokens"
        calls = wording.number_of(sums.calls, "call")
        yield tokens if span.is_call else f"{calls}, {tokens}"
    yield wording.cost(sums.cost)
    yield wording.took(span.start, span.end)
    yield f"error {span.error}" if span.error else ""
    # said by the error, or nothing special
    yield "" if span.outcome in ("completed", "error") else span.outcome


def _document(store: Store, trace_id: str) -> dict[str, Any]:
    spans = store.trace(trace_id)
    return {"trace_id": trace_id, "spans": [asdict(span) for span in spans]}
