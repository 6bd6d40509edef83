"""Addresses as logs write them: with ports, brackets, zone ids, leading zeros, or a host name in their place."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from geo.addresses import address

AddressFault = Literal["", "host_name", "several_addresses", "ambiguous_zeros", "unspecified", "not_an_address"]
"""Why text is no address to judge by; each is counted."""

_V4_PORT: Final = re.compile(r"([0-9.]+):\d{1,5}", re.ASCII)
_BRACKETED: Final = re.compile(r"\[([^\[\]]+)\](?::\d{1,5})?")
_PLAIN_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_PLAIN_V4: Final = re.compile(rf"(?!0\.){_PLAIN_OCTET}(?:\.{_PLAIN_OCTET}){{3}}", re.ASCII)
"""The usual case, in its one spelling already: a tenth of the time of parsing it."""
_V4: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}", re.ASCII)
_ZEROED: Final = re.compile(r"(?:^|\.)0\d")
_HOST: Final = re.compile(r"(?=.*[a-zA-Z])[a-zA-Z0-9_](?:[a-zA-Z0-9_-]*)(?:\.[a-zA-Z0-9_-]+)*\.?")
_LENGTH_MAX: Final = 255
_OCTET_WIDTH: Final = 3
_UNSPECIFIED: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - nothing is bound here


class ReadAddress(NamedTuple):
    """`ip` is the address in its one spelling, or empty; then `fault` says why, unless there was no text at all."""

    ip: str
    fault: AddressFault = ""


def read_address(written: str) -> ReadAddress:
    """The address in `written`, without port, brackets and zone id.

    Leading zeros are read where there is one way to read them: padding (every part has three digits, or the part has
    an 8 or 9), or the same number in tens and in eights. `010.1.2.3` is 10 to some and 8 to others, so it is
    ambiguous. A list of addresses is what several proxies claim of each other, so it names nobody.

    >>> read_address("80.114.221.214:52378").ip, read_address("[2a01:111:f100:9001::1761:914f]:47114").ip
    ('80.114.221.214', '2a01:111:f100:9001::1761:914f')
    >>> read_address("fe80::1%eth0").ip, read_address("253.252.51.07").ip, read_address("::ffff:192.0.2.1").ip
    ('fe80::1', '253.252.51.7', '192.0.2.1')
    >>> read_address("ec2.amazonaws.com").fault, read_address("010.1.2.3").fault
    ('host_name', 'ambiguous_zeros')
    """
    if _PLAIN_V4.fullmatch(written):
        return ReadAddress(written)
    candidate = written.strip()
    if not candidate:
        return ReadAddress("")
    if len(candidate) > _LENGTH_MAX:
        return ReadAddress("", "not_an_address")
    if matched := _BRACKETED.fullmatch(candidate) or _V4_PORT.fullmatch(candidate):
        candidate = matched[1]
    if _V4.fullmatch(candidate) and _ZEROED.search(candidate):
        candidate = _without_zeros(candidate)
        if not candidate:
            return ReadAddress("", "ambiguous_zeros")
    ip = address(candidate).text
    if ip in _UNSPECIFIED:
        return ReadAddress("", "unspecified")
    return ReadAddress(ip) if ip else ReadAddress("", _fault(candidate))


def _without_zeros(dotted: str) -> str:
    octets = dotted.split(".")
    padded = all(len(octet) == _OCTET_WIDTH for octet in octets)
    read = []
    for octet in octets:
        clear = padded or not octet.startswith("0") or octet.strip("01234567") != ""
        if not clear and int(octet, 8) != int(octet):
            return ""
        read.append(str(int(octet)))
    return ".".join(read)


def _fault(candidate: str) -> AddressFault:
    if "," in candidate or ";" in candidate:
        return "several_addresses"
    # "AWS Internal" is a name too, if none that a resolver knows.
    return "host_name" if _HOST.fullmatch(candidate.replace(" ", "-")) else "not_an_address"
