"""Providers and exporters for programs that have not set up OpenTelemetry."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from callspan.clients import CLIENTS
from callspan.runtime import guard, process
from callspan.runtime.errors import ConfigurationError
from callspan.settings.choices import ConsoleContent
from callspan.setup import state

if TYPE_CHECKING:
    from callspan.export.destinations import Destinations

_is_registered = False


def configure(
    *,
    console: bool | ConsoleContent = False,
    file: str | None = None,
    otlp: str | bool | None = None,
    prometheus: str | None = None,
) -> None:
    """Set up OpenTelemetry for a script or a notebook that has not done so.

    Destinations that the environment or `callspan run` asks for are kept beside these; another call
    replaces those of the call before. Providers that the app has set are kept. With no argument,
    the console is used.

    Args:
        console: Print each trace as a tree, and a table of tokens at exit, to stderr; `"content"`
            for trees with messages, in short, where `instrument(capture="span")` records it.
        file: The path of a file to which OTLP JSON lines are appended.
        otlp: The endpoint of a collector, such as `http://localhost:4318`; `True` for the one that
            the `OTEL_*` variables name.
        prometheus: The address, as `HOST:PORT`, at which `/metrics` is served.

    Raises:
        ConfigurationError: A destination cannot be used.
    """
    _check_types(console, file, otlp, prometheus)
    # here, as neither `import callspan` nor `instrument()` loads an exporter (tests/test_import.py)
    from callspan.export.destinations import Destinations

    has_destination = any((file, otlp, prometheus))
    destinations = Destinations(
        bool(console) or not has_destination,
        file,
        bool(otlp),
        otlp if isinstance(otlp, str) else None,
        prometheus,
        content=console == "content",
    )
    _set_up(destinations)
    _refresh_handlers()


def _set_up(destinations: Destinations) -> None:
    """Set up the providers for these destinations, and for those of the operator beside them."""
    from callspan.export import providers
    from callspan.export.operators import operators_choice

    # before ours are set, as a provider of the app's own cannot be told from ours afterwards
    operators = operators_choice()
    providers.setup(destinations)
    if operators.any:
        providers.setup(operators, strict=False, by="operator")


def _refresh_handlers() -> None:
    """Let calls reach the handlers of the new destinations too."""
    with state.lock:
        if state.current is not None:
            state.current.refresh_handlers()
    _register_check()


def _check_types(console: object, file: object, otlp: object, prometheus: object) -> None:
    """Raise `ConfigurationError` for an argument whose type means nothing: `"false"` would be true."""
    if not isinstance(console, bool) and console != "content":
        raise ConfigurationError(f'console is {console!r}: use True, False or "content"')
    if not isinstance(file, (str, os.PathLike, type(None))):
        raise ConfigurationError(f"file is {file!r}: use the path of a file")
    if not isinstance(otlp, (str, bool, type(None))):
        raise ConfigurationError(f"otlp is {otlp!r}: use an endpoint, or True")
    if not isinstance(prometheus, (str, type(None))):
        raise ConfigurationError(f"prometheus is {prometheus!r}: use HOST:PORT")


def _register_check() -> None:
    """Check at the exit that there was an `instrument()`, which may be called after `configure()`."""
    global _is_registered
    if not _is_registered:
        _is_registered = True
        process.at_exit(_say_if_not_instrumented)


def _say_if_not_instrumented() -> None:
    """Say that no call was recorded, in a program that has a client and never called `instrument()`."""
    has_client = any(client.module in sys.modules for client in CLIENTS)
    if has_client and not state.has_instrumented:
        guard.say_once(
            "no call was recorded: configure() only says where telemetry goes; "
            "call callspan.instrument() too"
        )
