"""Runs a program of each framework and compares the tree of its spans with the one that is kept.

python -m tests.frameworks [--only NAME]... [--landing] [--oldest] [--keep] [--remove] [--check]

Each framework has an environment of its own, which uv makes in a cache folder. The programs stand
in `programs`, or in the maintainers' folder beside the checkout; they call the scripted model
server, with whose book the tokens on the spans are compared. A line of a tree is a span: its name
and its outcome, indented below its parent, in the order of their starts.

With `--check` each program runs under each dialect of the conventions, without content and with it,
and what it emits is held against the conventions, as `python -m tests.conformance` does with tests.

With `--oldest` the frameworks for which one was looked for run in the oldest version that callspan
sees; their trees are the same. `--landing` runs those that the landing check runs.
"""

from __future__ import annotations

import argparse
import difflib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.choices import CHOICES, Choice
from tests.conformance.collect import check_all
from tests.conformance.finding import Finding
from tests.conformance.lines import Emitted, read_lines
from tests.frameworks.spans import Span, compare_usage, draw_tree, read_spans
from tests.matrix import rows as matrix
from tests.matrix.environment import ROOT, Environment, cache, find_uv

from callspan.testing.modelserver import ModelServer

PROGRAMS = ROOT.parent / "shared" / "programs"
OWN_PROGRAMS = Path(__file__).with_name("programs")
TREES = Path(__file__).with_name("trees")
SECONDS = 400


@dataclass(frozen=True)
class Row:
    """One framework.

    Attributes:
        name: Its name.
        program: Its program.
        requirements: What the program needs beside callspan.
        oldest: The same with the oldest version that callspan sees; empty where none was looked for.
        lands: Whether the landing check runs it.
    """

    name: str
    program: str
    requirements: tuple[str, ...]
    oldest: tuple[str, ...] = ()
    lands: bool = False

    @property
    def path(self) -> Path:
        """The program's file: one of ours, or one of the maintainers'."""
        path = OWN_PROGRAMS / self.program
        return path if path.exists() else PROGRAMS / self.program


@dataclass(frozen=True)
class Run:
    """What a program has left behind.

    Attributes:
        spans: Its spans, and those of its children.
        usage: How the tokens on the spans differ from the server's book; empty if they do not.
        seconds: How long it took, without its environment.
        emitted: All that each of its processes has emitted.
    """

    spans: list[Span]
    usage: str
    seconds: float
    emitted: list[Emitted]


ROWS = (
    Row(
        "openai_agents",
        "openai_agents.py",
        ("openai-agents==0.24.0",),
        # it makes objects of the client's that have one field more since
        oldest=("openai-agents==0.10.0", "openai<2.30"),
        lands=True,
    ),
    Row(
        "pydantic_ai",
        "pydantic_ai_agents.py",
        ("pydantic-ai-slim[openai]==2.68.0",),
        oldest=("pydantic-ai-slim[openai]==1.80.0",),
    ),
    Row(
        "llama_index",
        "llama_index_agents.py",
        (
            "llama-index-core==0.14.25",
            "llama-index-llms-openai",
            "llama-index-embeddings-openai",
        ),
    ),
    Row(
        "strands",
        "strands_agents.py",
        ("strands-agents[openai]==1.62.0",),
        oldest=("strands-agents[openai]==1.15.0",),
    ),
    Row(
        "agno",
        "agno_team.py",
        ("agno==3.1.10",),
        # its workflows import it
        oldest=("agno==2.4.0", "fastapi"),
        lands=True,
    ),
    Row("haystack", "haystack_pipeline.py", ("haystack-ai==3.4.1",)),
    Row(
        "smolagents",
        "smolagents_agents.py",
        ("smolagents==1.26.0",),
        oldest=("smolagents==1.24.0",),
    ),
    Row("crewai", "crewai_crew.py", ("crewai==1.15.30",)),
    Row("google_adk", "google_adk_agents.py", ("google-adk==2.13.0", "litellm==1.110.2")),
    # the server is a child process, and so writes a file of its own
    Row("mcp", "mcp_tools.py", ("mcp==2.3.0",), lands=True),
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
    Row(
        "instructor",
        "instructor_extract.py",
        ("instructor==1.17.0",),
        oldest=("instructor==1.16.0",),
        lands=True,
    ),
    Row("semantic_kernel", "semantic_kernel_agents.py", ("semantic-kernel==1.45.0",)),
    Row("beeai", "beeai_runs.py", ("beeai-framework==0.1.85", "litellm==1.110.2")),
    # the picture in docs/frameworks.md
    Row(
        "three_frameworks",
        "three_frameworks.py",
        ("agno==3.1.10", "openai-agents==0.24.0", "mcp==2.3.0"),
    ),
    Row("guardrails", "guardrails_answers.py", ("guardrails-ai==0.11.0", "litellm==1.110.2")),
)


def main() -> int:
    """Run the rows that are asked for; return 1 if a tree or a sum of tokens differs."""
    parser = argparse.ArgumentParser("python -m tests.frameworks", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="can be repeated")
    parser.add_argument("--landing", action="store_true", help="those of the landing check")
    parser.add_argument("--oldest", action="store_true", help="in their oldest versions")
    parser.add_argument("--uv", help="the program that makes environments, if not on the path")
    parser.add_argument("--keep", action="store_true", help="keep the trees as they are now")
    parser.add_argument("--remove", action="store_true", help="remove each environment after use")
    parser.add_argument("--check", action="store_true", help="check against the conventions")
    options = parser.parse_args()
    rows = [row for row in ROWS if _is_wanted(row, options)]
    if not all(row.path.is_file() for row in rows):
        parser.error("the programs stand in the maintainers' folder, which is not here")
    failed = False
    for row in rows:
        environment = _environment(row, options.uv or find_uv(), options.oldest)
        environment.make(sys.executable)
        look = _check if options.check else _compare
        failed = not look(row, environment.python, options) or failed
        if options.remove:
            shutil.rmtree(environment.python.parent.parent)
    return 1 if failed else 0


def _compare(row: Row, python: Path, options: argparse.Namespace) -> bool:
    """Return whether the tree of a program and its sum of tokens are as kept; print them if not."""
    ran = run(row, python)
    differences = [
        *_compare_tree(row, draw_tree(ran.spans), options.keep),
        *ran.usage.splitlines(),
    ]
    state = "differs" if differences else "as kept"
    print(f"{row.name:17} {len(ran.spans):3} spans  {ran.seconds:5.1f} s  {state}", flush=True)
    print("\n".join(differences), end="\n" if differences else "", flush=True)
    return not differences


def _check(row: Row, python: Path, _options: argparse.Namespace) -> bool:
    """Return whether a program keeps the conventions under each choice; print what breaks them."""
    counts: list[str] = []
    violations: dict[str, str] = {}
    for choice in CHOICES:
        emitted = run(row, python, choice.variables).emitted
        counts.append(str(sum(len(each.spans) for each in emitted)))
        for each in emitted:
            for finding in _findings(each, choice):
                violations.setdefault(str(finding), str(choice))
    print(f"{row.name:17} {' '.join(counts)} spans, {len(violations)} violations", flush=True)
    for violation, choice in violations.items():
        print(f"  {violation}\n    {choice}", flush=True)
    return not violations


def _findings(emitted: Emitted, choice: Choice) -> list[Finding]:
    return check_all(
        emitted.spans, emitted.metrics, emitted.logs, choice.semconv, capture=choice.capture
    )


def _is_wanted(row: Row, options: argparse.Namespace) -> bool:
    if options.only and row.name not in options.only:
        return False
    if options.oldest and not row.oldest:
        return False
    return row.lands or not options.landing


def _compare_tree(row: Row, tree: str, keep: bool) -> list[str]:
    """Return the lines in which a tree differs from the one that is kept; keep it if so wished."""
    path = TREES / f"{row.name}.txt"
    if keep:
        path.write_text(tree, encoding="utf-8")
    expected = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(
        expected.splitlines(), tree.splitlines(), "kept", "now", lineterm=""
    )
    return list(lines)


def run(row: Row, python: Path, settings: Mapping[str, str] | None = None) -> Run:
    """Run the program of a framework in its environment, with settings as variables."""
    with tempfile.TemporaryDirectory() as folder, ModelServer() as server:
        file = Path(folder) / "spans.jsonl"
        start = time.perf_counter()
        program = subprocess.run(
            [python.with_name("callspan"), "run", "--file", file, python, row.path],
            cwd=folder,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            env={**os.environ, **_variables(python, server), **(settings or {})},
        )
        seconds = time.perf_counter() - start
        if program.returncode:
            raise SystemExit(f"{row.program} ended with {program.returncode}:\n{program.stdout}")
        # a child process writes a file of its own
        files = sorted(file.parent.glob(f"{file.name}*"))
        spans = read_spans(*files)
        emitted = [read_lines(each) for each in files]
        return Run(spans, compare_usage(spans, server.ledger.total_told), seconds, emitted)


def _variables(python: Path, server: ModelServer) -> dict[str, str]:
    """Return the variables by which a program finds its environment and the server."""
    return {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "OPENAI_BASE_URL": server.url,
        "OPENAI_API_KEY": "none",
        "NO_PROXY": "127.0.0.1",
    }


def _environment(row: Row, uv: str, oldest: bool) -> Environment:
    """Return the environment of a row: callspan, OpenAI's client and the framework."""
    wanted = matrix.Row(row.name, row.requirements, (), extra="demo")
    if oldest:
        wanted = matrix.Row(f"{row.name}-oldest", row.oldest, (), extra="demo")
    return Environment(wanted, uv, cache().with_name("frameworks"))


if __name__ == "__main__":
    sys.exit(main())
