"""The demo: the flower shop, unchanged, against a model server of ours."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from callspan.cli.entry import Parser
from callspan.cli.environment import child_environment
from callspan.cli.problem import Problem
from callspan.demo.totals import Totals, handed_out, recorded
from callspan.export.destinations import from_environment
from callspan.runtime.errors import ConfigurationError
from callspan.testing.modelserver import ModelServer

_DESCRIPTION = """\
Run a small program that talks to a language model, as `callspan run` would, and show its calls.

It needs no key and no network: a model server on this machine answers, through the real openai client.
At the end, the tokens that callspan recorded are compared with those that the server handed out.
"""
_EXPLAINED = """\
callspan demo: an unchanged program, {program}, talks through the openai client
to a model server on this machine. What the program prints comes first. Then each trace as a tree (model,
tokens in and out, time to first token, duration, outcome; a retry, a reader who leaves, and an error are
among them), then the tokens by model. The same for a program of your own: callspan run app.py
"""
_OURS_TO_SET = ("OTEL_", "CALLSPAN_", "OPENAI_", "FLOWER_SHOP_")
_KEPT_FOR_OTLP = ("OTEL_EXPORTER_OTLP_", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES")


def main(words: Sequence[str]) -> int:
    """Show the flower shop's calls; 1 where the two counts differ."""
    parser = Parser("callspan demo", description=_DESCRIPTION)
    parser.add_argument(
        "--otlp",
        action="store_true",
        help="also send it where the OTEL_* variables say (else they are ignored)",
    )
    chosen = parser.parse_args(words)
    if importlib.util.find_spec("openai") is None:
        raise Problem("callspan demo needs the extra: pip install 'callspan[demo]'")
    program = flower_shop()
    with (
        tempfile.TemporaryDirectory(prefix="callspan-") as folder,
        ModelServer(first_call_busy=True) as server,
    ):
        file = Path(folder, "traces.jsonl")
        env = _environment(server.url, file, chosen.otlp)
        _print(_EXPLAINED.format(program=program.name))
        code = subprocess.run([sys.executable, program], env=env, check=False).returncode
        return _compared(handed_out(server.ledger), recorded(file), code)


def flower_shop() -> Path:
    """The program: beside this file in an installed package, among the examples in a source checkout."""
    here = Path(__file__).resolve().parent
    for found in (here / "flower_shop.py", here.parents[2] / "examples" / "flower_shop.py"):
        if found.exists():
            return found
    raise Problem(
        "the demo's program is missing from this installation: pip install --force-reinstall callspan"
    )


def _environment(url: str, file: Path, otlp: bool) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if otlp and name.startswith(_KEPT_FOR_OTLP)
    }
    base = {
        name: value for name, value in os.environ.items() if not name.startswith(_OURS_TO_SET)
    } | kept
    base |= {
        "OPENAI_BASE_URL": url,
        "OPENAI_API_KEY": "demo",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    base.setdefault("OTEL_SERVICE_NAME", "flower-shop")
    env = child_environment({"CALLSPAN_CONSOLE": "true", "CALLSPAN_FILE": str(file)}, base)
    if otlp:
        _must_have_a_collector(env)
    return env


def _must_have_a_collector(env: Mapping[str, str]) -> None:
    try:
        if not from_environment(env).targets(env):
            raise Problem(
                "--otlp needs to know where: set OTEL_EXPORTER_OTLP_ENDPOINT, as to http://localhost:4318"
            )
    except ConfigurationError as error:
        raise Problem(str(error)) from None


def _compared(handed: Totals, seen: Totals, code: int) -> int:
    if code:
        _print(f"the program ended with exit code {code}")
        return 1
    if seen != handed:
        _print(f"server handed out: {handed}: NOT equal, callspan recorded: {seen}")
        return 1
    _print(f"server handed out: {handed}: equal")
    return 0


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
