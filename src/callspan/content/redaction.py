"""Secrets and personal data taken out of texts before they leave the process."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any

Redact = Callable[[str, str], "str | None"]
"""Takes a text and where it stands (`input`, `output`, `system`, `tools`, `arguments`, `results`, `error`)."""

_KEY = re.compile(
    r"""-----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    | \b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}      # OpenAI, Anthropic, Stripe, Langfuse
    | \bA(?:KIA|SIA)[0-9A-Z]{16}\b              # AWS
    | \bAIza[0-9A-Za-z_-]{35}                   # Google
    | \bgh[pousr]_[A-Za-z0-9]{36,}              # GitHub
    | \bgithub_pat_[A-Za-z0-9_]{22,}
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,}          # Slack
    | \b(?:hf|gsk|r8|nvapi|glpat|dop_v1|npm|pypi)[-_][A-Za-z0-9_-]{20,}
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*     # a JSON web token
    | (?<=Bearer[ ])[A-Za-z0-9._~+/-]{12,}=*""",
    re.VERBOSE | re.DOTALL,
)
_EMAIL = re.compile(r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.[A-Za-z]{2,24}\b")
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
_PHONE = re.compile(
    r"(?<![\w.-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,4}"
    r"|\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4}|1[3-9]\d{9})(?![\w-])"
)


def _marked(kind: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"[{kind}, {len(found.group())} characters]"


def _card(found: re.Match[str]) -> str:
    digits = [int(letter) for letter in found.group() if letter.isdigit()]
    return _marked("card number")(found) if _luhn(digits) else found.group()


def _luhn(digits: list[int]) -> bool:
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return any(digits) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def redact_common(text: str, where: str = "") -> str:
    """The text without keys, e-mail addresses, card numbers (by their check digit) and phone numbers.

    Each is replaced by what it was and its length. Patterns find the usual forms, not every one.
    """
    text = _KEY.sub(_marked("key"), text)
    if "@" in text:
        text = _EMAIL.sub(_marked("e-mail"), text)
    return _PHONE.sub(_marked("phone"), _CARD.sub(_card, text))


class Named:
    """A hook named as `module:function`, imported when it is first asked, for by then the program has begun."""

    __slots__ = ("_function", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._function: Any = None

    def __call__(self, text: str, where: str) -> str | None:
        if self._function is None:
            module, _, function = self.name.partition(":")
            self._function = getattr(importlib.import_module(module), function)
        return self._function(text, where)
