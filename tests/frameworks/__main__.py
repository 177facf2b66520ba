"""Runs a program of each framework and compares the tree of its spans with the one that is kept.

python -m tests.frameworks [--only NAME]... [--keep]

Each framework has an environment of its own, which uv makes in a cache folder. The programs stand
in the maintainers' folder beside the checkout; they call the scripted model server. A line of a
tree is a span: its name and its outcome, indented below its parent, in the order of their starts.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.matrix import rows as matrix
from tests.matrix.environment import ROOT, Environment, cache, find_uv

PROGRAMS = ROOT.parent / "shared" / "programs"
TREES = Path(__file__).with_name("trees")
SECONDS = 400


@dataclass(frozen=True)
class Row:
    """One framework: its program, and what the program needs beside callspan."""

    name: str
    program: str
    requirements: tuple[str, ...]


ROWS = (
    Row("openai_agents", "openai_agents.py", ("openai-agents==0.24.0",)),
    Row("pydantic_ai", "pydantic_ai_agents.py", ("pydantic-ai-slim[openai]==2.68.0",)),
    Row(
        "llama_index",
        "llama_index_agents.py",
        (
            "llama-index-core==0.14.25",
            "llama-index-llms-openai",
            "llama-index-embeddings-openai",
        ),
    ),
    Row("strands", "strands_agents.py", ("strands-agents[openai]==1.62.0",)),
    Row("agno", "agno_team.py", ("agno==3.1.10",)),
    Row("haystack", "haystack_pipeline.py", ("haystack-ai==3.4.1",)),
    Row("smolagents", "smolagents_agents.py", ("smolagents==1.26.0",)),
    Row("crewai", "crewai_crew.py", ("crewai==1.15.30",)),
    Row("google_adk", "google_adk_agents.py", ("google-adk==2.13.0", "litellm==1.110.2")),
    # the server is a child process, and so writes a file of its own
    Row("mcp", "mcp_tools.py", ("mcp==2.3.0",)),
    Row("mcp_1", "mcp_tools.py", ("mcp==1.30.0",)),
    Row("dspy", "dspy_program.py", ("dspy==3.4.1", "litellm==1.110.2")),
    Row("autogen", "autogen_team.py", ("autogen-agentchat==0.7.5", "autogen-ext[openai]==0.7.5")),
    Row(
        "agent_framework",
        "agent_framework_agents.py",
        ("agent-framework-core==1.23.0", "agent-framework-openai==1.17.0"),
    ),
    # a transport of the program's own stands for the command-line program
    Row(
        "claude_agent_sdk",
        "claude_agent_sdk_query.py",
        ("claude-agent-sdk==0.2.189", "mcp==2.3.0"),
    ),
    Row("instructor", "instructor_extract.py", ("instructor==1.17.0",)),
    Row("semantic_kernel", "semantic_kernel_agents.py", ("semantic-kernel==1.45.0",)),
)


def main() -> int:
    """Run the rows that are asked for; return 1 if a tree differs."""
    parser = argparse.ArgumentParser("python -m tests.frameworks", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="can be repeated")
    parser.add_argument("--keep", action="store_true", help="keep the trees as they are now")
    options = parser.parse_args()
    if not PROGRAMS.is_dir():
        parser.error("the programs stand in the maintainers' folder, which is not here")
    failed = False
    for row in ROWS:
        if options.only and row.name not in options.only:
            continue
        tree = run(row)
        path = TREES / f"{row.name}.txt"
        if options.keep:
            path.write_text(tree, encoding="utf-8")
        expected = path.read_text(encoding="utf-8") if path.exists() else ""
        difference = list(
            difflib.unified_diff(
                expected.splitlines(), tree.splitlines(), "kept", "now", lineterm=""
            )
        )
        state = "differs" if difference else "as kept"
        print(f"{row.name:15} {len(tree.splitlines()):3} spans  {state}", flush=True)
        print("\n".join(difference), end="\n" if difference else "", flush=True)
        failed = failed or bool(difference)
    return 1 if failed else 0


def run(row: Row) -> str:
    """Run the program of a framework, and return its tree."""
    python = _make_environment(row)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spans.jsonl"
        callspan = [str(python.with_name("callspan")), "run", "--file", str(file)]
        command = [str(python), "-m", "callspan.testing.modelserver", *callspan, str(python)]
        program = subprocess.run(
            [*command, str(PROGRAMS / row.program)],
            cwd=folder,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            env={**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"},
        )
        if program.returncode:
            raise SystemExit(f"{row.program} ended with {program.returncode}:\n{program.stdout}")
        return read_tree(*sorted(file.parent.glob(f"{file.name}*")))


def _make_environment(row: Row) -> Path:
    """Return the interpreter of an environment with callspan, OpenAI's client and the framework."""
    wanted = matrix.Row(row.name, row.requirements, (), extra="demo")
    environment = Environment(wanted, find_uv(), cache().with_name("frameworks"))
    environment.make(sys.executable)
    return environment.python


def read_tree(*files: Path) -> str:
    """Return the spans of a program and its children, files in OTLP's JSON, as a tree of lines."""
    spans: list[dict[str, Any]] = []
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            for resource in json.loads(line).get("resourceSpans", ()):
                for scope in resource["scopeSpans"]:
                    spans += scope["spans"]
    ids = {span["spanId"] for span in spans}
    children: dict[str, list[dict[str, Any]]] = {}
    for span in sorted(spans, key=lambda each: int(each["startTimeUnixNano"])):
        parent = span.get("parentSpanId", "")
        children.setdefault(parent if parent in ids else "", []).append(span)
    lines: list[str] = []
    _add_lines(lines, children, "", 0)
    return "".join(f"{line}\n" for line in lines)


def _add_lines(
    lines: list[str], children: dict[str, list[dict[str, Any]]], parent: str, depth: int
) -> None:
    for span in children.get(parent, ()):
        outcome = ""
        for attribute in span.get("attributes", ()):
            if attribute["key"] == "callspan.outcome":
                outcome = attribute["value"]["stringValue"]
        lines.append(f"{'  ' * depth}{span['name']} ({outcome})")
        _add_lines(lines, children, span["spanId"], depth + 1)


if __name__ == "__main__":
    sys.exit(main())
