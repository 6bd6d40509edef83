"""Networks that the user of sessionwatch knows: their offices, their VPN, their cloud proxy."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Network, ip_network
from typing import Final, get_args

import msgspec

from geo.addresses import V4_BITS, V6_BITS, Address
from models.places import NetworkClass
from sessionwatch.errors import UsageError

_CLASSES: Final = frozenset(get_args(NetworkClass)) - {""}
_CLASSES_SAID: Final = ", ".join(sorted(_CLASSES))


class KnownNetwork(msgspec.Struct, frozen=True):
    """What the user says of a network: its class, and whose it is where that matters."""

    network_class: NetworkClass
    organisation: str = ""


class KnownNetworks:
    """A list of networks in CIDR notation; the narrowest one that holds an address speaks for it.

    Raises:
        UsageError: an entry is no network, has bits set beyond its prefix, or names a class that does not exist. The
            message has every such entry: a list with one bad line is refused whole.
    """

    def __init__(self, networks: Mapping[str, NetworkClass | KnownNetwork]) -> None:
        """Read the list, once."""
        faults: list[str] = []
        # By (bits of the address family, prefix length), the narrowest prefix first.
        by_prefix: dict[tuple[int, int], dict[int, KnownNetwork]] = {}
        for cidr, said in networks.items():
            known = said if isinstance(said, KnownNetwork) else KnownNetwork(said)
            if known.network_class not in _CLASSES:
                faults.append(f"{cidr}: {known.network_class!r} is no network class; expected {_CLASSES_SAID}")
                continue
            try:
                network = ip_network(cidr)
            except ValueError as error:
                faults.append(f"{cidr}: {error}; write a network as 192.0.2.0/24 or 2001:db8::/32")
                continue
            bits = V6_BITS if isinstance(network, IPv6Network) else V4_BITS
            by_prefix.setdefault((bits, network.prefixlen), {})[int(network.network_address)] = known
        if faults:
            raise UsageError("list of networks: " + "; ".join(faults))
        self._by_prefix = sorted(by_prefix.items(), key=lambda item: -item[0][1])

    def known(self, address: Address) -> KnownNetwork | None:
        """What the list says of `address`; None where it says nothing, or `address` is none."""
        for (bits, prefix), networks in self._by_prefix:
            if bits == address.bits:
                beyond = bits - prefix
                known = networks.get(address.number >> beyond << beyond)
                if known is not None:
                    return known
        return None
