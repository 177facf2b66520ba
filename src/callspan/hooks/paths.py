"""Endpoints by the URLs of their requests, for the hooks that see these.

The name of such an endpoint is the end of a path: `/chat/completions`. A part in braces stands for
any one part, and a method other than POST stands before the path: `GET /responses/{id}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")
_PARAMETER = re.compile(r"\{\w+\}")


def by_path(values: Mapping[str, T]) -> Callable[[str, str], T | None]:
    """Return a function that finds a value by the HTTP method and the path of a request.

    Args:
        values: The values by the names of their endpoints; of several that fit, the first.
    """
    patterns: list[tuple[str, re.Pattern[str], T]] = []
    for name, value in values.items():
        method, path = name.split(" ") if " " in name else ("POST", name)
        literals = map(re.escape, _PARAMETER.split(path))
        # the end alone: base URLs and gateways put parts of their own in front
        patterns.append((method, re.compile(f"{'[^/]+'.join(literals)}$"), value))

    # each call asks, and an app uses few paths; those with ids must not fill the memory
    @lru_cache(maxsize=1024)
    def find(method: str, url: str) -> T | None:
        path = url.partition("?")[0]
        for endpoint_method, pattern, value in patterns:
            if endpoint_method == method.upper() and pattern.search(path):
                return value
        return None

    return find
