"""The installation in force, which is that of the last `instrument()`."""

from __future__ import annotations

import sys

from callspan.runtime import process
from callspan.setup.installation import Installation

# A fork waits for it, as a client that is patched by half would be of no use to the child.
lock = process.own_lock(sys.modules[__name__], "lock", awaited=True)
"""Held while the installation is replaced or changed."""
current: Installation | None = None
"""`None` where nothing is watched."""
has_instrumented = False
"""Whether `instrument()` was ever called in this process, or in the one that it was forked from."""
