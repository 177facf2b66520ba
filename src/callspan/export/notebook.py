"""The notebook in which a program runs, if it does: the function that shows HTML under the cell that runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from callspan.runtime import guard, process

Publish = Callable[[dict[str, str]], object]
"""Shows the same thing in several formats, of which a front end takes the best that it has."""


def publisher() -> Publish | None:
    """Return the function that shows data in the notebook; `None` outside of one, and in child processes."""
    # never imported by us: a program in a notebook has it
    ipython: Any = sys.modules.get("IPython")
    # the sockets of a kernel belong to the process that opened them
    if ipython is None or process.is_child():
        return None
    try:
        shell = ipython.get_ipython()
        # IPython in a terminal has no kernel, and a terminal shows no HTML
        return None if getattr(shell, "kernel", None) is None else shell.display_pub.publish
    except Exception as error:  # noqa: BLE001  another version than those that were tried
        guard.report("looking for a notebook", error)
        return None


def show(publish: Publish, text: str, html: str) -> bool:
    """Show a thing as HTML, with its text for front ends without; return whether that worked."""
    try:
        publish({"text/plain": text, "text/html": html})
    except Exception as error:  # noqa: BLE001  it runs in a span of the app's
        guard.report("showing a trace in the notebook", error)
        return False
    return True
