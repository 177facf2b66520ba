"""What a notebook shows: the tree as HTML under the cell that made it, and the table on request."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import callspan
from callspan.export.html import tree_html
from callspan.export.text import token_table
from callspan.export.token_sums import ModelSums
from callspan.setup.token_table import TokenTable
from callspan.testing.modelserver import ModelServer, Reply

nbclient = pytest.importorskip("nbclient", reason="a notebook is run by nbclient")
nbformat = pytest.importorskip("nbformat", reason="a notebook is made by nbformat")
EVIL = "<script>alert(1)</script>"
START = """
import callspan, openai
callspan.configure(console="content")
callspan.instrument(capture="span")
client = openai.OpenAI(base_url={url!r}, api_key="test")

def ask(question):
    messages = [{{"role": "user", "content": question}}]
    return client.chat.completions.create(model="gpt-4.1-mini", messages=messages)
"""
AGENT = f"""
@callspan.agent
def florist(question):
    print("before", end="")
    ask(question)
    ask("And roses?")

florist("{EVIL}")
print(" and after")
"""
CELLS = [START, AGENT, "callspan.configure(console=True)\nask('Hello')\nNone", "callspan.table()"]


@pytest.fixture(scope="module")
def outputs() -> Iterator[list[list[Any]]]:
    """The outputs of each cell of a notebook that a real kernel has run."""
    with ModelServer() as server:
        server.enqueue(Reply(text=f"Tulips {EVIL}"), Reply(text="Too."), Reply(text="Hello."))
        texts = [CELLS[0].format(url=server.url), *CELLS[1:]]
        cells = [nbformat.v4.new_code_cell(text) for text in texts]
        notebook = nbformat.v4.new_notebook(cells=cells)
        nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
        yield [cell.outputs for cell in cells]


def displays(cell: list[Any]) -> list[dict[str, str]]:
    return [
        output.data for output in cell if output.output_type in ("display_data", "execute_result")
    ]


def rows(html: str) -> list[list[str]]:
    """The texts of the cells of each row, without the box before a name."""
    return [
        [re.sub("<.*?>", "", cell) for cell in re.findall("<td.*?</td>", row)]
        for row in re.findall("<tr>(.*?)</tr>", html)
    ]


def test_the_tree_stands_under_the_cell_that_made_it(outputs: list[list[Any]]) -> None:
    """Once, after the line that the program was printing, and as text for those who have no HTML."""
    text, tree = outputs[1]
    assert text.text == "before and after\n"
    first, *others = rows(tree.data["text/html"])
    assert first[:2] == ["invoke_agent florist", "2 calls, " + first[1].partition(", ")[2]]
    assert [row[0] for row in others] == [
        "├─ chat gpt-4.1-mini",
        "│     user",
        "│     assistant",
        "└─ chat gpt-4.1-mini",
        "      user",
        "      assistant",
    ]
    assert "invoke_agent florist" in tree.data["text/plain"]


def test_what_was_said_cannot_become_part_of_the_page(outputs: list[list[Any]]) -> None:
    [tree] = displays(outputs[1])
    assert "<script" not in tree["text/html"]
    assert "Tulips &lt;script&gt;" in tree["text/html"]


def test_nothing_that_was_said_is_shown_unasked(outputs: list[list[Any]]) -> None:
    [tree] = displays(outputs[2])
    assert "Hello" not in str(tree)
    assert len(rows(tree["text/html"])) == 1


def test_the_table_comes_on_request(outputs: list[list[Any]]) -> None:
    [table] = displays(outputs[3])
    head, row = rows(table["text/html"])
    assert head[:2] == ["model", "calls"]
    assert row[:2] == ["gpt-4.1-mini", "3"]
    assert table["text/plain"].splitlines()[0].split() == head


def test_names_are_escaped_too() -> None:
    table = TokenTable({EVIL: ModelSums(calls=1)})
    html = table._repr_html_()
    assert html is not None
    assert "<script" not in html
    assert repr(table) == token_table.render({EVIL: ModelSums(calls=1)})


def test_without_a_call_the_table_says_so() -> None:
    assert repr(TokenTable({})) == "no call has ended yet\n"
    assert TokenTable({})._repr_html_() is None


def test_without_a_console_the_table_says_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "callspan.export.providers", raising=False)
    assert "configure(console=True)" in repr(callspan.table())


def test_no_tree_is_no_row() -> None:
    assert rows(tree_html([], has_servers=False)) == []
