"""`callspan clients`: the table of model clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from callspan.cli.columns import align, to_markdown
from callspan.cli.entry import Parser
from callspan.cli.probe import probe_clients

if TYPE_CHECKING:
    from callspan.setup.inspection import ClientStatus

_DESCRIPTION = """\
The model clients that callspan knows, the versions that it was tried with, and what is patched here:
the installed clients are imported and really patched, and that is undone again.
"""
_HEADER = ("client", "versions", "installed", "patched", "operations")
_MARKDOWN_HEADER = ("Client", "Package", "Operations")


def main(words: Sequence[str]) -> int:
    """Print the table and return the exit code."""
    parser = Parser("callspan clients", description=_DESCRIPTION)
    parser.add_argument(
        "--markdown", action="store_true", help="a table for documents, the same on all machines"
    )
    arguments = parser.parse_args(words)
    if arguments.markdown:
        print(_markdown_table())
    else:
        print(_table())
    return 0


def _markdown_table() -> str:
    import callspan

    # Without `probe_clients`: the document must not depend on what is installed here.
    clients = sorted(callspan.status().clients, key=lambda client: client.name)
    rows = [
        (client.name, f"`{client.package}{client.versions}`", _operations(client))
        for client in clients
    ]
    return to_markdown(_MARKDOWN_HEADER, rows)


def _table() -> str:
    clients = probe_clients().status.clients
    return align([_HEADER, *map(_row, clients)])


def _row(client: ClientStatus) -> tuple[str, str, str, str, str]:
    return (
        client.name,
        client.versions,
        client.installed or "no",
        patch_count(client),
        _operations(client),
    )


def patch_count(client: ClientStatus) -> str:
    """Return how many functions of a client are patched, such as `3 of 4`; `-` if not installed."""
    if not client.installed:
        return "-"
    patched = sum(target.state == "patched" for target in client.targets)
    return f"{patched} of {len(client.targets)}"


def _operations(client: ClientStatus) -> str:
    return ", ".join(client.operations)
