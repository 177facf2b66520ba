"""OpenTelemetry spans, events and token metrics for every call to a language model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callspan.version import __version__

# for type checkers and editors; at run time `_load` imports a name when it is used
if TYPE_CHECKING:
    from callspan.accounting.budgets import Budget, BudgetExceeded, budget
    from callspan.content.redaction import redact_common
    from callspan.decorators.attributes import attributes
    from callspan.decorators.decorators import agent, tool, workflow
    from callspan.events import (
        AnyHandler,
        Call,
        Content,
        Failure,
        Handler,
        Outcome,
        Response,
        Retry,
        Token,
        Usage,
    )
    from callspan.frameworks.langchain.forwarding import from_langchain
    from callspan.handlers.console import ConsoleHandler
    from callspan.handlers.counter import TokenCount, count_tokens
    from callspan.handlers.file import FileHandler
    from callspan.runtime.bound_function import carry
    from callspan.runtime.errors import ConfigurationError, SettingsError
    from callspan.settings.settings import Settings
    from callspan.setup.attach import attach, capture, use_handlers
    from callspan.setup.configure import configure
    from callspan.setup.evaluation import evaluation
    from callspan.setup.flush import flush
    from callspan.setup.inspection import Status
    from callspan.setup.instrument import instrument, status, uninstrument
    from callspan.setup.token_table import table

_HOMES = {
    "callspan.accounting.budgets": ("Budget", "BudgetExceeded", "budget"),
    "callspan.events": (
        "AnyHandler",
        "Call",
        "Content",
        "Failure",
        "Handler",
        "Outcome",
        "Response",
        "Retry",
        "Token",
        "Usage",
    ),
    "callspan.content.redaction": ("redact_common",),
    "callspan.frameworks.langchain.forwarding": ("from_langchain",),
    "callspan.handlers.console": ("ConsoleHandler",),
    "callspan.handlers.counter": ("TokenCount", "count_tokens"),
    "callspan.handlers.file": ("FileHandler",),
    "callspan.setup.attach": ("attach", "capture", "use_handlers"),
    "callspan.setup.configure": ("configure",),
    "callspan.setup.evaluation": ("evaluation",),
    "callspan.setup.flush": ("flush",),
    "callspan.setup.inspection": ("Status",),
    "callspan.setup.instrument": ("instrument", "status", "uninstrument"),
    "callspan.setup.token_table": ("table",),
    "callspan.decorators.attributes": ("attributes",),
    "callspan.decorators.decorators": ("agent", "tool", "workflow"),
    "callspan.runtime.bound_function": ("carry",),
    "callspan.runtime.errors": ("ConfigurationError", "SettingsError"),
    "callspan.settings.settings": ("Settings",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def _load(name: str) -> Any:
    """Import a public name at its first use, so that `import callspan` costs next to nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'callspan' has no attribute {name!r}")
    import importlib

    try:
        value = getattr(importlib.import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        return _without_requirement(name, error)
    # the next use finds the name in the module, without a call of `__getattr__`
    globals()[name] = value
    return value


if not TYPE_CHECKING:
    # A type checker that saw it would take any name for one of ours, also a misspelt one.
    __getattr__ = _load


def _without_requirement(name: str, error: ModuleNotFoundError) -> Any:
    """Return a function that only warns, where a package that we need is missing, or raise.

    The error is one line that names the package to install.
    """
    from callspan.runtime.requirements import advice

    line = advice(error)
    if line is None:
        raise error
    # a program must start without its telemetry; all else has to say what is missing
    if name not in ("instrument", "uninstrument"):
        raise ModuleNotFoundError(line, name=error.name) from None
    return lambda **_options: _warn(f"{line}; nothing is recorded")


def _warn(line: str) -> None:
    from callspan.runtime import guard

    guard.say_once(line)


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "AnyHandler",
    "Budget",
    "BudgetExceeded",
    "Call",
    "ConfigurationError",
    "ConsoleHandler",
    "Content",
    "Failure",
    "FileHandler",
    "Handler",
    "Outcome",
    "Response",
    "Retry",
    "Settings",
    "SettingsError",
    "Status",
    "Token",
    "TokenCount",
    "Usage",
    "__version__",
    "agent",
    "attach",
    "attributes",
    "budget",
    "capture",
    "carry",
    "configure",
    "count_tokens",
    "evaluation",
    "flush",
    "from_langchain",
    "instrument",
    "redact_common",
    "status",
    "table",
    "tool",
    "uninstrument",
    "use_handlers",
    "workflow",
]
