"""Numbers by which states and banks know a person, and the check digits that only these have."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

# The first digits of each network of payment cards, and the lengths of its numbers (ISO/IEC 7812).
_CARD_LENGTHS = (
    (r"4", (13, 16, 19)),
    (r"5[1-5]|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)", (16,)),
    (r"3[47]", (15,)),
    (r"6(?:011|4[4-9]|5)", (16, 19)),
    (r"62|81", (16, 17, 18, 19)),
    (r"35(?:2[89]|[3-8]\d)", (16,)),
    (r"3(?:0[0-5]|[689])", (14, 16)),
    (r"5[06-8]|6(?:013|[37])", (16, 19)),
    (r"220[0-4]", (16,)),
)
_CHINESE_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def digits_of(text: str) -> list[int]:
    """Return the decimal digits of a text."""
    return [int(letter) for letter in text if letter.isdecimal()]


def has_luhn_digit(text: str) -> bool:
    """Whether the last digit is the check digit that payment cards have (ISO/IEC 7812-1)."""
    digits = digits_of(text)
    # a row of zeros has the right check digit, and is nobody's number
    if not any(digits):
        return False
    total = sum(digits[-1::-2])
    for digit in digits[-2::-2]:
        # the digits of the double, added up
        total += sum(divmod(digit * 2, 10))
    return total % 10 == 0


def is_card(text: str) -> bool:
    """Whether a number has the first digits, the length and the check digit of a payment card."""
    number = "".join(map(str, digits_of(text)))
    for first_digits, lengths in _CARD_LENGTHS:
        if len(number) in lengths and re.match(first_digits, number):
            return has_luhn_digit(number)
    return False


def is_iban(text: str) -> bool:
    """Whether a text has the check digits of an international bank account number (ISO 13616)."""
    account = text.replace(" ", "")
    if not 15 <= len(account) <= 34:
        return False
    # letters stand for the numbers from 10 on, and the country's code moves to the end
    moved = account[4:] + account[:4]
    number = "".join(str(int(letter, 36)) for letter in moved)
    return int(number) % 97 == 1


def _is_date(text: str) -> bool:
    """Whether eight digits are a day on which a living person may have been born."""
    try:
        birthday = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return date(1900, 1, 1) <= birthday <= date.today()


def _is_chinese(text: str) -> bool:
    """Whether a resident identity number has a birthday and the check digit of GB 11643."""
    total = 0
    for digit, weight in zip(text[:17], _CHINESE_WEIGHTS, strict=True):
        total += int(digit) * weight
    check_digit = "10X98765432"[total % 11]
    return _is_date(text[6:14]) and check_digit == text[17].upper()


def _is_american(text: str) -> bool:
    """Whether a social security number is one that is issued; it has no check digit."""
    area, group, serial = text.split("-")
    if area in ("000", "666") or area >= "900":
        return False
    return group != "00" and serial != "0000"


def _is_brazilian(text: str) -> bool:
    """Whether a CPF has both check digits; a row of one digit has them too, and is not issued."""
    digits = digits_of(text)
    if len(set(digits)) == 1:
        return False
    for position in (9, 10):
        total = 0
        for index, digit in enumerate(digits[:position]):
            total += digit * (position + 1 - index)
        if total * 10 % 11 % 10 != digits[position]:
            return False
    return True


def _is_spanish(text: str) -> bool:
    """Whether a DNI or NIE has the check letter."""
    number = text.replace("-", "").replace("X", "0").replace("Y", "1").replace("Z", "2")
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number[:8]) % 23] == text[-1]


def _is_french(text: str) -> bool:
    """Whether a social security number has its check digits; 2A and 2B are Corsica."""
    number = text.replace(" ", "").replace("2A", "19").replace("2B", "18")
    return 97 - int(number[:13]) % 97 == int(number[13:])


NATIONAL_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = tuple(
    (re.compile(rf"(?<![\w.-])(?:{form})(?![\w-]| \d|\.\d)"), is_valid)
    for form, is_valid in (
        (r"\d{3}-\d{2}-\d{4}", _is_american),
        (r"[1-9]\d{5}(?:19|20)\d{9}[\dXx]", _is_chinese),
        (r"\d{3}\.\d{3}\.\d{3}-\d{2}", _is_brazilian),
        (r"(?:\d{8}|[XYZ]\d{7})-?[A-HJ-NP-TV-Z]", _is_spanish),
        (r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d{2}", _is_french),
        # these forms are rare enough in other text
        (r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", bool),  # Italy
        (r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d{2}){3} ?[A-D]", bool),  # Britain
        (r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-8]\d{6}", bool),  # Korea
        (r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", bool),  # India
    )
)
"""The form of each national number, and the test whether one is valid."""
