"""IP addresses: their one spelling, the key of the network they belong to, and the scope they have.

The scopes follow the special-purpose address registries of IANA (RFC 6890 and what updates it). They stand here as a
table because the standard library's `is_private` and its like changed meaning between Python releases, and the same
events must give the same alerts on any of them.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Final, Literal

import msgspec

Scope = Literal[
    "",
    "public",
    "private",
    "cgnat",
    "loopback",
    "link_local",
    "documentation",
    "multicast",
    "reserved",
]
"""Where an address has a meaning; empty: the text is no address."""

ADDRESSES_CACHED_MAX: Final = 65_536
"""Addresses whose parsing is remembered: about 300 bytes each, so 20 MB at most; the least recently used goes first."""

_INTERNAL: Final = frozenset({"private", "cgnat", "loopback", "link_local"})
_PLACEABLE: Final = frozenset({"public", "documentation"})

_SCOPES_V4: Final[dict[str, Scope]] = {
    "0.0.0.0/8": "reserved",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "cgnat",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link_local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "reserved",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "reserved",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "reserved",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
}
_SCOPES_V6: Final[dict[str, Scope]] = {
    "::/128": "reserved",
    "::1/128": "loopback",
    # Teredo lies in 2001::/23: the databases place such an address where its relay is, which is not where its user is.
    "2001::/23": "reserved",
    "2001:db8::/32": "documentation",
    # 6to4: what stands behind it is in the other address, and databases place the relay.
    "2002::/16": "reserved",
    "3fff::/20": "documentation",
    "fc00::/7": "private",
    "fe80::/10": "link_local",
    "fec0::/10": "private",
    "ff00::/8": "multicast",
}
_GLOBAL_V6, _GLOBAL_V6_BEYOND = 1, 125
"""2000::/3, what IANA has given out for global unicast; the rest of IPv6, where the table says nothing else, is
reserved."""

_EMBEDS_V4: Final = tuple(
    (int(network[0]), int(network[-1])) for network in (ip_network("::ffff:0:0/96"), ip_network("64:ff9b::/96"))
)
"""v4-mapped addresses, and the well-known prefix of translators (RFC 6052): the same host, written in IPv6."""


V4_BITS: Final = 32
V6_BITS: Final = 128


class Address(msgspec.Struct, frozen=True):
    """An address as text means it: `text` its one spelling, `network` its key, `number` its value, `bits` 32 or 128.

    Where the text is no address, `text` and `network` are empty, `bits` is 0 and `scope` is empty.
    """

    text: str = ""
    network: str = ""
    scope: Scope = ""
    number: int = 0
    bits: int = 0

    @property
    def internal(self) -> bool:
        """Whether it has a meaning inside one organisation, carrier or machine only, and so no place on a map."""
        return self.scope in _INTERNAL

    @property
    def placeable(self) -> bool:
        """Whether somebody can know where it is. Documentation ranges are: a log may place its own examples."""
        return self.scope in _PLACEABLE


NO_ADDRESS: Final = Address()


def _spans(scopes: dict[str, Scope]) -> tuple[list[int], list[int], list[Scope]]:
    """The table as first and last numbers and scopes, in order; the networks of a table never overlap."""
    networks = sorted(((ip_network(cidr), scope) for cidr, scope in scopes.items()), key=lambda pair: int(pair[0][0]))
    return (
        [int(network[0]) for network, _ in networks],
        [int(network[-1]) for network, _ in networks],
        [scope for _, scope in networks],
    )


_SPANS_V4: Final = _spans(_SCOPES_V4)
_SPANS_V6: Final = _spans(_SCOPES_V6)


def _scope(number: int, spans: tuple[list[int], list[int], list[Scope]], otherwise: Scope) -> Scope:
    firsts, lasts, scopes = spans
    at = bisect_right(firsts, number) - 1
    return scopes[at] if at >= 0 and number <= lasts[at] else otherwise


def _number(text: str) -> tuple[int, int]:
    """An address as number and bits, 0 and 0 where `text` is none. By the system, in a tenth of the time."""
    try:
        return int.from_bytes(inet_pton(AF_INET, text), "big"), V4_BITS
    except (OSError, ValueError):
        pass
    try:
        return int.from_bytes(inet_pton(AF_INET6, text), "big"), V6_BITS
    except (OSError, ValueError):
        pass
    try:
        return int(IPv6Address(text)), V6_BITS  # zone ids are unknown to the system
    except ValueError:
        return 0, 0


def _text_v6(number: int) -> str:
    """The one spelling (RFC 5952). The system writes the lowest addresses as IPv4."""
    return inet_ntop(AF_INET6, number.to_bytes(16, "big")) if number >> V4_BITS else str(IPv6Address(number))


@lru_cache(maxsize=ADDRESSES_CACHED_MAX)
def address(text: str) -> Address:
    """What `text` means as an address; `NO_ADDRESS` where it is none (ports, brackets and names are not removed here).

    IPv4 written inside IPv6 (`::ffff:192.0.2.1`) is that IPv4 address. A zone id (`fe80::1%eth0`) names a network
    card of the machine that wrote the log, and is dropped.

    >>> address("2001:DB8:1:2::00ff").text, address("2001:DB8:1:2::00ff").network
    ('2001:db8:1:2::ff', '2001:db8:1:2::/64')
    >>> address("100.64.0.9").scope, address("100.64.0.9").internal
    ('cgnat', True)
    >>> address("ec2.amazonaws.com") == NO_ADDRESS
    True
    """
    number, bits = _number(text)
    if bits == V6_BITS and any(first <= number <= last for first, last in _EMBEDS_V4):
        number, bits = number & 0xFFFF_FFFF, V4_BITS
        text = str(IPv4Address(number))
    if bits == V4_BITS:
        return Address(text, text, _scope(number, _SPANS_V4, "public"), number, V4_BITS)
    if not bits:
        return NO_ADDRESS
    scope = _scope(number, _SPANS_V6, "public" if number >> _GLOBAL_V6_BEYOND == _GLOBAL_V6 else "reserved")
    return Address(_text_v6(number), f"{_text_v6(number >> 64 << 64)}/64", scope, number, V6_BITS)


def network_key(ip: str) -> str:
    """The key under which an address is known: IPv4 as it is, IPv6 as its /64, empty where `ip` is no address.

    A household or a telephone gets a /64 and changes addresses inside it by the day (RFC 8981), so a full IPv6 address
    would make everyone look new every day.

    >>> network_key("2001:db8:1:2:aaaa::1"), network_key("::ffff:192.0.2.1"), network_key("unknown")
    ('2001:db8:1:2::/64', '192.0.2.1', '')
    """
    return address(ip).network
