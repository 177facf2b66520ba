"""Write the tables of README that the code has: `python -m tests.write_readme`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from callspan.settings.environment import VARIABLES
from callspan.settings.settings import SETTINGS

README = Path(__file__).parent.parent / "README.md"
COMMANDS = {"clients": ("clients", "--markdown")}
"""The command of callspan that prints a part of README, by the name of the part."""


def replace_part(text: str, name: str, part: str) -> str:
    """Return a text with the part between two comments of this name replaced."""
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = text.partition(start)
    after = rest.partition(end)[2]
    return f"{before}{start}{part}{end}{after}"


def settings_table() -> str:
    """Return README's table of settings, in the order of the table in the code."""
    lines = ["| argument of `instrument` | variable | values |", "| --- | --- | --- |"]
    for name, setting in SETTINGS.items():
        argument = f"`{name}`" if setting.is_argument else ""
        lines.append(f"| {argument} | `{setting.variable}` | {setting.help} |")
    for variable, text in VARIABLES.items():
        lines.append(f"| | `{variable}` | {text} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Write what each command prints, and the table of settings, into README."""
    text = README.read_text(encoding="utf-8")
    for name, words in COMMANDS.items():
        command = [sys.executable, "-m", "callspan.cli", *words]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        text = replace_part(text, name, f"{result.stdout.strip()}\n")
    text = replace_part(text, "settings", settings_table())
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
