"""The table of tokens of a whole program at its end, with the sums of its child processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from callspan.export.shared_table import SHARED_TABLE
from callspan.export.text import token_table
from callspan.export.text.cells import columns_of
from callspan.export.token_sums import ModelSums, merge
from callspan.runtime.output_line import OUTPUT
from callspan.settings.environment import is_first_process


def print_token_table(models: Mapping[str, ModelSums]) -> None:
    """Print the sums of this process and its children; a child leaves its own to the first process.

    A child has a table of its own where that takes none: it has ended, or runs no Python.

    Args:
        models: The sums of this process, by model.
    """
    if models and SHARED_TABLE.leave(models):
        return
    label = "" if is_first_process() else f"process {os.getpid()}\n"
    tables = SHARED_TABLE.take()
    if tables:
        count = len(tables) + bool(models)
        label = "1 process\n" if count == 1 else f"{count} processes\n"
    if sys.stderr is None:
        return
    text = token_table.render(merge((models, *tables)), columns_of(sys.stderr))
    if text:
        # at once, as the program prints no more
        OUTPUT.print(sys.stderr, f"\n{label}{text}", waits=False)
        OUTPUT.finish()
