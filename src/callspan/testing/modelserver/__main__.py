"""`python -m callspan.modelserver COMMAND ...`: a program that needs a model, run without a key."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Sequence

from .server import ModelServer

# A proxy could not reach the server; clients differ in the spelling that they read.
_LOCAL = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def main(command: Sequence[str]) -> int:
    """Run a command with the server as its model; without a command, serve until Ctrl-C.

    Returns:
        The exit code of the command, or 127 if it cannot be run.
    """
    with ModelServer() as server:
        if not command:
            print(f"OPENAI_BASE_URL={server.url}", flush=True)
            with contextlib.suppress(KeyboardInterrupt):  # the way to end it
                threading.Event().wait()
            return 0
        env = {**os.environ, **_LOCAL, "OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "none"}
        try:
            return subprocess.run(command, env=env, check=False).returncode
        except OSError as error:
            print(f"{command[0]}: {error.strerror}", file=sys.stderr)
            return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
