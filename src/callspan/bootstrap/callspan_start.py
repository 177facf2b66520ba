"""Begin to record the program's process under `callspan run`, and those of its children.

Until OpenTelemetry or a client is imported this does nothing but wait, so that the many small
Python processes which a program may start pay next to nothing. For the same reason no other part
of callspan is imported before that.
"""

from __future__ import annotations

import atexit
import os
import sys

# not `typing`'s, whose import takes time; type checkers know the name
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


def start(
    when_imported: Callable[[str, Callable[[], None]], None], client_modules: Iterable[str]
) -> None:
    """Get ready to record this process, unless there are no modules of clients to wait for."""
    modules = tuple(client_modules)
    if not modules:
        return
    when_imported("opentelemetry.trace", _guarded(_await_first_span))
    when_imported("fastapi.applications", _guarded(_await_first_request))
    for module in modules:
        when_imported(module, _guarded(_instrument))


def share_table(path: str) -> None:
    """Print at the end, after all else, one table of the children that have left their sums in a file.

    A server's first process may never import a client, so the file is made here (docs/decisions/0107).

    Args:
        path: The file, which is not made yet; empty where there is none.
    """
    if not path:
        return
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError:  # each process has a table of its own
        return
    process = os.getpid()

    def print_table() -> None:
        # a forked child has this function too
        if os.getpid() == process and not _remove_empty(path):
            from callspan.export.text.program_table import print_token_table

            print_token_table({})

    atexit.register(_guarded(print_table))


def _remove_empty(path: str) -> bool:
    """Remove a file in which nothing stands; return whether it is gone."""
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # the end of this process's own calls has taken it
        return True
    try:
        # a child that is about to write is waited for, or finds it gone
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_size:
            return False
        os.unlink(path)
        return True
    finally:
        os.close(descriptor)


def _instrument() -> None:
    from callspan.cli import deferred

    deferred.instrument()


def _set_up() -> None:
    from callspan.cli import deferred

    deferred.PROVIDERS.set_up()


def _await_first_span() -> None:
    """Set providers up at the first span of a tracer that has none behind it, the app's or ours.

    OpenTelemetry hands out proxies until there is a provider, and each of them reads its property
    `_tracer` at each span (private; opentelemetry-api 1.45, tests/cli/test_first_calls.py).
    """
    proxy = sys.modules["opentelemetry.trace"].ProxyTracer
    original = vars(proxy).get("_tracer")
    if not isinstance(original, property) or original.fget is None:
        # An API without that property: the providers cannot wait for the first span.
        _set_up()
        return
    get_original = original.fget
    set_up = _guarded(_set_up)

    def _tracer(tracer: Any) -> Any:
        set_up()
        if vars(proxy).get("_tracer") is watched:
            proxy._tracer = original
        return get_original(tracer)

    watched = property(_tracer)
    proxy._tracer = watched


def _await_first_request() -> None:
    """Set providers up at the first request to FastAPI, which makes no span of it while there are none.

    Not at the start of the app's lifespan: there FastAPI makes providers of its own, if it was told to
    (fastapi 0.165, tests/cli/test_servers.py).
    """
    if "fastapi.telemetry" not in sys.modules:
        return  # an older one, which makes no spans
    app_class = sys.modules["fastapi.applications"].FastAPI
    original = app_class.__call__
    set_up = _guarded(_set_up)

    async def __call__(app: Any, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            set_up()
            if app_class.__call__ is __call__:
                app_class.__call__ = original
        await original(app, scope, receive, send)

    app_class.__call__ = __call__


def _guarded(step: Callable[[], None]) -> Callable[[], None]:
    def guarded() -> None:
        try:
            step()
        except ModuleNotFoundError as error:
            # Another Python, such as that of a tool which the program starts, may lack callspan.
            if error.name != "callspan":
                _say_missing(error)
        except Exception as error:  # noqa: BLE001  the program must run as if callspan were not there
            say(error)

    return guarded


def _say_missing(error: ModuleNotFoundError) -> None:
    from callspan.runtime.requirements import advice

    line = advice(error)
    if line is None:
        say(error)
    else:
        say(ValueError(f"{line}; nothing is recorded"))


def say(error: Exception) -> None:
    """Write on stderr, in one line, what went wrong: the program goes on without telemetry."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, ValueError):
        text = str(error)  # of ours: a line that names the fix
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"callspan: {' '.join(text.split())}\n")
    except Exception:  # noqa: BLE001  stderr may be closed, or be an object of the program's
        return
