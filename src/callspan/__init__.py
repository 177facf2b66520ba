"""OpenTelemetry spans, events and token metrics for every call to a language model."""

from callspan.events import Call, Content, Failure, Handler, Outcome, Response, Retry, Token, Usage
from callspan.handlers.counter import TokenCount, count_tokens
from callspan.install import attach, configure, flush, instrument, status, uninstrument, use_handlers
from callspan.scope import carry
from callspan.settings import Settings, SettingsError
from callspan.version import __version__

__all__ = [
    "Call",
    "Content",
    "Failure",
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
    "attach",
    "carry",
    "configure",
    "count_tokens",
    "flush",
    "instrument",
    "status",
    "uninstrument",
    "use_handlers",
]
