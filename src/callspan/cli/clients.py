"""`callspan clients`: the table of model clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from callspan.cli.columns import aligned, markdown
from callspan.cli.entry import Parser
from callspan.cli.probe import probe

if TYPE_CHECKING:
    from callspan.setup.inspection import ClientStatus

_DESCRIPTION = """\
The model clients that callspan knows, the versions that it was tried with, and what is patched here:
the installed clients are imported and really patched, and that is undone again.
"""


def main(words: Sequence[str]) -> int:
    """Print the table."""
    parser = Parser("callspan clients", description=_DESCRIPTION)
    parser.add_argument(
        "--markdown", action="store_true", help="the table of the README, the same on all machines"
    )
    print(_readme_table() if parser.parse_args(words).markdown else _table())
    return 0


def _readme_table() -> str:
    import callspan

    clients = sorted(callspan.status().clients, key=lambda client: client.name)
    rows = (
        [client.name, f"`{client.package}{client.versions}`", _operations(client)]
        for client in clients
    )
    return markdown(("Client", "Package", "Operations"), rows)


def _table() -> str:
    clients = probe().status.clients
    rows = [("client", "versions", "installed", "patched", "operations"), *map(_row, clients)]
    return aligned(rows)


def _row(client: ClientStatus) -> tuple[str, str, str, str, str]:
    return (
        client.name,
        client.versions,
        client.installed or "no",
        patched(client),
        _operations(client),
    )


def patched(client: ClientStatus) -> str:
    """How many of a client's functions are wrapped."""
    done = sum(target.state == "patched" for target in client.targets)
    return f"{done} of {len(client.targets)}" if client.installed else "-"


def _operations(client: ClientStatus) -> str:
    return ", ".join(client.operations)
