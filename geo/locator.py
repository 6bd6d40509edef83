"""From a session event to a placed one: its instants as integers, the key of its network, and where it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Self

import msgspec

from geo.addresses import Address, address
from geo.completion import NOWHERE, completed, is_coordinate, vetted
from geo.databases import Databases
from geo.networks import NOTHING_SAID, KnownNetwork, KnownNetworks, Word
from geo.remembered import Remembered
from models.events import KIND_RANK, PlacedEvent, SessionEvent
from models.instants import EPOCH, SECOND_US, to_us
from models.places import NetworkClass, Place

LOCATED_MAX: Final = 65_536
"""Addresses whose outcome is remembered, and as many pairs of an address and a place from a log: about 400 bytes each.
When as many new ones were met, those not asked for since are forgotten, so it is twice that: 100 MB at most for both.
What is said of an event never depends on it."""

WARMED_MIN: Final = 3
"""New addresses from which on it is quicker to look them up together."""

STRINGS_MAX: Final = 65_536
"""Strings that events share (users, sources, user agents, devices), so that equal ones are one object in memory."""

_DAY_S: Final = 86_400
_PRIVATE: Final = Place(network_class="private")
_LOOPBACK: Final = Place(network_class="loopback")
_NOTHING: Final[frozenset[str]] = frozenset()
_SITE, _CURATED = 0, 1
"""The ranks of the lists."""

Located = tuple[str, str, Place | None]
"""The address in its one spelling (or what stands in its stead), its network key, and the place."""


class Locator:
    """Places events. One object per process: it remembers addresses, and only `exchange` changes what it says.

    Who is believed: the network's class and organisation are those of the narrowest network that the user's
    `networks` or the `curated` list has; of one that both have, the user's. Else those of a system of the user's, else
    the log's, else the databases', else those of the curated list's systems. The place is the log's own where it has
    a coordinate; else the databases give the coordinate, unless they name another country than the log. Where the
    log's coordinate lies outside its own country, it is set aside, and so is the country where a database knows one.
    An internal address has the class `private` (`loopback` for the machine itself) and no coordinate of its own.

    `reads`: the keys of `attributes` that rules read; others are dropped. None keeps all. `relocate`: look up anew
    what a database (of an earlier run) said, instead of using it as it stands in the event.
    """

    def __init__(
        self,
        databases: Databases | None = None,
        *,
        networks: Mapping[str, NetworkClass | KnownNetwork] | None = None,
        curated: Mapping[str, NetworkClass | KnownNetwork] | None = None,
        reads: frozenset[str] | None = None,
        relocate: bool = False,
    ) -> None:
        """Hold the databases and the lists of networks.

        Raises:
            UsageError: a list of networks has an entry that is none.
        """
        self._databases = Databases() if databases is None else databases
        self._lists = KnownNetworks(networks or {}, curated or {})
        self._reads = reads
        self._relocate = relocate
        self.set_aside: Counter[str] = Counter()
        """Coordinates from logs that lie outside the country named beside them, by that country; each place once."""
        self._strings: dict[str, str] = {}
        self._remember(Remembered(LOCATED_MAX), Remembered(LOCATED_MAX))

    def _remember(self, addresses: Remembered[str, Located], places: Remembered[tuple[str, Place], Located]) -> None:
        """Remember there. What sets a coordinate aside is remembered by who counted it, and by nobody else."""
        self._addresses, self._places = addresses, places
        self._aside: Remembered[tuple[str, Place], Located] = Remembered(LOCATED_MAX)
        # The dicts that are probed for each event.
        self._by_address, self._by_place = addresses.lasting, places.lasting

    def exchange(
        self, databases: Databases, networks: Mapping[str, KnownNetwork], curated: Mapping[str, KnownNetwork]
    ) -> None:
        """Go by these from now on, and forget what was remembered.

        Raises:
            UsageError: a list of networks has an entry that is none; nothing is exchanged then.
        """
        self._lists = KnownNetworks(networks, curated)
        self._databases = databases
        self._remember(Remembered(LOCATED_MAX), Remembered(LOCATED_MAX))

    def twin(self) -> Self:
        """Another one that says the same and remembers the same, and counts for itself."""
        other = type(self)(self._databases.twin(), reads=self._reads, relocate=self._relocate)
        other._lists = self._lists  # noqa: SLF001  # of the same class
        other._remember(self._addresses, self._places)  # noqa: SLF001  # of the same class
        return other

    @property
    def build(self) -> str:
        """The builds of all databases, empty where there is none: what alerts say they were judged with."""
        return self._databases.build

    @property
    def failed(self) -> Mapping[str, int]:
        """Look-ups, by the build of the database, that met a broken record and so gave nothing."""
        return self._databases.failed

    @property
    def attributions(self) -> set[str]:
        """Whom to thank wherever the places are shown."""
        return self._databases.attributions

    def locate(self, event: SessionEvent) -> PlacedEvent:
        """The placed event. Never fails: an address that nobody can place has no coordinate, or no place at all."""
        ip, given = event.ip, event.place
        if given is None:
            located = self._by_address.get(ip) or self._address_located(ip, event.at)
        else:
            located = self._by_place.get((ip, given)) or self._place_located(ip, given, event.at)
        text, network, place = located

        since = event.at - EPOCH
        attributes = event.attributes
        if attributes and self._reads is not None:
            attributes = self._read(attributes)

        same = self._strings.setdefault
        if len(self._strings) > STRINGS_MAX:
            self._strings.clear()
        kind, source, tenant, user = event.kind, event.source, event.tenant, event.user
        return PlacedEvent(
            (since.days * _DAY_S + since.seconds) * SECOND_US + since.microseconds,
            event.sequence,
            KIND_RANK[kind],
            event.id,
            kind,
            same(source, source),
            None if event.received_at is None else to_us(event.received_at),
            same(tenant, tenant),
            same(user, user),
            event.user_label,
            event.session,
            event.action,
            event.target,
            event.outcome,
            text,
            network,
            same(event.user_agent, event.user_agent),
            same(event.device, event.device),
            event.app,
            event.role,
            event.auth_method,
            event.mfa,
            event.interactive,
            event.resource,
            event.count,
            event.bytes,
            event.workstation,
            event.reason,
            place,
            attributes,
        )

    def remembers(self, event: SessionEvent) -> bool:
        """Whether what was said of the address and place of `event` would be said again of any other event's."""
        if event.place is None:
            return event.ip in self._addresses
        key = (event.ip, event.place)
        return key in self._places or key in self._aside

    def warm(self, events: Sequence[SessionEvent]) -> None:
        """Look up the addresses of `events` that are new, all together, in a fraction of the time that each takes.

        Nothing is said otherwise for it, and nothing counted.
        """
        new = self._addresses.unknown({event.ip for event in events if event.place is None})
        if len(new) < WARMED_MIN:
            return
        at_us = to_us(events[0].at)
        where = {ip: parsed for ip in new if (parsed := address(ip)).placeable}
        for (ip, parsed), found in zip(where.items(), self._databases.look_up_many(list(where.values())), strict=True):
            if found is not None:
                place, word = self._classed(found, parsed, at_us)
                self._addresses.put(ip, _located(ip, parsed, place), word.from_us, word.until_us)

    def _read(self, attributes: dict[str, str]) -> dict[str, str]:
        """What some rule reads of `attributes`."""
        reads = self._reads or _NOTHING
        return {key: attributes[key] for key in attributes if key in reads}

    def _address_located(self, ip: str, at: datetime) -> Located:
        """Look an address up and remember it for as long as lists say the same, unless a database failed over it."""
        at_us = to_us(at)
        remembered = self._addresses.find(ip, at_us)
        if remembered is not None:
            return remembered
        where = address(ip)
        found, whole = self._found(where)
        place, word = self._classed(found, where, at_us)
        located = _located(ip, where, place)
        if whole:
            self._addresses.put(ip, located, word.from_us, word.until_us)
        return located

    def _place_located(self, ip: str, given: Place, at: datetime) -> Located:
        """Vet and complete a place that stands in the event, and remember it as `_address_located` does."""
        at_us, key = to_us(at), (ip, given)
        remembered = self._places.find(key, at_us) or self._aside.lasting.get(key) or self._aside.find(key, at_us)
        if remembered is not None:
            return remembered
        where, memory = address(ip), self._places
        if given.source == "database" and self._relocate:
            found, whole = self._found(where)
        elif given.build and not self._relocate:
            found, whole = vetted(given, given.source or "log", given.build), True
        else:
            said = vetted(_geography(given) if given.build else given, "log")
            found, whole = self._found(where)
            if said.located != is_coordinate(given.latitude, given.longitude):
                memory = self._aside
                self.set_aside[said.country] += 1
                # The log contradicts itself, so where a database knows the country, its word counts.
                if found.country:
                    said = Place(asn=said.asn, organisation=said.organisation, network_class=said.network_class)
            found = completed(said, found)
        place, word = self._classed(found, where, at_us)
        located = _located(ip, where, place)
        if whole:
            memory.put(key, located, word.from_us, word.until_us)
        return located

    def _found(self, where: Address) -> tuple[Place, bool]:
        """What the databases know of an address, and whether that is final."""
        if where.placeable:
            return self._databases.look_up(where)
        if where.internal:
            return (_LOOPBACK if where.scope == "loopback" else _PRIVATE), True
        return NOWHERE, True

    def _classed(self, place: Place, where: Address, at_us: int) -> tuple[Place, Word]:
        """`place`, with what the lists say of the network at an instant; and that word, for as long as it holds."""
        word = self._lists.of_address(where, at_us)
        if word is NOTHING_SAID and place.asn not in self._lists.systems:
            return place, word
        if word.known is None:
            word &= self._lists.of_system(_SITE, place.asn, at_us)
        if word.known is None and not place.network_class:
            word &= self._lists.of_system(_CURATED, place.asn, at_us)
        known = word.known
        if known is None:
            return place, word
        organisation = known.organisation or place.organisation
        return msgspec.structs.replace(place, network_class=known.network_class, organisation=organisation), word


def _located(ip: str, where: Address, place: Place) -> Located:
    return where.text or ip, where.network, None if place == NOWHERE else place


def _geography(given: Place) -> Place:
    """What a log said of a place that databases have completed since: all but the network."""
    return msgspec.structs.replace(given, asn=0, organisation="", network_class="", build="")
