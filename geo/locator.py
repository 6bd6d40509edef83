"""From a session event to a placed one: its instants as integers, the key of its network, and where it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from geo.addresses import NO_ADDRESS, Address, address
from geo.completion import NOWHERE, completed, is_coordinate, vetted
from geo.databases import Databases
from geo.networks import KnownNetwork, KnownNetworks
from models.events import KIND_RANK, PlacedEvent, SessionEvent
from models.instants import EPOCH, SECOND_US, to_us
from models.places import NetworkClass, Place

LOCATED_MAX: Final = 65_536
"""Addresses, and pairs of an address and a place from a log, whose outcome is remembered: about 400 bytes each, so
50 MB at most for both. When one is full, all of it is forgotten; what is said of an event never depends on it."""

STRINGS_MAX: Final = 65_536
"""Strings that events share (users, sources, user agents, devices), so that equal ones are one object in memory."""

_DAY_S: Final = 86_400
_PRIVATE: Final = Place(network_class="private")
_LOOPBACK: Final = Place(network_class="loopback")
_NOTHING: Final[frozenset[str]] = frozenset()

Located = tuple[str, str, Place | None]
"""The address in its one spelling (or what stands in its stead), its network key, and the place."""


class Locator:
    """Places events. One object per process: it remembers addresses, and holds nothing that changes what it says.

    Who is believed: the network's class and organisation are the user's `networks`, else those of the `curated` list's
    networks, else the log's, else the databases', else those of the curated list's systems. The place is the log's own
    where it has a coordinate; else the databases give the coordinate, unless they name another country than the log.
    Where the log's coordinate lies outside its own country, it is set aside, and so is the country where a database
    knows one.
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
        self._networks = KnownNetworks(networks or {})
        self._curated = KnownNetworks(curated or {})
        self._reads = reads
        self._relocate = relocate
        self.set_aside: Counter[str] = Counter()
        """Coordinates from logs that lie outside the country named beside them, by that country; each place once."""
        self._by_address: dict[str, Located] = {}
        self._by_place: dict[tuple[str, Place], Located] = {}
        self._strings: dict[str, str] = {}

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
        return event.ip in self._by_address if event.place is None else (event.ip, event.place) in self._by_place

    def _read(self, attributes: dict[str, str]) -> dict[str, str]:
        """What some rule reads of `attributes`."""
        reads = self._reads or _NOTHING
        return {key: attributes[key] for key in attributes if key in reads}

    def _address_located(self, ip: str, at: datetime) -> Located:
        """Look an address up and remember it, unless a database failed over it or a list's word on it expires."""
        where = address(ip)
        found, whole = self._found(where)
        place, always = self._classed(found, where, at)
        whole = whole and always
        located = (where.text or ip, where.network, None if place == NOWHERE else place)
        if whole:
            if len(self._by_address) >= LOCATED_MAX:
                self._by_address.clear()
            self._by_address[ip] = located
        return located

    def _place_located(self, ip: str, given: Place, at: datetime) -> Located:
        """Vet and complete a place that stands in the event, and remember it as `_address_located` does."""
        where = address(ip)
        if given.source == "database" and self._relocate:
            found, whole = self._found(where)
        elif given.build and not self._relocate:
            found, whole = vetted(given, given.source or "log", given.build), True
        else:
            said = vetted(_geography(given) if given.build else given, "log")
            found, whole = self._found(where)
            if said.located != is_coordinate(given.latitude, given.longitude):
                self.set_aside[said.country] += 1
                # The log contradicts itself, so where a database knows the country, its word counts.
                if found.country:
                    said = Place(asn=said.asn, organisation=said.organisation, network_class=said.network_class)
            found = completed(said, found)
        place, always = self._classed(found, where, at)
        whole = whole and always
        located = (where.text or ip, where.network, None if place == NOWHERE else place)
        if whole:
            if len(self._by_place) >= LOCATED_MAX:
                self._by_place.clear()
            self._by_place[ip, given] = located
        return located

    def _found(self, where: Address) -> tuple[Place, bool]:
        """What the databases know of an address, and whether that is final."""
        if where.placeable:
            return self._databases.look_up(where)
        if where.internal:
            return (_LOOPBACK if where.scope == "loopback" else _PRIVATE), True
        return NOWHERE, True

    def _classed(self, place: Place, where: Address, at: datetime) -> tuple[Place, bool]:
        """`place`, with what the lists say of the network at an instant, and whether that holds at every instant."""
        at_us = to_us(at)
        known, always = self._networks.known(where, place.asn, at_us)
        if known is None:
            known, holds = self._curated.known(where, 0, at_us)
            always = always and holds
        if known is None and not place.network_class:
            known, holds = self._curated.known(NO_ADDRESS, place.asn, at_us)
            always = always and holds
        if known is None:
            return place, always
        organisation = known.organisation or place.organisation
        return msgspec.structs.replace(place, network_class=known.network_class, organisation=organisation), always


def _geography(given: Place) -> Place:
    """What a log said of a place that databases have completed since: all but the network."""
    return msgspec.structs.replace(given, asn=0, organisation="", network_class="", build="")
