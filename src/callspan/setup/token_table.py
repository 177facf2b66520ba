"""The table of tokens on request, for a notebook or a shell."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from callspan.export.token_sums import ModelSums

_WITHOUT_CONSOLE = "no call is counted: callspan.configure(console=True) does that\n"
_WITHOUT_CALLS = "no call has ended yet\n"


@dataclass(frozen=True, slots=True, repr=False)
class TokenTable:
    """Calls, tokens and cost by model, as they were when `table()` was called.

    A notebook shows it as HTML, a shell as text.

    Attributes:
        models: The sums of each model, in the order in which models were called first.
    """

    models: Mapping[str, ModelSums] | None

    def __repr__(self) -> str:
        """Return the table as text."""
        from callspan.export.text import token_table

        if self.models is None:
            return _WITHOUT_CONSOLE
        return token_table.render(self.models) or _WITHOUT_CALLS

    def _repr_html_(self) -> str | None:
        """Return the table as HTML; `None` where there is none, so that the text is shown."""
        if not self.models:
            return None
        from callspan.export.html import table_html

        return table_html(self.models)


def table() -> TokenTable:
    """Return calls and tokens by model: the table that the console prints at the exit, now.

    It holds the calls that have ended since `configure(console=True)`.

    Returns:
        An object that a notebook shows as HTML and a shell as text.
    """
    # nothing can have been counted before it was imported, by `configure()` or `callspan run`
    providers: Any = sys.modules.get("callspan.export.providers")
    return TokenTable(None if providers is None else providers.token_sums())
