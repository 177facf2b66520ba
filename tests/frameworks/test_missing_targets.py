"""A function that a framework has moved is named in one line, and the rest of it is seen.

Modules of the frameworks' names and shapes stand for them, with the functions that are patched.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from callspan.frameworks import INTEGRATIONS
from callspan.frameworks.integration import Integration
from callspan.runtime.patching import Patch, Patches

_INTEGRATIONS = [listing.load() for listing in INTEGRATIONS]


def function(variable: str | None) -> Callable[..., object]:
    """Return a function, which keeps another one in its closure where a patch looks there."""
    if variable is None:
        return lambda *_args, **_more: None
    source = (
        f"def make({variable}):\n"
        f"    def call(*args, **more):\n"
        f"        return {variable}(*args, **more)\n"
        f"    return call\n"
    )
    names: dict[str, Any] = {}
    exec(source, names)
    return names["make"](function(None))


def add_target(patch: Patch) -> None:
    """Put the function that is patched into its module."""
    parent: Any = sys.modules[patch.module]
    *classes, name = patch.path.split(".")
    for class_name in classes:
        if class_name not in vars(parent):
            setattr(parent, class_name, type(class_name, (), {}))
        parent = getattr(parent, class_name)
    if name not in vars(parent):
        setattr(parent, name, function(patch.variable))


def add_modules(patches: list[Patch], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in {patch.module for patch in patches}:
        monkeypatch.setitem(sys.modules, module, ModuleType(module))


def state(patches: list[Patch], monkeypatch: pytest.MonkeyPatch, *, lacks: Patch) -> list[str]:
    """Patch modules that lack one function; return the paths of the functions not patched."""
    add_modules(patches, monkeypatch)
    for patch in patches:
        if (patch.module, patch.path) != (lacks.module, lacks.path):
            add_target(patch)
    applied = Patches(patches, patches[0].module, lambda: None)
    applied.apply()
    try:
        return [patch.target for patch in patches if patch.state != "patched"]
    finally:
        applied.undo()


@pytest.mark.guard_acts("a function that is not there")
@pytest.mark.parametrize("integration", _INTEGRATIONS, ids=lambda each: each.name)
def test_a_missing_target_is_one_line_and_leaves_the_others(
    integration: Integration, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    patches = integration.patches()
    # each class has some `__call__`
    moved = next(each for each in patches if not each.optional and "__" not in each.path)
    assert set(state(patches, monkeypatch, lacks=moved)) == {moved.target}
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"callspan: {moved.target} is not there")


@pytest.mark.parametrize("integration", _INTEGRATIONS, ids=lambda each: each.name)
def test_a_target_that_some_versions_lack_is_no_line(
    integration: Integration, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    patches = integration.patches()
    for lacks in [patch for patch in patches if patch.optional]:
        state(patches, monkeypatch, lacks=lacks)
    assert not caplog.records
