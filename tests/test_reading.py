"""Names of values say what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from reading import PACKAGE, PARTICIPLES, find_participles

TESTS = Path(__file__).parent
CLEAN_TESTS = [
    *TESTS.glob("cli/*.py"),
    *TESTS.glob("table/*.py"),
    *(path for path in TESTS.glob("*.py") if not path.name.startswith("test_")),
    TESTS / "test_examples.py",
    TESTS / "test_malformed_requests.py",
    TESTS / "test_modelserver.py",
    TESTS / "test_outcomes.py",
    TESTS / "test_reading.py",
]


def test_no_value_of_the_source_is_named_by_a_participle() -> None:
    """`found` or `given` say that there is a value; a reader wants to know what it is."""
    lines: list[str] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        lines += find_participles(path)
    assert not lines, "\n".join(lines)


def test_no_value_of_what_tests_share_is_named_by_a_participle() -> None:
    lines: list[str] = []
    for path in sorted(CLEAN_TESTS):
        lines += find_participles(path)
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize("name", sorted(PARTICIPLES))
def test_such_a_name_is_seen(name: str, tmp_path: Path) -> None:
    """It is seen as a variable, as a parameter and in a loop; a method may have it."""
    path = tmp_path / "module.py"
    path.write_text(
        f"def one():\n    {name} = 1\n"
        f"def two(*, {name}):\n    pass\n"
        f"async def three():\n    for {name} in ():\n        pass\n"
        f"def four(self):\n    self.{name}()\n"
    )
    assert find_participles(path) == [
        f"{path}:1 one: {name}",
        f"{path}:3 two: {name}",
        f"{path}:5 three: {name}",
    ]
