"""The notes for the next release, of which towncrier builds CHANGELOG.md."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "changelog.d"
NAME = re.compile(r"(?P<place>\d+\.(added|changed|fixed|removed)(\.\d+)?)(\.[a-z0-9-]+)?\.md")


def test_towncrier_can_tell_the_notes_apart() -> None:
    """It reads the number of an issue, a kind and a number; the words after them are for people."""
    notes = [path for path in FOLDER.glob("*.md") if path.name != "README.md"]
    places: dict[str, str] = {}
    for note in notes:
        name = NAME.fullmatch(note.name)
        assert name is not None, f"{note.name} is not ISSUE.KIND.NUMBER.SLUG.md"
        assert name["place"] not in places, f"{note.name} has the number of {places[name['place']]}"
        places[name["place"]] = note.name


def test_each_note_says_something() -> None:
    for note in FOLDER.glob("*.md"):
        assert note.read_text().strip(), f"{note.name} is empty"
