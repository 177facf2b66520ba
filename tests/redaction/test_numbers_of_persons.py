"""Numbers that the common redaction takes for a person's: those whose form, length and check digit are right."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import callspan
from callspan.content.national_numbers import NATIONAL_NUMBERS


def is_hidden(number: str, kind: str, before: str = "") -> bool:
    """Whether a number behind some words is hidden as that kind; otherwise all must be as it was."""
    text = f"{before}{number}"
    hidden = callspan.redact_common(text)
    if hidden == text:
        return False
    assert hidden == f"{before}[{kind}, {len(number)} characters]"
    return True


CARDS = {
    "4000000000006": True,
    "4000000000000002": True,
    "4000000000000000006": True,
    "5100000000000008": True,
    "5000000000000009": True,
    "2221000000000009": True,
    "2720000000000005": True,
    "340000000000009": True,
    "6011000000000004": True,
    "6011000000000000001": True,
    "6200000000000005": True,
    "62000000000000000": True,
    "620000000000000005": True,
    "6200000000000000000": True,
    "3528000000000007": True,
    "30000000000004": True,
    "3000000000000004": True,
    "2204000000000000": True,
    # the check digit is right, and the length or the first digits are not
    "400000000000002": False,
    "40000000000002": False,
    "400000000000006": False,
    "40000000000000006": False,
    "400000000000000002": False,
    "40000000000000000002": False,
    "510000000000003": False,
    "51000000000000003": False,
    "2220000000000000": False,
    "2721000000000004": False,
    "34000000000000": False,
    "3400000000000000": False,
    "601100000000001": False,
    "620000000000000": False,
    "3527000000000008": False,
    "3000000000007": False,
    "300000000000007": False,
    "30600000000001": False,
    "9000000000000001": False,
    # only the check digit is wrong
    "4000000000000003": False,
    "340000000000000": False,
    "4111111111111112": False,
    "5555555555554445": False,
    "0000000000000000": False,
}


@pytest.mark.parametrize(("number", "hidden"), CARDS.items())
def test_cards(number: str, hidden: bool) -> None:
    """By what networks issue: first digits, lengths and Luhn's digit."""
    assert is_hidden(number, "card number") is hidden


IBANS = {
    "NO9386011117947": True,
    "XX32111111111111111111111111111111": True,
    "LC55HEMM000100010012001200023015": True,
    "DE89 3704 0044 0532 0130 00": True,
    "DE89370400440532013000": True,
    # one character too few or too many
    "NO698601111794": False,
    "XX651111111111111111111111111111111": False,
    # a wrong check digit, or two digits in each other's place
    "NO9486011117947": False,
    "DE89370400440532010300": False,
}


@pytest.mark.parametrize(("number", "hidden"), IBANS.items())
def test_accounts(number: str, hidden: bool) -> None:
    """Of 15 to 34 characters."""
    assert is_hidden(number, "account number") is hidden


NATIONAL = {
    # America: what is never given out is no number
    "001-01-0001": True,
    "665-12-3456": True,
    "899-12-3456": True,
    "000-12-3456": False,
    "666-12-3456": False,
    "900-12-3456": False,
    "987-12-3456": False,
    "123-00-4567": False,
    "123-45-0000": False,
    # China: a day of birth, and a check digit that may be X
    "110105190001010028": True,
    "110105200002290021": True,
    "11010519491231002X": True,
    "11010519491231002x": True,
    "445281197811236744": True,
    "110105189912310023": False,
    "110105198502290028": False,
    "110105198513010028": False,
    "110105209912310029": False,
    "110105190001010027": False,
    # Brazil: two check digits, of which each may be wrong
    "529.982.247-25": True,
    "000.000.001-91": True,
    "123.456.789-09": True,
    "100.000.000-19": True,
    "529.982.247-24": False,
    "529.982.247-35": False,
    "529.982.274-25": False,
    "111.111.111-11": False,
    # Spain: a letter by the remainder
    "12345678Z": True,
    "00000000-T": True,
    "X1234567L": True,
    "Y1234567X": True,
    "Z1234567R": True,
    "12345678S": False,
    "X1234567C": False,
    "Y1234567B": False,
    "Z1234567W": False,
    # France: also those born in Corsica
    "185057800608491": True,
    "285057800608441": True,
    "185052A00608435": True,
    "185052B00608462": True,
    "185127800608409": True,
    "185057800608492": False,
    "185052A00608436": False,
    "185052B00608463": False,
    "185137800608409": False,
}


@pytest.mark.parametrize(("number", "hidden"), NATIONAL.items())
def test_national_numbers(number: str, hidden: bool) -> None:
    """By the rules of each country."""
    assert is_hidden(number, "national number") is hidden


_CHINESE = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@pytest.mark.parametrize(("days", "hidden"), [(-1, True), (2, False)])
def test_nobody_is_born_tomorrow(days: int, hidden: bool) -> None:
    """A day of birth has been; days of the test's own clock, with a day between for midnight."""
    day = date.today() + timedelta(days)
    number = f"110105{day:%Y%m%d}002"
    remainder = (
        sum(int(digit) * weight for digit, weight in zip(number, _CHINESE, strict=True)) % 11
    )
    assert is_hidden(number + "10X98765432"[remainder], "national number") is hidden


PHONES = {
    "+12345678": True,
    "+123456789012345": True,
    "+49 30 1234": True,
    "+1234567": False,
    "+1234567890123456": False,
    "+49 30 123": False,
}


@pytest.mark.parametrize(("number", "hidden"), PHONES.items())
def test_phones(number: str, hidden: bool) -> None:
    """Of 8 to 15 digits."""
    assert is_hidden(number, "phone", "ring ") is hidden


ADDRESSES = {
    "8.8.8.8": True,
    "11.1.2.3": True,
    "172.15.255.255": True,
    "172.32.0.1": True,
    "192.169.1.1": True,
    "0.0.0.0": False,
    "10.1.2.3": False,
    "127.0.0.1": False,
    "127.9.9.9": False,
    "169.254.1.1": False,
    "172.16.0.1": False,
    "172.31.255.255": False,
    "192.168.1.1": False,
    "256.1.1.1": False,
}


@pytest.mark.parametrize(("address", "hidden"), ADDRESSES.items())
def test_addresses_of_machines(address: str, hidden: bool) -> None:
    """Those of this machine and of private networks are nobody's."""
    assert is_hidden(address, "IP address", "client ip: ") is hidden


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("rosa@flowers.example", True),
        ("logo@2x.png", False),
        ("getty@tty1.service", False),
        ("rosa.2026@flowers.example", True),
    ],
)
def test_addresses_of_mail(text: str, hidden: bool) -> None:
    """Names of files and of units look like them."""
    assert is_hidden(text, "e-mail") is hidden


PIECES = st.one_of(
    *(st.from_regex(pattern) for pattern, _ in NATIONAL_NUMBERS),
    st.text("0123456789 .-/+()ABXYZ@:=\u0665\ud800", max_size=40),
    st.sampled_from(["2 85 05 1B 123 456 78", "password=", "tel: ", " "]),
    st.text(max_size=20),
)


@settings(deadline=None, max_examples=200)
@example("185057A12345678")
@given(st.lists(PIECES, max_size=4).map("".join))
def test_no_text_makes_a_rule_fail(text: str) -> None:
    """A rule that raised would cost the whole attribute that the text is part of."""
    assert isinstance(callspan.redact_common(text), str)
