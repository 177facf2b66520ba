"""Other instrumentations of the same client. They are named, and never unpatched."""

from __future__ import annotations

import sys

from callspan.frameworks.integration import Integration
from callspan.hooks.client import Client

_OURS = "callspan."


def other_instrumentations(client: Client | Integration) -> tuple[str, ...]:
    """Return the names of the packages that have instrumented a client beside us.

    For frameworks none are known.

    A package that is only loaded has not; so the client's functions are looked at as well.
    """
    if not isinstance(client, Client):
        return ()
    names: list[str] = []
    for module, name in client.conflicts.items():
        if module in sys.modules and name not in names:
            names.append(name)
    if not names or not _is_wrapped_by_others(client):
        return ()
    return tuple(names)


def _is_wrapped_by_others(client: Client) -> bool:
    """Whether code from outside the client and callspan wraps a public method of the client."""
    for module, path in client.public_methods:
        function: object = sys.modules.get(module)
        for name in path.split("."):
            function = getattr(function, name, None)
        while function is not None:
            if not _belongs_to(_origin(function), client.module):
                return True
            function = getattr(function, "__wrapped__", None)
    return False


def _origin(function: object) -> str:
    """Return the module of a wrapper, or the file of a plain function, or an empty text."""
    # wrapt's proxies answer for the function that they wrap, and keep their wrapper here
    wrapper = getattr(function, "_self_wrapper", None)
    module = getattr(wrapper, "__module__", None)
    if module:
        return str(module)
    code = getattr(function, "__code__", None)
    return code.co_filename if code else ""


def _belongs_to(origin: str, home: str) -> bool:
    """Whether a module, or the path of a file, belongs to the client's package or to ours."""
    # Windows writes paths with backslashes
    folder = f"{home.replace('.', '/')}/"
    if folder in origin.replace("\\", "/"):
        return True
    return origin.startswith((home, _OURS))
