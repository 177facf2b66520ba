"""LiteLLM as a source of calls: the patches, and what is done with them."""

from __future__ import annotations

from functools import partial

from callspan.frameworks.integration import Opener, Source
from callspan.frameworks.litellm import calls
from callspan.frameworks.litellm.functions import FUNCTIONS
from callspan.hooks.pools import submit_from
from callspan.runtime.patching import Patch

_LOG = "litellm.litellm_core_utils.litellm_logging"
_BATCHES = "litellm.batch_completion.main"
_POOLS = (_BATCHES, "litellm.main", "litellm.litellm_core_utils.asyncify")
"""The modules that call models from thread pools of their own, to which no context goes."""
_HTTP = "litellm.llms.custom_httpx.http_handler"


def patches() -> list[Patch]:
    """The patches by which LiteLLM is heard: what its decorator calls in the end, its log, and its HTTP client."""
    return [
        *(
            Patch(
                function.module,
                function.name,
                partial(calls.asked, function),
                function.optional,
                _KEPT,
            )
            for function in FUNCTIONS
        ),
        Patch(_LOG, "Logging.pre_call", calls.sent),
        Patch(_LOG, "Logging.post_call", calls.answered),
        Patch(_BATCHES, "ThreadPoolExecutor.submit", submit_from(*_POOLS), optional=True),
        Patch(_HTTP, "HTTPHandler.post", calls.posted, optional=True),
        Patch(_HTTP, "AsyncHTTPHandler.post", calls.aposted, optional=True),
    ]


_KEPT = "original_function"
"""Where the decorator keeps what it decorates, which it calls for what is neither in a cache nor refused."""


def listen(opener: Opener | None, _everywhere: bool) -> None:
    """Begin calls by this opener from now on, or none."""
    calls.listener.opener = opener


LITELLM = Source(
    name="litellm",
    package="litellm",
    module="litellm",
    packages=("litellm",),
    versions=("1.80", "2"),
    operations=tuple(dict.fromkeys(function.wire_format.operation for function in FUNCTIONS)),
    patches=patches,
    listen=listen,
)
