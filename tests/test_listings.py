"""What is known of clients and frameworks before they are imported, and when the rest is loaded."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from callspan.clients import CLIENTS
from callspan.frameworks import INTEGRATIONS
from callspan.frameworks.native import NATIVES
from callspan.frameworks.native_patches import PATCHES
from callspan.runtime import searches
from callspan.runtime.listing import Listing
from callspan.setup.registry import TARGETS
from callspan.setup.subscription import unused_patches


@pytest.mark.parametrize("listing", TARGETS, ids=lambda listing: listing.name)
def test_a_listing_agrees_with_its_data(listing: Listing[Any]) -> None:
    """A listing has the name of its data, and the modules of all functions that are patched."""
    target = listing.load()
    assert (target.name, target.module) == (listing.name, listing.module)
    modules = {patch.module for patch in unused_patches(target)}
    roots = tuple(f"{module}." for module in listing.modules)
    assert [module for module in modules if not f"{module}.".startswith(roots)] == []


def test_names_are_distinct() -> None:
    """Clients and frameworks have a name each."""
    names = [listing.name for listing in (*CLIENTS, *INTEGRATIONS)]
    assert len(set(names)) == len(names)


def test_each_native_has_patches() -> None:
    """Each framework whose telemetry is muted has its patches, in modules of its own."""
    assert PATCHES.keys() == {native.name for native in NATIVES}
    for native in NATIVES:
        modules = [patch.module for patch in native.patches()]
        assert [name for name in modules if not name.startswith(native.module)] == []


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package that can be imported, and is not."""
    (tmp_path / "flowershop").mkdir()
    (tmp_path / "flowershop" / "__init__.py").write_text("import flowershop.roses\n")
    (tmp_path / "flowershop" / "roses.py").write_text("seen = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "flowershop"
    for name in [name for name in sys.modules if name.startswith("flowershop")]:
        del sys.modules[name]


def test_a_step_before_an_import(package: str) -> None:
    """A step is taken before any code of the package runs, and not after `forget`."""
    modules: list[bool] = []

    def step() -> None:
        modules.append("flowershop.roses" in sys.modules)

    searches.before_import((package,), step)
    assert modules == []
    __import__(package)
    assert not any(modules)
    searches.forget((package,), step)
    number = len(modules)
    assert number
    del sys.modules[package]
    __import__(package)
    assert len(modules) == number


def test_a_step_for_a_package_that_is_there(package: str) -> None:
    """For a package that is imported already the step is taken at once."""
    __import__(package)
    steps: list[str] = []
    searches.before_import((package,), lambda: steps.append("now"))
    assert steps == ["now"]


def test_what_a_step_watches_is_seen(package: str) -> None:
    """A step may watch the very package whose import has begun, and the modules within it."""
    from callspan.bootstrap.callspan_watch import watch

    seen: list[str] = []

    def see_package() -> None:
        seen.append(package)

    def see_module() -> None:
        seen.append("flowershop.roses")

    def step() -> None:
        # once, though it may be searched for several times
        watch(package, see_package)
        watch("flowershop.roses", see_module)

    searches.before_import((package,), step)
    __import__(package)
    assert seen == ["flowershop.roses", "flowershop"]


@pytest.mark.guard_acts("a step is made to fail")
def test_a_step_that_fails(package: str, guard_reports: Any) -> None:
    """The app gets its module, whatever a step of ours does."""

    def step() -> None:
        raise ValueError("ours")

    searches.before_import((package,), step)
    assert find_spec(package) is not None
    assert __import__(package).roses.seen
    assert "getting ready for flowershop" in guard_reports.messages[0]
