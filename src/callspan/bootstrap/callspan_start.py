"""What `callspan run` does at the start of the program's process, and of those of its children.

Nothing but to wait for an import of OpenTelemetry or of a model client, so that the many small Python processes
which a program may start pay next to nothing. For the same reason this imports no other part of callspan.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

CLIENT_MODULES = "CALLSPAN_RUN_MODULES"
"""The variable by which `callspan run` names the modules of the clients that are looked for."""


def start(when_imported: Callable[[str, Callable[[], None]], None]) -> None:
    """Get ready to record this process, unless the environment says no."""
    if switched_off(os.environ):
        return
    when_imported("opentelemetry.trace", _guarded(_await_first_span))
    for module in os.environ.get(CLIENT_MODULES, "openai").split(","):
        when_imported(module, _guarded(_instrument))


def switched_off(environ: Mapping[str, str]) -> str | None:
    """The variable that says that nothing shall be recorded, or None."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return "OTEL_SDK_DISABLED"
    disabled = environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")
    if {"callspan", "*"} & {name.strip() for name in disabled}:
        return "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
    return None


def _instrument() -> None:
    from callspan.cli import deferred as late

    late.instrument()


def _set_up() -> None:
    from callspan.cli import deferred as late

    late.PROVIDERS.set_up()


def _await_first_span() -> None:
    """Set providers up at the first span of a tracer that has none behind it, be it the app's or ours."""
    # OpenTelemetry hands out proxies until there is a provider; each asks here for what is behind it.
    proxy = sys.modules["opentelemetry.trace"].ProxyTracer
    original = vars(proxy).get("_tracer")
    if not isinstance(original, property) or original.fget is None:
        _set_up()
        return
    behind = original.fget
    set_up = _guarded(_set_up)

    def _tracer(tracer: Any) -> Any:
        set_up()
        if vars(proxy).get("_tracer") is watched:
            proxy._tracer = original
        return behind(tracer)

    watched = property(_tracer)
    proxy._tracer = watched


def _guarded(step: Callable[[], None]) -> Callable[[], None]:
    def guarded() -> None:
        try:
            step()
        except ModuleNotFoundError as error:
            # Another Python, such as that of a tool which the program starts, need not have callspan.
            if error.name != "callspan":
                _say_missing(error)
        except Exception as error:  # noqa: BLE001  the program must run as if callspan were not there
            say(error)

    return guarded


def _say_missing(error: ModuleNotFoundError) -> None:
    from callspan.runtime.requirements import advice

    line = advice(error)
    say(error if line is None else ValueError(f"{line}; nothing is recorded"))


def say(error: Exception) -> None:
    """Say on stderr, in one line, what went wrong: the program goes on without telemetry."""
    text = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"callspan: {' '.join(text.split())}\n")
    except Exception:  # noqa: BLE001  stderr may be closed, or be an object of the program's
        return
