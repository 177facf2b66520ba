"""LiteLLM's integration: its patches, and the subscription to its calls."""

from __future__ import annotations

from functools import partial

from callspan.frameworks.integration import Integration, ObservationFactory
from callspan.frameworks.litellm import calls
from callspan.frameworks.litellm.functions import FUNCTIONS
from callspan.hooks.pools import submit_from
from callspan.runtime.patching import Patch

_LOG = "litellm.litellm_core_utils.litellm_logging"
_BATCHES = "litellm.batch_completion.main"
_POOLS = (_BATCHES, "litellm.main", "litellm.litellm_core_utils.asyncify")
"""The modules that call models from thread pools of their own, to which no context goes."""
_HTTP = "litellm.llms.custom_httpx.http_handler"


_INNER = "original_function"
"""The variable in which LiteLLM's decorator keeps the function.

The decorator calls it for requests that are neither in a cache nor refused.
"""


def patches() -> list[Patch]:
    """Return the patches of LiteLLM's functions, of its log and of its HTTP clients."""
    patches: list[Patch] = []
    # the functions inside the decorator: programs take the decorated ones by name, at any time
    for function in FUNCTIONS:
        wrapper = partial(calls.call_function, function)
        patches.append(Patch(function.module, function.name, wrapper, function.optional, _INNER))
    # the log tells whether and where a request was sent, and what came back
    patches += [
        Patch(_LOG, "Logging.pre_call", calls.log_request),
        Patch(_LOG, "Logging.post_call", calls.log_answer),
        # the class is Python's own and everybody's: the wrapper looks who calls (decision 0012)
        Patch(_BATCHES, "ThreadPoolExecutor.submit", submit_from(*_POOLS), optional=True),
        Patch(_HTTP, "HTTPHandler.post", calls.post, optional=True),
        Patch(_HTTP, "AsyncHTTPHandler.post", calls.apost, optional=True),
    ]
    return patches


def subscribe(create_observation: ObservationFactory | None, _everywhere: bool) -> None:
    """Report calls to this factory from now on; with `None` those that are open still end."""
    calls.subscription.create_observation = create_observation


LITELLM = Integration(
    name="litellm",
    package="litellm",
    module="litellm",
    packages=("litellm",),
    versions=("1.80", "2"),
    operations=tuple(dict.fromkeys(function.wire_format.operation for function in FUNCTIONS)),
    patches=patches,
    subscribe=subscribe,
)
