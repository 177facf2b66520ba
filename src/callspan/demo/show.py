"""Run the flower shop, an unchanged example program, against the scripted model server."""

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
from callspan.demo.totals import Totals, read_totals, server_totals
from callspan.export.destinations import from_environment
from callspan.runtime.errors import ConfigurationError
from callspan.testing.modelserver import ModelServer

_DESCRIPTION = """\
Run a small program that talks to a language model, as `callspan run` would, and show its calls.

It needs no key and no network: a model server on this machine answers, through the real openai client.
At the end, the tokens that callspan recorded are compared with those that the server handed out.
"""
_INTRODUCTION = """\
callspan demo: an unchanged program, {program}, talks through the openai client
to a model server on this machine. Between the lines that the program prints, each trace stands as a tree
(model, tokens in and out, time to first token, duration, outcome; a retry, a reader who leaves, and an
error are among them); at the end, the tokens by model (~ marks an estimate).
The same for a program of your own: callspan run app.py
"""
# The user's own settings would show another demo; those of OTLP hold where --otlp asks for them.
_LEFT_OUT = ("OTEL_", "CALLSPAN_", "OPENAI_", "FLOWER_SHOP_")
_OTLP_VARIABLES = ("OTEL_EXPORTER_OTLP_", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES")


def main(words: Sequence[str]) -> int:
    """Run the flower shop, and return 1 if it fails or the tokens of both sides differ."""
    parser = Parser("callspan demo", description=_DESCRIPTION)
    parser.add_argument(
        "--otlp",
        action="store_true",
        help="also send it where the OTEL_* variables say (else they are ignored)",
    )
    arguments = parser.parse_args(words)
    if importlib.util.find_spec("openai") is None:
        raise Problem("callspan demo needs the extra: pip install 'callspan[demo]'")
    program = find_flower_shop()
    with (
        tempfile.TemporaryDirectory(prefix="callspan-") as folder,
        # Its first call is refused once, so that a retry is among what is shown.
        ModelServer(first_call_busy=True) as server,
    ):
        file = Path(folder, "traces.jsonl")
        env = _environment(server.url, file, arguments.otlp)
        _print(_INTRODUCTION.format(program=program.name))
        # A process of its own, so that the program is as unchanged as one of the user's.
        child = subprocess.run([sys.executable, program], env=env, check=False)
        return _compare(server_totals(server.ledger), read_totals(file), child.returncode)


def find_flower_shop() -> Path:
    """Return the path of the program, which differs between a package and a source checkout."""
    folder = Path(__file__).resolve().parent
    packaged = folder / "flower_shop.py"
    checked_out = folder.parents[2] / "examples" / "flower_shop.py"
    for path in (packaged, checked_out):
        if path.exists():
            return path
    raise Problem(
        "the demo's program is missing from this installation: "
        "pip install --force-reinstall callspan"
    )


def _environment(url: str, file: Path, otlp: bool) -> dict[str, str]:
    """Return the environment of the program, which records to the console and to a file."""
    base: dict[str, str] = {}
    for name, value in os.environ.items():
        is_for_otlp = otlp and name.startswith(_OTLP_VARIABLES)
        if is_for_otlp or not name.startswith(_LEFT_OUT):
            base[name] = value
    base["OPENAI_BASE_URL"] = url
    base["OPENAI_API_KEY"] = "demo"
    # A proxy could not reach the model server; clients differ in the spelling that they read.
    base["NO_PROXY"] = base["no_proxy"] = "127.0.0.1"
    base.setdefault("OTEL_SERVICE_NAME", "flower-shop")
    env = child_environment({"CALLSPAN_CONSOLE": "true", "CALLSPAN_FILE": str(file)}, base)
    if otlp:
        _check_collector(env)
    return env


def _check_collector(env: Mapping[str, str]) -> None:
    """Raise `Problem` if the environment names no collector, or a wrong one."""
    try:
        targets = from_environment(env).targets(env)
    except ConfigurationError as error:
        raise Problem(str(error)) from None
    if not targets:
        raise Problem(
            "--otlp needs to know where: "
            "set OTEL_EXPORTER_OTLP_ENDPOINT, as to http://localhost:4318"
        )


def _compare(handed_out: Totals, recorded: Totals, code: int) -> int:
    """Print whether the server and callspan agree, and return the exit code."""
    if code:
        _print(f"the program ended with exit code {code}")
        return 1
    if recorded != handed_out:
        _print(f"server handed out: {handed_out}: NOT equal, callspan recorded: {recorded}")
        return 1
    _print(f"server handed out: {handed_out}: equal")
    return 0


def _print(text: str) -> None:
    # To stderr, where callspan prints too: stdout is the program's own.
    print(text, file=sys.stderr, flush=True)
