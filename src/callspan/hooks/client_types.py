"""Names for objects of the clients' libraries, which are not imported here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]
"""A client's function, as it was before it was wrapped."""
Args = tuple[Any, ...]
"""The positional arguments of a call, as the app or the client wrote them."""
Kwargs = dict[str, Any]
"""The named arguments of a call."""
ClientObject = Any
"""An object of a client's: the app's client object, a request, a response, a stream."""
ClientClass = Any
"""A class of a client's, which a class made while the program runs may have as its base."""
Result = Any
"""What a client's function returns: an answer, a stream, a response, or a coroutine of these."""
