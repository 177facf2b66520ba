"""The counting of token numbers, with plain lists in place of a model's tensors."""

from __future__ import annotations

from typing import Any

import pytest

from callspan.formats.transformers.sequences import (
    Limits,
    finish_reason,
    prompt_size,
    without_padding,
)
from callspan.hooks.model_path import model_name

END, PAD = 1, 0


@pytest.mark.parametrize(
    ("answer", "limits", "tokens", "reason"),
    [
        ([5, 6, END, PAD, PAD], Limits((END,), PAD), [5, 6, END], "stop"),
        ([5, 6, END, END], Limits((END,), END), [5, 6, END], "stop"),
        ([5, 6, 7], Limits((END,), PAD, most=3), [5, 6, 7], "length"),
        # without another stop a token of padding at the end was chosen by the model
        ([5, PAD], Limits((), PAD, most=2), [5, PAD], "length"),
        ([5, 6, PAD], Limits((END,), PAD, 3, has_other_stops=True), [5, 6], "stop"),
        ([5, 6, 7], Limits((END,), PAD, 3, has_other_stops=True), [5, 6, 7], "length"),
        ([], Limits((END,), PAD), [], "length"),
    ],
)
def test_answers(answer: list[int], limits: Limits, tokens: list[int], reason: str) -> None:
    """An answer is counted as far as its end, and says why it ends."""
    counted = without_padding(answer, limits)
    assert counted == tokens
    assert finish_reason(counted, limits) == reason


@pytest.mark.parametrize(
    ("padding", "size"), [(PAD, 2), (None, 4), (END, 4)], ids=["padded", "none", "also-the-end"]
)
def test_prompts(padding: Any, size: int) -> None:
    """Padding is told by its token, unless that may stand in a prompt as well."""
    assert prompt_size([PAD, PAD, 5, 6], Limits((END,), padding)) == size


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("", None),
        ("gpt2", "gpt2"),
        ("org/name", "org/name"),
        ("./org/name", "name"),
        ("org\\name", "name"),
        ("/home/ada/models/tulip-7b.gguf", "tulip-7b.gguf"),
        ("C:\\Users\\Ada\\tulip", "tulip"),
        ("/c/hub/models--org--name/snapshots/0a1b2c", "org/name"),
        ("/c/hub/models--org--name/snapshots/0a1b2c/tulip.gguf", "tulip.gguf"),
    ],
)
def test_names_of_models(source: str, name: str | None) -> None:
    """A model is named without the folders that it lies in."""
    assert model_name(source) == name


def test_folder_that_looks_like_a_name(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two parts are a path where there is such a folder."""
    (tmp_path / "private-customer" / "tulip").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert model_name("private-customer/tulip") == "tulip"
