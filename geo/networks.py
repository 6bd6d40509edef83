"""Networks that somebody knows: a site's offices, VPN and proxy, and a curated list of those that are no place."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from ipaddress import IPv6Network, ip_network
from typing import Final, NamedTuple, get_args

import msgspec

from geo.addresses import V4_BITS, V6_BITS, Address
from models.instants import NEVER_US
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


class Word(NamedTuple):
    """What lists say of a network, None where nothing; the same from an instant on and until another (excluded)."""

    known: KnownNetwork | None
    from_us: int = -NEVER_US
    until_us: int = NEVER_US

    def __and__(self, other: Word) -> Word:
        """`other`, which is asked because this word is None, for as long as both hold."""
        return Word(other.known, max(self.from_us, other.from_us), min(self.until_us, other.until_us))


NOTHING_SAID: Final = Word(None)


class KnownNetworks:
    """Lists of networks (`192.0.2.0/24`, `2001:db8::/32`) and autonomous systems (`AS64500`).

    The narrowest network that holds an address and has not expired speaks for it, whichever list has it; of two
    entries for one network that of the earlier list. Systems are asked list by list.

    Raises:
        UsageError: an entry is neither, has bits set beyond its prefix, or names a class that does not exist. The
            message has every such entry: a list with one bad line is refused whole.
    """

    def __init__(self, *lists: Mapping[str, NetworkClass | KnownNetwork]) -> None:
        """Read the lists, once."""
        faults: list[str] = []
        networks: dict[int, list[_Entry]] = {V4_BITS: [], V6_BITS: []}
        self._systems: list[dict[int, KnownNetwork]] = [{} for _ in lists]
        for rank, written, said in ((n, *entry) for n, one in enumerate(lists) for entry in one.items()):
            known = said if isinstance(said, KnownNetwork) else KnownNetwork(said)
            if known.network_class not in _CLASSES:
                faults.append(f"{written}: {known.network_class!r} is no network class; expected {_CLASSES_SAID}")
                continue
            try:
                if written[:2].upper() == "AS":
                    self._systems[rank][as_number(written)] = known
                    continue
                network = ip_network(written)
            except ValueError as error:
                faults.append(
                    f"{written}: {error}; write a network as 192.0.2.0/24 or 2001:db8::/32, a system as AS64500"
                )
                continue
            bits = V6_BITS if isinstance(network, IPv6Network) else V4_BITS
            networks[bits].append(_Entry(int(network[0]), network.prefixlen, rank, int(network[-1]), known))
        if faults:
            raise UsageError("list of networks: " + "; ".join(faults))
        self._stretches = {bits: _stretches(entries) for bits, entries in networks.items()}
        self.systems = frozenset().union(*self._systems)
        """The numbers of the systems that some list names."""

    def of_address(self, address: Address, at_us: int) -> Word:
        """What the lists' networks say of `address` at an instant."""
        if not address.bits:
            return NOTHING_SAID
        firsts, speakers = self._stretches[address.bits]
        return _first(speakers[bisect_right(firsts, address.number) - 1], at_us)

    def of_system(self, rank: int, asn: int, at_us: int) -> Word:
        """What the list at `rank` says of the autonomous system `asn` (0: not known) at an instant."""
        known = self._systems[rank].get(asn)
        return NOTHING_SAID if known is None else _first((known,), at_us)


class _Entry(NamedTuple):
    """A network of a list, in the order in which stretches are made: wider ones before those that lie in them."""

    first: int
    prefix: int
    rank: int
    last: int
    known: KnownNetwork


Stretches = tuple[list[int], list[tuple[KnownNetwork, ...]]]
"""Where stretches of addresses begin, and who speaks for each, the narrowest first. The first begins at 0."""


def _stretches(entries: list[_Entry]) -> Stretches:
    """Networks lie in each other or apart, so the addresses fall into stretches with the same speakers throughout."""
    firsts = [0]
    speakers: list[tuple[KnownNetwork, ...]] = [()]
    holding: list[_Entry] = []

    def begin(at: int) -> None:
        said = tuple(entry.known for entry in sorted(holding, key=lambda one: (-one.prefix, one.rank)))
        if firsts[-1] == at:
            speakers[-1] = said
        else:
            firsts.append(at)
            speakers.append(said)

    def end_before(at: int | None) -> None:
        while holding and (at is None or holding[-1].last < at):
            after = holding.pop().last + 1
            begin(after)

    for entry in sorted(entries, key=lambda one: one[:3]):
        end_before(entry.first)
        holding.append(entry)
        begin(entry.first)
    end_before(None)
    return firsts, speakers


def _first(speakers: tuple[KnownNetwork, ...], at_us: int) -> Word:
    """The first of `speakers` that has not expired, and how long it will have been the first."""
    if not speakers:
        return NOTHING_SAID
    from_us = -NEVER_US
    for known in speakers:
        if known.until_us is None or at_us < known.until_us:
            return Word(known, from_us, NEVER_US if known.until_us is None else known.until_us)
        from_us = max(from_us, known.until_us)
    return Word(None, from_us)


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
