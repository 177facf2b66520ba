"""Hide personal data: e-mail addresses, and numbers of phones, cards, accounts and persons.

A number with a check digit is hidden only if that digit is right. One without needs a form that no
other number has, or a word before it: otherwise order numbers and the like would be hidden too.
"""

from __future__ import annotations

import ipaddress
import re

from callspan.content.credentials import hide
from callspan.content.national_numbers import NATIONAL_NUMBERS, digits_of, is_card, is_iban

_LONG_NUMBER = re.compile(r"\d(?:[ ./()-]{0,2}[0-9A-Za-z]){3}")
"""The beginning of every number that is hidden; a text without it is done, as most are."""
_END = r"(?![\w-]|\.\d)"
_EMAIL = re.compile(
    r"(?<![\w.+-])(?<!//)[\w.%+'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-]|:[\w/])"
)
_NO_EMAIL = re.compile(
    r"(?i)@[1-9]x\.|\.(?:service|socket|timer|target|local|png|jpe?g|svg|webp|gif|json|html)$"
)
"""File names (`logo@2x.png`) and systemd units (`getty@tty1.service`) that look like addresses."""
_CARD = re.compile(rf"(?<![\w.-])\d(?:[ -]?\d){{12,18}}{_END}")
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])"
)
_INTERNATIONAL = re.compile(
    r"(?<![\w.+-])(?:\+|00 ?(?=[1-9]\d ))[1-9]\d{0,2}"
    rf"(?:[ ./-]{{0,2}}\(?\d{{1,5}}\)?){{1,6}}{_END}"
)
_GROUPS = re.compile(
    r"(?<![\w.+/-])(?:"
    r"(?:1[ .-])?\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}|(?:1-)?\d{3}-\d{3}-\d{4}"  # North America
    r"|(?:1\.)?[2-9]\d{2}\.[2-9]\d{2}\.\d{4}"
    # Europe, Japan
    r"|\(?0\d{1,4}\)?[ /-]\d{3,4}[ -]\d{3,4}(?:[ -]\d{1,4})?|0[1-9](?:[ .]\d{2}){4}"
    r"|\(\d{2}\) ?9?\d{4}-\d{4}"  # Brazil
    rf"|1[3-9]\d[ -]\d{{4}}[ -]\d{{4}}|1[3-9]\d{{9}}){_END}"  # China
)
_PHONE_WORD = re.compile(
    r"(?i)(?:\b(?:phone|tel|telephone|mobile|cell|cellphone|fax|whatsapp|handy"
    r"|telefon|téléphone|tél|teléfono|telefone"
    r"|call (?:me|us|him|her|them)|text me|dial|reach me)\b[^\d\n+(]{0,24}"
    r"|(?:电话|手机|電話|携帯|联系方式|打给)[^\d\n]{0,8})"
    rf"(\(?\d(?:[ .()/-]{{0,2}}\d){{6,14}}){_END}"
)
_IP_WORD = re.compile(
    r"(?i)\b(?:(?:ip|ipv4)(?:[ _-]?addr(?:ess)?)?"
    r"|(?:client|remote|peer|source|user)[ _-]?(?:ip|addr(?:ess)?))\b"
    r"[\"']?\s{0,2}(?:[:=]|is|was)?\s{0,2}[\"']?(\d{1,3}(?:\.\d{1,3}){3})(?![\w.])"
)
_OWN_NETWORKS = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "10.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
    )
)
"""Networks of an app's own; not `is_private`, which is true of documentation's addresses too."""
_BIRTH = re.compile(
    r"(?i)\b(?:date of birth|birth ?date|birthday|dob|born(?: on)?"
    r"|geboren(?: am)?|né[e]? le|出生日期)\b"
    r"[\"']?\W{0,4}(?:is |was )?(\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}"
    r"|\d{1,2}\.? [a-z][a-zéä]{2,8}\.? \d{4}|[a-z][a-z]{2,8}\.? \d{1,2},? \d{4})(?![\w-])"
)
_PAPER_WORD = re.compile(
    r"(?:\b(?i:passport|reisepass|driver'?s? licen[cs]e|national id|id card|tax id|steuer-?id|ssn"
    r"|social security|aadhaar|pesel|nhs|medicare|personnummer"
    r"|account number|routing number|sort code)\b|身份证|护照|银行卡)"
    r"(?: ?(?i:no|nr|number|num|code|号码|号)\b\.?)?[\"']?\s{0,2}(?:[:=#\uff1a是]|is|was)?\s{0,2}[\"']?"
    rf"((?:[A-Z]{{1,3}}[ -]?)?\d(?:[ -]?[A-Z0-9]){{5,19}}){_END}"
)


def hide_personal_data(text: str) -> str:
    """Return the text with addresses and numbers of persons replaced by their kind and length."""
    if "@" in text:
        text = _EMAIL.sub(hide("e-mail", _is_email), text)
    if not _LONG_NUMBER.search(text):
        return text
    # longer numbers first: a part of one may look like a phone number
    text = _IBAN.sub(hide("account number", is_iban), text)
    text = _CARD.sub(hide("card number", is_card), text)
    for pattern, is_valid in NATIONAL_NUMBERS:
        text = pattern.sub(hide("national number", is_valid), text)
    text = _INTERNATIONAL.sub(hide("phone", _has_phone_length), text)
    text = _GROUPS.sub(hide("phone", _has_phone_length), text)
    text = _PHONE_WORD.sub(hide("phone"), text)
    text = _PAPER_WORD.sub(hide("national number"), text)
    text = _IP_WORD.sub(hide("IP address", _is_public_address), text)
    return _BIRTH.sub(hide("date of birth"), text)


def _is_email(text: str) -> bool:
    return not _NO_EMAIL.search(text)


def _has_phone_length(text: str) -> bool:
    """Whether a number has as many digits as phone numbers have (E.164)."""
    return 8 <= len(digits_of(text)) <= 15


def _is_public_address(text: str) -> bool:
    """Whether an address may be a person's, and not that of this machine or a private network."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return False
    if address.is_unspecified:
        return False
    return all(address not in network for network in _OWN_NETWORKS)
