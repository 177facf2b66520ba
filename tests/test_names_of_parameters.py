"""Settings, facts of answers and message parts have fixed names, which a type checker holds everybody to."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from callspan.events import details, parameters
from callspan.events.operations import INFERENCE, facts_of

_TYPO = """
from callspan import Call, Response
from callspan.events import Content, Delta, Part

Call("chat", "openai", "gpt", {"temprature": 0.5})
Delta(details={"service_teir": "flex"})
Part("image", data={"mime": "image/png"})
Content(messages=[{"role": "user", "part": []}])


def read(call: Call, response: Response) -> object:
    call.parameters["max_token"]
    return response.details["finger_print"]
"""


@pytest.mark.parametrize(
    ("names", "table"),
    [
        (parameters.ParameterName, parameters.Parameters),
        (parameters.ConditionName, parameters.Conditions),
        (details.DetailName, details.Details),
    ],
    ids=["parameters", "conditions", "details"],
)
def test_the_names_for_tables_are_the_keys(names: Any, table: type) -> None:
    assert _literals(names) == set(get_type_hints(table))


def _literals(names: Any) -> set[str]:
    """Return the texts of a `Literal`, or of a union of some."""
    texts: set[str] = set()
    for argument in get_args(names):
        if isinstance(argument, str):
            texts.add(argument)
        else:
            texts |= _literals(argument)
    return texts


def test_the_subject_of_an_operation_is_a_parameter() -> None:
    operations = (
        "execute_tool",
        "mcp.client",
        "invoke_agent",
        "invoke_workflow",
        "retrieval",
        "run_node",
    )
    subjects = {facts_of(operation).subject for operation in operations}
    assert subjects == _literals(parameters.SubjectName)
    assert {facts_of(operation).subject for operation in INFERENCE} == {None}


@pytest.mark.skipif(find_spec("pyright") is None, reason="pyright comes with the extra `dev` only")
def test_a_typo_in_a_key_is_a_type_error(tmp_path: Path) -> None:
    program = tmp_path / "typo.py"
    program.write_text(_TYPO, encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    run = subprocess.run([*command, str(program)], capture_output=True, text=True, check=False)
    diagnostics = json.loads(run.stdout)["generalDiagnostics"]
    lines = {diagnostic["range"]["start"]["line"] for diagnostic in diagnostics}
    typos = {line for line, code in enumerate(_TYPO.splitlines()) if any(map(code.count, _KEYS))}
    assert lines == typos, diagnostics


_KEYS = ("temprature", "service_teir", '"mime"', '"part"', "max_token", "finger_print")
"""The misspelt keys, each in a line of its own."""
