"""`python -m callspan.modelserver COMMAND ...`: a program that needs a model, run without a key."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Sequence

from .server import ModelServer

# A proxy could not reach the server; clients differ in the spelling that they read.
_LOCAL = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
_EXAMPLES = """\
examples:
  python -m callspan.modelserver python app.py   run a program with the server as its model
  python -m callspan.modelserver --port 8080     serve until Ctrl-C
"""


def main(arguments: Sequence[str]) -> int:
    """Run a command with the server as its model; without a command, serve until Ctrl-C.

    Returns:
        The exit code of the command, 127 if it cannot be run, or 1 if the port cannot be used.
    """
    options = _parser().parse_args(arguments)
    command = options.command
    # some versions of argparse keep the mark that ends our own options
    if command[:1] == ["--"]:
        command = command[1:]
    try:
        server = ModelServer(options.port)
    except OSError as error:
        print(f"port {options.port}: {error.strerror}", file=sys.stderr)
        return 1
    with server:
        if command:
            return _run(command, server)
        print(f"OPENAI_BASE_URL={server.url}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):  # the way to end it
            threading.Event().wait()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m callspan.modelserver",
        description="A model server on 127.0.0.1 for tests, which needs no key and repeats each "
        "question.\nIt gives the program its address as OPENAI_BASE_URL.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--port", type=_port, default=0, metavar="N", help="the port; a free one by default"
    )
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="COMMAND ...",
        help="a program with its arguments; without one it serves until Ctrl-C",
    )
    return parser


def _port(text: str) -> int:
    # `isdecimal`, as `int` takes "1_0" and signs too
    if text.isdecimal() and len(text) < 6 and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: use a number from 0 to 65535")


def _run(command: Sequence[str], server: ModelServer) -> int:
    env = {**os.environ, **_LOCAL, "OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "none"}
    try:
        return subprocess.run(command, env=env, check=False).returncode
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
