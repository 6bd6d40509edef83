"""Networks that an address may lie in: integer ranges, never text."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import Any, Final

from geo.addresses import V4_BITS, V6_BITS, address

Network = IPv4Network | IPv6Network

CACHE_ADDRESSES_MAX: Final = 8_192
"""Addresses whose answer one set remembers; the least recently asked is forgotten first."""


def network_of(text: str) -> Network:
    """The network that `text` writes; an address is the network of itself, IPv4 written inside IPv6 is IPv4.

    Raises:
        ValueError: `text` is neither, or has bits set beyond its prefix; the message names the network then meant.

    >>> network_of("192.0.2.7")
    IPv4Network('192.0.2.7/32')
    """
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f'"{text}" is neither an address nor a network such as 192.0.2.0/24') from None
    if "/" in text and network.network_address != ip_address(text.partition("/")[0]):
        raise ValueError(f'"{text}" has bits set beyond its prefix; the network is {network}')
    if isinstance(network, IPv6Network) and network.prefixlen >= V6_BITS - V4_BITS:
        first = address(str(network.network_address))
        if first.bits == V4_BITS:
            return IPv4Network((first.number, network.prefixlen - (V6_BITS - V4_BITS)))
    return network


class NetworkSet:
    """A set of networks to ask for addresses. Immutable; answers are cached, at most `CACHE_ADDRESSES_MAX`.

    >>> office = NetworkSet([network_of("192.0.2.0/24"), network_of("2001:db8::/32")])
    >>> office.holds("192.0.2.77"), office.holds("192.0.20.7"), office.holds("ec2.amazonaws.com")
    (True, False, None)
    """

    def __init__(self, networks: Iterable[Network]) -> None:
        kept = list(networks)
        self._v4 = _Ranges([network for network in kept if isinstance(network, IPv4Network)])
        self._v6 = _Ranges([network for network in kept if isinstance(network, IPv6Network)])
        self.holds = lru_cache(maxsize=CACHE_ADDRESSES_MAX)(self._holds)
        """Whether an address, as text, lies in one of the networks; None where the text is no address."""

    def _holds(self, text: str) -> bool | None:
        parsed = address(text)
        if not parsed.bits:
            return None
        return (self._v4 if parsed.bits == V4_BITS else self._v6).has(parsed.number)


class _Ranges:
    """Disjoint ranges of integers, sorted."""

    def __init__(self, networks: list[IPv4Network] | list[IPv6Network]) -> None:
        whole: list[Any] = sorted(collapse_addresses(networks))  # type: ignore[type-var]  # one version, so sortable
        self.firsts = [int(network.network_address) for network in whole]
        self.lasts = [int(network.broadcast_address) for network in whole]

    def has(self, number: int) -> bool:
        """Whether `number` lies in one of them."""
        index = bisect_right(self.firsts, number) - 1
        return index >= 0 and number <= self.lasts[index]
