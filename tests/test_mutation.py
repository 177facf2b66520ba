"""The page that keeps what came of changing the source at random."""

from __future__ import annotations

from pathlib import Path

from tests.mutation.page import write
from tests.mutation.results import EQUAL, KILLED, SURVIVED, Module, Outcome

PAGE = """Prose.
<!-- mutation -->
| module | changes | killed | equal in meaning | survive | day |
| --- | --- | --- | --- | --- | --- |
| events/old.py | 5 | 3 | 1 | 1 | 2020-01-01 |
| events/gone.py | 9 | 9 | 0 | 0 | 2020-01-01 |
| events/new.py | 2 | 0 | 1 | 1 | 2020-01-01 |
| all | 16 | 12 | 2 | 2 |  |

Equal in meaning:

- events/old.py: `a` became `b`. The same.
- events/new.py: `c` became `d`. As before.

Seen by no test yet:

- events/old.py: `e` became `f`.
- events/new.py: `g` became `h`.
<!-- /mutation -->
More."""

AFTER = """Prose.
<!-- mutation -->
| module | changes | killed | equal in meaning | survive | day |
| --- | --- | --- | --- | --- | --- |
| events/new.py | 3 | 1 | 1 | 1 | 2020-02-02 |
| events/old.py | 5 | 3 | 1 | 1 | 2020-01-01 |
| all | 8 | 4 | 2 | 2 |  |

Equal in meaning:

- events/new.py: `i` became `j`. A reason.
- events/old.py: `a` became `b`. The same.

Seen by no test yet:

- events/new.py: `k` became `l`.
- events/old.py: `e` became `f`.
<!-- /mutation -->
More."""


def outcome(was: str, becomes: str, state: str) -> Outcome:
    """What came of one change."""
    return Outcome(1, was, becomes, state)


def test_the_page_keeps_what_was_not_run(tmp_path: Path) -> None:
    """A module that was run is written anew, another one stays, and one that is listed no more goes."""
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    outcomes = [
        outcome("i", "j", EQUAL),
        outcome("k", "l", SURVIVED),
        outcome("m", "n", KILLED),
    ]
    modules = {"events/new.py": Module("2020-02-02", outcomes)}
    write(page, modules, ["events/new.py", "events/old.py"], {("i", "j"): "A reason."})
    assert page.read_text(encoding="utf-8") == AFTER
