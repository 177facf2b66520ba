"""The object that stands for a client object where its calls are seen."""

from __future__ import annotations

from functools import reduce
from typing import Any

from callspan.clients import ADAPTERS


def spoken_through(client: Any) -> Any:
    """The object that the door sees when this client object makes a call."""
    for adapter in ADAPTERS:
        # some packages have their clients of clouds beside them, as mistralai has mistralai_azure
        if adapter.inner is not None and type(client).__module__.startswith(
            (f"{adapter.module}.", f"{adapter.module}_")
        ):
            return reduce(
                lambda found, name: getattr(found, name, client), adapter.inner.split("."), client
            )
    return client
