"""The pages that are printed from the code, by their paths in the project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.documents.commands import commands_page
from tests.documents.python import python_page
from tests.documents.queries import backends_page
from tests.documents.readers import readers_page
from tests.documents.tables import clients_page, settings_page
from tests.documents.telemetry import telemetry_page

ROOT = Path(__file__).parents[2]
PAGES: dict[str, Callable[[], str]] = {
    "docs/backends.md": backends_page,
    "docs/readers.md": readers_page,
    "docs/reference/clients.md": clients_page,
    "docs/reference/commands.md": commands_page,
    "docs/reference/python.md": python_page,
    "docs/reference/settings.md": settings_page,
    "docs/reference/telemetry.md": telemetry_page,
}
