"""What the runs of whole programs are compared by: the order of a tree, and the server's book."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.frameworks.spans import Span, compare_usage, draw_tree

from callspan.testing.modelserver import Counts


def span(name: str, parent: str = "", **attributes: Any) -> Span:
    return Span(name, name, parent, {"callspan.outcome": "completed", **attributes}, 0)


def call(outcome: str, tokens: int | None) -> Span:
    attributes: dict[str, Any] = {"gen_ai.request.model": "m", "callspan.outcome": outcome}
    if tokens is not None:
        attributes["gen_ai.usage.input_tokens"] = tokens
    return span("chat m", **attributes)


def test_tools_that_run_at_once_stand_by_their_names() -> None:
    spans = [span("agent"), span("chat a", "agent")]
    spans += [span(f"execute_tool {name}", "agent") for name in ("stock", "price")]
    spans += [span("chat b", "agent"), span("execute_tool order", "agent")]
    assert draw_tree(spans).split("\n") == [
        "agent (completed)",
        "  chat a (completed)",
        "  execute_tool price (completed)",
        "  execute_tool stock (completed)",
        "  chat b (completed)",
        "  execute_tool order (completed)",
        "",
    ]


def test_tokens_that_the_book_has_not_are_named() -> None:
    calls = [call("completed", 3), call("completed", 4)]
    assert compare_usage(calls, Counts(input=7, calls=2)) == ""
    assert compare_usage(calls, Counts(input=3, calls=1)).startswith("2 calls with 7 → 0 tokens")
    assert compare_usage(calls, Counts(input=9, calls=3))
    assert compare_usage(calls, Counts(input=8, calls=2))


def test_the_usage_of_a_stream_that_was_left_need_not_be_read() -> None:
    calls = [call("completed", 3), call("abandoned", None)]
    assert compare_usage(calls, Counts(input=7, calls=2)) == ""
    assert compare_usage(calls, Counts(input=3, calls=1)) == ""
    assert compare_usage(calls, Counts(input=9, calls=3))


def test_the_picture_in_the_documents_is_the_tree_that_is_kept() -> None:
    folder = Path(__file__).parent
    tree = (folder / "trees" / "three_frameworks.txt").read_text(encoding="utf-8")
    page = folder.parents[1] / "docs" / "frameworks.md"
    assert f"```\n{tree}```" in page.read_text(encoding="utf-8")
