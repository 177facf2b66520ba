"""OpenTelemetry spans, events and token metrics for every call to a language model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callspan.version import __version__

if TYPE_CHECKING:
    from callspan.accounting.budgets import Budget, BudgetExceeded, budget
    from callspan.content.redaction import redact_common
    from callspan.decorators.attributes import attributes
    from callspan.decorators.decorators import agent, tool, workflow
    from callspan.events import (
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
    from callspan.frameworks.langchain.listener import from_langchain
    from callspan.handlers.console import ConsoleHandler
    from callspan.handlers.counter import TokenCount, count_tokens
    from callspan.handlers.file import FileHandler
    from callspan.runtime.errors import SettingsError
    from callspan.runtime.scope import carry
    from callspan.settings.settings import Settings
    from callspan.setup.instrument import (
        attach,
        capture,
        configure,
        flush,
        instrument,
        status,
        uninstrument,
        use_handlers,
    )

_HOMES = {
    "callspan.accounting.budgets": ("Budget", "BudgetExceeded", "budget"),
    "callspan.events": (
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
    "callspan.frameworks.langchain.listener": ("from_langchain",),
    "callspan.handlers.console": ("ConsoleHandler",),
    "callspan.handlers.counter": ("TokenCount", "count_tokens"),
    "callspan.handlers.file": ("FileHandler",),
    "callspan.setup.instrument": (
        "attach",
        "capture",
        "configure",
        "flush",
        "instrument",
        "status",
        "uninstrument",
        "use_handlers",
    ),
    "callspan.decorators.attributes": ("attributes",),
    "callspan.decorators.decorators": ("agent", "tool", "workflow"),
    "callspan.runtime.scope": ("carry",),
    "callspan.runtime.errors": ("SettingsError",),
    "callspan.settings.settings": ("Settings",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import callspan` alone costs next to nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'callspan' has no attribute {name!r}")
    import importlib

    try:
        value = getattr(importlib.import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        return _without_requirement(name, error)
    globals()[name] = value
    return value


def _without_requirement(name: str, error: ModuleNotFoundError) -> Any:
    """Return what stands for a function of ours where a package that we need is missing, or raise in one line."""
    from callspan.runtime.requirements import advice

    line = advice(error)
    if line is None:
        raise error
    if name not in ("instrument", "uninstrument"):
        raise ModuleNotFoundError(line, name=error.name) from None
    return lambda **_options: _warn(f"{line}; nothing is recorded")


def _warn(line: str) -> None:
    from callspan.runtime import guard

    guard.say_once(line)


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "Budget",
    "BudgetExceeded",
    "Call",
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
    "flush",
    "from_langchain",
    "instrument",
    "redact_common",
    "status",
    "tool",
    "uninstrument",
    "use_handlers",
    "workflow",
]
