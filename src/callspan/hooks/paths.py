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
_PARAMETER = re.compile(r"\{(\w+)\}")


def path_values(name: str) -> Callable[[str], dict[str, str]] | None:
    """Return a function that reads the parts in braces of an endpoint's name from a URL.

    It is `None` for a name without such parts.
    """
    if _PARAMETER.search(name) is None:
        return None
    pattern = _pattern(name.rpartition(" ")[2], r"(?P<\1>[^/]+)")

    def read(url: str) -> dict[str, str]:
        match = pattern.search(url.partition("?")[0])
        return {} if match is None else match.groupdict()

    return read


def _pattern(path: str, part: str) -> re.Pattern[str]:
    """Return the pattern of a path's end, in which `part` stands for each part in braces."""
    # the end alone: base URLs and gateways put parts of their own in front
    escaped = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    return re.compile(f"{_PARAMETER.sub(part, escaped)}$")


def by_path(values: Mapping[str, T]) -> Callable[[str, str], T | None]:
    """Return a function that finds a value by the HTTP method and the path of a request.

    Args:
        values: The values by the names of their endpoints; of several that fit, the first.
    """
    patterns: list[tuple[str, re.Pattern[str], T]] = []
    for name, value in values.items():
        method, path = name.split(" ") if " " in name else ("POST", name)
        patterns.append((method, _pattern(path, "[^/]+"), value))

    # each call asks, and an app uses few paths; those with ids must not fill the memory
    @lru_cache(maxsize=1024)
    def find(method: str, url: str) -> T | None:
        path = url.partition("?")[0]
        for endpoint_method, pattern, value in patterns:
            if endpoint_method == method.upper() and pattern.search(path):
                return value
        return None

    return find
