"""Hide phone numbers as people write them in certain countries, by the package `phonenumbers`."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable

from callspan.content.credentials import placeholder

_REGION = re.compile(r"[A-Z]{2}")


class Phones:
    """Hides the phone numbers that are valid in some countries, as people there write them.

    Without a country's code they look like many other numbers, so they are hidden only where a
    setting names the countries.

    Args:
        regions: The countries, as codes of two capitals such as `DE` (ISO 3166).

    Raises:
        ValueError: A region is no country's code, or the package is not installed. The text is one
            line for a user.
    """

    __slots__ = ("_library", "_regions")

    def __init__(self, regions: Iterable[str]) -> None:
        self._regions = tuple(regions)
        for region in self._regions:
            if not _REGION.fullmatch(region):
                raise ValueError(
                    f"{region!r} is no code of a country: write such as 'phones:US,DE'"
                )
        try:
            self._library = importlib.import_module("phonenumbers")
        except ImportError:
            raise ValueError("'phones' needs a package: pip install 'callspan[phones]'") from None
        for region in self._regions:
            if region not in self._library.SUPPORTED_REGIONS:
                raise ValueError(
                    f"{region!r} is no country with phone numbers: write such as 'phones:US,DE'"
                )

    def __call__(self, text: str, where: str = "") -> str:
        """Return the text with phone numbers replaced by their kind and length."""
        for region in self._regions:
            text = self._hide(text, region)
        return text

    def _hide(self, text: str, region: str) -> str:
        """Hide the numbers that are valid in one country."""
        pieces: list[str] = []
        end = 0
        # finds numbers that are valid there and no others (`Leniency.VALID`, its default in 9.0)
        for match in self._library.PhoneNumberMatcher(text, region):
            pieces += [text[end : match.start], placeholder("phone", match.raw_string)]
            end = match.end
        pieces.append(text[end:])
        return "".join(pieces)
