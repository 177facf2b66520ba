"""`callspan view`: the page of traces, from files or from what programs send; or the same as text."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import socket
import sys
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from callspan.cli.entry import Parser
from callspan.cli.problem import Problem

if TYPE_CHECKING:
    from callspan.view.store import Store

OTLP_PORT = 4318
"""Where programs send OTLP over HTTP unless told otherwise."""
_LOOPBACK = "127.0.0.1"
_LAST_PORT = 65535
_DESCRIPTION = """\
Look at traces on a page of this machine.

Without files it listens to OTLP over HTTP on port 4318, for any program of any language. With files, which
`callspan run --file` writes, it shows these and follows them while they grow.
"""
_EPILOG = """\
The page is for this machine alone. With --host it is for others too, who need the address with its token.

examples:
  callspan view                                 listen, and show what comes in
  callspan view traces.jsonl                    show a file
  callspan view traces.jsonl --last             its newest trace, as text
  callspan view traces.jsonl --errors --json    its traces with errors, as JSON
"""


def main(words: Sequence[str]) -> int:
    """Serve the page until it is stopped, or print what is asked for; return the exit code."""
    options = _parser().parse_args(words)
    paths = [Path(each) for each in options.files]
    _check(paths, options)
    # the server's packages are not imported for text
    if options.last or options.trace or options.errors or options.json:
        from callspan.view.text import print_traces

        return print_traces(paths, options)
    return _serve(paths, options)


def _parser() -> Parser:
    parser = Parser("callspan view", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("files", nargs="*", metavar="FILE", help="OTLP JSON lines")
    parser.add_argument("--host", default=_LOOPBACK, help=f"the address to serve on ({_LOOPBACK})")
    parser.add_argument(
        "--port", type=_port, help=f"the port; any that is free with files, else {OTLP_PORT}"
    )
    parser.add_argument(
        "--db", metavar="PATH", default="", help="keep spans in this file, not in memory"
    )
    parser.add_argument(
        "--keep", type=int, default=100_000, metavar="N", help="how many spans are kept (100000)"
    )
    parser.add_argument("--no-open", action="store_true", help="do not open a browser")
    parser.add_argument("--last", action="store_true", help="print the newest trace")
    parser.add_argument(
        "--trace", metavar="ID", help="print this trace; the beginning of its id is enough"
    )
    parser.add_argument("--errors", action="store_true", help="print traces with errors")
    parser.add_argument(
        "--json", action="store_true", help="print JSON; all traces, unless told which"
    )
    # for `callspan run --view`: files of child processes too, and an end when nobody looks any more
    parser.add_argument("--children", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--idle", type=float, default=None, metavar="S", help=argparse.SUPPRESS)
    parser.add_argument("--temporary", action="store_true", help=argparse.SUPPRESS)
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 0 to {_LAST_PORT}")
    return int(text)


def _check(paths: Sequence[Path], options: argparse.Namespace) -> None:
    # children's files may come later
    if not options.children:
        _check_files(paths)
    if options.keep < 1:
        raise Problem("--keep takes a number of spans, 1 or more")
    wants_text = any((options.last, options.trace, options.errors, options.json))
    if wants_text and not paths:
        raise Problem("name the files to read: callspan view traces.jsonl --last")


def _check_files(paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.is_file():
            raise Problem(f"{path} is no file: `callspan run --file {path.name} app.py` writes one")


def _serve(paths: Sequence[Path], options: argparse.Namespace) -> int:
    """Serve the page until somebody ends it, or until nobody has looked for the idle time."""
    import uvicorn

    from callspan.view.access import is_loopback
    from callspan.view.application import make_application
    from callspan.view.store import Store

    # bound before anything else, so that a port that is taken is one line
    listener = _listen(options.host, _wanted_port(paths, options))
    # 16 random bytes: nobody guesses them
    token = "" if is_loopback(options.host) else secrets.token_urlsafe(16)
    store = _open(Store, options)
    application = make_application(store, options.host, token)
    address = _address(listener, options.host, token)
    # `callspan run --view` reads this line and then goes on (`cli/page.py`)
    print(f"callspan: the page is at {address}{_end(options)}", flush=True)
    if options.idle is not None:
        _leave_terminal()
    # on a thread, so the page is there while a large file is read
    _follow(paths, store, options.children)
    if not options.no_open and _has_screen():
        webbrowser.open(address)
    # one second, as open pages hold a request for changes that never ends by itself
    config = uvicorn.Config(
        application, log_level="warning", timeout_graceful_shutdown=1, lifespan="off"
    )
    server = uvicorn.Server(config)
    if options.idle is not None:
        _end_when_idle(server, application, options.idle)
    server.run(sockets=[listener])
    store.close()
    # the folder was made for this one run: `page.temporary_file`
    if options.temporary:
        for path in paths:
            shutil.rmtree(path.parent, ignore_errors=True)
    return 0


def _end(options: argparse.Namespace) -> str:
    if options.idle is None:
        return " (Ctrl-C ends it)"
    minutes = round(options.idle / 60)
    return f" (process {os.getpid()}, which ends when nobody has looked for {minutes} minutes)"


def _leave_terminal() -> None:
    """Write nothing from now on: the terminal is the program's."""
    # descriptors and not `sys.stdout`, as uvicorn's log and C write there too
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)


def _wanted_port(paths: Sequence[Path], options: argparse.Namespace) -> int:
    if options.port is not None:
        return options.port
    # 0: the system chooses, as nobody has to know the port beforehand
    return 0 if paths else OTLP_PORT


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raise `Problem` if the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    # or a page that was just ended would keep its port for a minute
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        raise Problem(
            f"{host}:{port} cannot be listened on ({reason}), perhaps a collector has it: use --port"
        ) from None
    listener.listen(128)
    return listener


def _open(store: type[Store], options: argparse.Namespace) -> Store:
    import sqlite3

    try:
        return store(options.db, options.keep)
    except sqlite3.Error as error:
        raise Problem(f"{options.db or 'the store'} cannot be used: {error}") from None


def _address(listener: socket.socket, host: str, token: str) -> str:
    port = listener.getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    query = f"/?token={token}" if token else ""
    return f"http://{name}:{port}{query}"


def _follow(paths: Sequence[Path], store: Store, has_children: bool) -> None:
    from callspan.view.follow import FollowedFiles, follow
    from callspan.view.receiving import keep_documents

    if paths:
        follow(
            FollowedFiles(paths, has_children), lambda documents: keep_documents(store, documents)
        )


def _has_screen() -> bool:
    """Whether a browser with a window can be opened; one of the terminal would take the terminal."""
    if sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _end_when_idle(server: Any, application: Any, seconds: float) -> None:
    """End the server when nothing has come in and nobody has asked for so long."""
    import threading

    def watch() -> None:
        # looked at each second; a request in between moves the end by the whole time
        while not server.should_exit:
            time.sleep(min(seconds, 1.0))
            if time.monotonic() - application.state.last_request > seconds:
                server.should_exit = True

    threading.Thread(target=watch, name="callspan-view-idle", daemon=True).start()
