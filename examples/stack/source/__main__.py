"""Write the dashboards and the rules: python examples/stack/source [FOLDER]."""

from __future__ import annotations

import sys
from pathlib import Path

import agents
import model
import overview
import rules
from grafana_foundation_sdk.cog.encoder import JSONEncoder

STACK = Path(__file__).resolve().parents[1]


def main(folder: Path) -> None:
    """Write all into a folder, the stack's own without one."""
    (folder / "dashboards").mkdir(parents=True, exist_ok=True)
    for page in (overview, model, agents):
        file = folder / "dashboards" / f"{page.__name__}.json"
        file.write_text(JSONEncoder(sort_keys=True, indent=2).encode(page.dashboard()) + "\n")
    (folder / "rules.yml").write_text(rules.text())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else STACK)
