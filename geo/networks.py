"""Networks that somebody knows: a site's offices, VPN and proxy, and a curated list of those that are no place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv6Network, ip_network
from typing import Final, get_args

import msgspec

from geo.addresses import V4_BITS, V6_BITS, Address
from models.places import NetworkClass
from sessionwatch.errors import UsageError

_CLASSES: Final = frozenset(get_args(NetworkClass)) - {""}
_CLASSES_SAID: Final = ", ".join(sorted(_CLASSES))
_AS_NUMBER: Final = re.compile(r"AS([1-9][0-9]{0,9})")

AS_NUMBER_MAX: Final = 2**32 - 1
"""The largest number of an autonomous system (RFC 6793)."""


class KnownNetwork(msgspec.Struct, frozen=True):
    """What a list says of a network: its class, whose it is where that matters, and until when that holds.

    `until_us`: event time in microseconds, excluded; None: for good.
    """

    network_class: NetworkClass
    organisation: str = ""
    until_us: int | None = None


class KnownNetworks:
    """A list of networks (`192.0.2.0/24`, `2001:db8::/32`) and autonomous systems (`AS64500`).

    The narrowest network that holds an address and has not expired speaks for it; an autonomous system speaks where no
    network does.

    Raises:
        UsageError: an entry is neither, has bits set beyond its prefix, or names a class that does not exist. The
            message has every such entry: a list with one bad line is refused whole.
    """

    def __init__(self, networks: Mapping[str, NetworkClass | KnownNetwork]) -> None:
        """Read the list, once."""
        faults: list[str] = []
        # By (bits of the address family, prefix length), the narrowest prefix first.
        by_prefix: dict[tuple[int, int], dict[int, KnownNetwork]] = {}
        self._by_asn: dict[int, KnownNetwork] = {}
        for written, said in networks.items():
            known = said if isinstance(said, KnownNetwork) else KnownNetwork(said)
            if known.network_class not in _CLASSES:
                faults.append(f"{written}: {known.network_class!r} is no network class; expected {_CLASSES_SAID}")
                continue
            try:
                if written[:2].upper() == "AS":
                    self._by_asn[as_number(written)] = known
                    continue
                network = ip_network(written)
            except ValueError as error:
                faults.append(
                    f"{written}: {error}; write a network as 192.0.2.0/24 or 2001:db8::/32, a system as AS64500"
                )
                continue
            bits = V6_BITS if isinstance(network, IPv6Network) else V4_BITS
            by_prefix.setdefault((bits, network.prefixlen), {})[int(network.network_address)] = known
        if faults:
            raise UsageError("list of networks: " + "; ".join(faults))
        narrowest_first = sorted(by_prefix.items(), key=lambda item: -item[0][1])
        self._by_bits = {
            bits: [(bits - prefix, known) for (family, prefix), known in narrowest_first if family == bits]
            for bits in (V4_BITS, V6_BITS)
        }

    def known(self, address: Address, asn: int, at_us: int) -> tuple[KnownNetwork | None, bool]:
        """What the list says of `address` in the system `asn` (0: not known) at an instant; None where nothing.

        And whether it says so at every instant, so that the answer may be remembered.
        """
        always = True
        for known in self._speakers(address, asn):
            always = always and known.until_us is None
            if known.until_us is None or at_us < known.until_us:
                return known, always
        return None, always

    def _speakers(self, address: Address, asn: int) -> Iterator[KnownNetwork]:
        """Every entry that holds the address, the narrowest first; the system's last."""
        number = address.number
        for beyond, networks in self._by_bits.get(address.bits, ()):
            known = networks.get(number >> beyond << beyond)
            if known is not None:
                yield known
        if asn in self._by_asn:
            yield self._by_asn[asn]


def as_number(written: str) -> int:
    """The number of the autonomous system that `written` names.

    Raises:
        ValueError: it is not written as AS64500, or too large.

    >>> as_number("AS64500"), as_number("as64500")
    (64500, 64500)
    """
    found = _AS_NUMBER.fullmatch(written.upper())
    if found is None or int(found[1]) > AS_NUMBER_MAX:
        raise ValueError(f'"{written}" is no autonomous system')
    return int(found[1])
