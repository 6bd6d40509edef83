"""Fixes: who was where, when, from which network and device; and what is unfamiliar about one."""

from __future__ import annotations

from typing import Final

import msgspec

from detectors.familiarity import Seen, Suspect, familiar, has_history, see
from detectors.fingerprint import agent_of
from geo.distance import great_circle_km
from models.events import EventRef, PlacedEvent
from models.findings import Candidate, Unfamiliar
from models.places import NetworkClass

RADIUS_UNSTATED_KM: Final = 50.0
"""How wrong a coordinate may be where nobody said: the radius of a fix that names a city."""

PLACES_MAX: Final = 16
"""Places a profile keeps; the longest unseen goes."""
NETWORKS_MAX: Final = 32
"""Networks a profile keeps; the longest unseen goes."""
DEVICES_MAX: Final = 16
"""Devices a profile keeps; the longest unseen goes."""

ANYWHERE_KM: Final = 20_016.0
"""The radius of a fix that may be anywhere: far enough from no place, known at none."""

SAME_SPOT_KM: Final = 50.0
"""Fixes whose circles come this near count as one known place."""

KM_PER_DEGREE_MAX: Final = 111.2
"""No degree of latitude or longitude is longer, so degrees bound a distance without trigonometry."""


class Fix(msgspec.Struct, array_like=True, frozen=True):
    """One located event. `radius_km` already includes what its network class makes uncertain.

    `city` is the city that a log names, with its country: two fixes of one such city are at no distance, however far
    apart their coordinates, since one of these is wrong.
    """

    ref: EventRef
    latitude: float
    longitude: float
    radius_km: float
    network: str = ""
    agent: str = ""
    country: str = ""
    asn: int = 0
    organisation: str = ""
    network_class: NetworkClass = ""
    city: str = ""

    @property
    def device(self) -> str:
        """The device's own id where the source gives one, else its agent's fingerprint."""
        return self.ref.device or self.agent

    def minimum_km(self, other: Fix) -> float:
        """The least distance in km between the two: great circle less both radii, never below 0."""
        if self.city and self.city == other.city:
            return 0.0
        full = great_circle_km(self.latitude, self.longitude, other.latitude, other.longitude)
        return max(0.0, full - self.radius_km - other.radius_km)

    def is_surely_within(self, other: Fix, distance_km: float) -> bool:
        """A cheap and sound "yes": even along the degrees they are no farther apart than that plus both radii."""
        degrees = abs(self.latitude - other.latitude) + abs(self.longitude - other.longitude)
        return degrees * KM_PER_DEGREE_MAX <= distance_km + self.radius_km + other.radius_km


def unplaceable(event: PlacedEvent, radius_max_km: float) -> str:
    """Why the place of `event` is no evidence, as a reason to count; empty where it is."""
    place = event.place
    if place is None:
        return "no_place" if event.ip else "no_address"
    if place.network_class in {"private", "loopback"}:
        return "private_address"
    if place.network_class == "anycast":
        return "anycast"
    if place.latitude is None or place.longitude is None:
        return "no_place"
    return "radius_too_wide" if place.radius_km > radius_max_km else ""


def fix_of(event: PlacedEvent, class_radius_km: dict[NetworkClass, float]) -> Fix:
    """The fix of an event whose place is evidence.

    Raises:
        ValueError: it has no located place; ask `unplaceable` first.
    """
    place = event.place
    if place is None or place.latitude is None or place.longitude is None:
        raise ValueError("an event without coordinates makes no fix: ask unplaceable() first")
    radius_km = place.radius_km or RADIUS_UNSTATED_KM
    if place.network_class:
        radius_km = max(radius_km, class_radius_km.get(place.network_class, 0.0))
    return Fix(
        EventRef.of(event),
        place.latitude,
        place.longitude,
        radius_km,
        event.network,
        agent_of(event.user_agent),
        place.country,
        place.asn,
        place.organisation,
        place.network_class,
        f"{place.city}, {place.country}".casefold() if place.source == "log" and place.city and place.country else "",
    )


def fix_anywhere(event: PlacedEvent) -> Fix:
    """The fix of an event whose place is no evidence: it still has a network and a device."""
    place = event.place
    agent = agent_of(event.user_agent)
    fix = Fix(EventRef.of(event), 0.0, 0.0, ANYWHERE_KM, event.network, agent)
    if place is None:
        return fix
    return msgspec.structs.replace(
        fix, country=place.country, asn=place.asn, organisation=place.organisation, network_class=place.network_class
    )


class SuspectFix(Suspect, array_like=True, frozen=True, kw_only=True):
    """A flagged fix, kept aside."""

    fix: Fix

    @classmethod
    def of_fix(cls, fix: Fix) -> SuspectFix:
        """`fix`, kept aside."""
        ref = fix.ref
        what = ref.place if fix.radius_km < ANYWHERE_KM else fix.network
        return cls(ref.at_us, ref.id, ref.session, fix.network, ref.device, what, since_us=ref.at_us, fix=fix)


class KnownPlace(msgspec.Struct, array_like=True):
    """A place a subject was seen at: the centre of the first fix, and when."""

    latitude: float
    longitude: float
    radius_km: float
    first_us: int
    last_us: int


class Profile(msgspec.Struct, array_like=True):
    """Where, from which networks and on which devices a subject is known. Bounded."""

    places: list[KnownPlace] = msgspec.field(default_factory=list)
    networks: Seen = msgspec.field(default_factory=dict)
    devices: Seen = msgspec.field(default_factory=dict)

    def learn(self, fix: Fix, *, since_us: int | None = None) -> None:
        """Note the place, network and device of `fix`; known since `since_us` where given (0: vouched for)."""
        at_us = fix.ref.at_us
        first_us = at_us if since_us is None else since_us
        if fix.radius_km < ANYWHERE_KM:
            self._learn_place(fix, at_us, first_us)
        for value in networks_of(fix):
            see(self.networks, value, at_us, NETWORKS_MAX, since_us=since_us)
        for value in (fix.ref.device, fix.agent):
            if value:
                see(self.devices, value, at_us, DEVICES_MAX, since_us=since_us)

    def _learn_place(self, fix: Fix, at_us: int, first_us: int) -> None:
        place = next((one for one in self.places if _near(one, fix)), None)
        if place is not None:
            place.first_us = min(place.first_us, first_us)
            place.last_us = max(place.last_us, at_us)
            return
        self.places.append(KnownPlace(fix.latitude, fix.longitude, fix.radius_km, first_us, at_us))
        if len(self.places) > PLACES_MAX:
            self.places.remove(min(self.places, key=lambda one: (one.last_us, one.latitude, one.longitude)))

    def unlearn(self, fix: Fix, since_us: int) -> None:
        """Forget what was first seen after `since_us` and is of `fix`: it turned out to be no one's normal."""
        self.places[:] = [one for one in self.places if one.first_us <= since_us or not _near(one, fix)]
        for seen, values in ((self.networks, networks_of(fix)), (self.devices, (fix.ref.device, fix.agent))):
            for value in values:
                if value in seen and seen[value][0] > since_us:
                    del seen[value]

    def unfamiliar(self, fix: Fix, by_us: int) -> tuple[Unfamiliar, ...]:
        """What about `fix` was not known by `by_us`, where anything of that sort was; nothing known accuses nobody."""
        found: list[Unfamiliar] = []
        places = [one for one in self.places if one.first_us <= by_us]
        if fix.radius_km < ANYWHERE_KM and places and not any(_near(one, fix) for one in places):
            found.append("place")
        networks = networks_of(fix)
        if networks and has_history(self.networks, by_us) and not familiar(self.networks, networks, by_us):
            found.append("network")
        device = fix.device
        if device and has_history(self.devices, by_us) and not familiar(self.devices, (device,), by_us):
            found.append("device")
        return tuple(found)

    def knows_place(self, fix: Fix, by_us: int) -> bool:
        """Whether the place of `fix` was known by `by_us`."""
        return any(one.first_us <= by_us and _near(one, fix) for one in self.places)

    def knows(self, fix: Fix, by_us: int) -> bool:
        """Whether place (where it has one), network and device of `fix` were all known by `by_us`."""
        return (
            (fix.radius_km >= ANYWHERE_KM or self.knows_place(fix, by_us))
            and familiar(self.networks, networks_of(fix), by_us)
            and familiar(self.devices, (fix.device,), by_us)
        )


def _near(place: KnownPlace, fix: Fix) -> bool:
    """Whether `fix` may be at `place`: their circles come within `SAME_SPOT_KM`; wide circles do not reach further."""
    reach = min(place.radius_km + fix.radius_km, 2 * RADIUS_UNSTATED_KM) + SAME_SPOT_KM
    degrees = abs(place.latitude - fix.latitude) + abs(place.longitude - fix.longitude)
    if degrees * KM_PER_DEGREE_MAX <= reach:
        return True
    return great_circle_km(place.latitude, place.longitude, fix.latitude, fix.longitude) <= reach


def networks_of(fix: Fix) -> tuple[str, ...]:
    """The names under which a network is known: its address (IPv6: /64) and its autonomous system."""
    named = (fix.network, f"AS{fix.asn}" if fix.asn else "")
    return tuple(name for name in named if name)


def candidates_of(fixes: list[Fix], profile: Profile, familiar_after_us: int) -> tuple[Candidate, ...]:
    """The sessions of `fixes` with what is unfamiliar about each, measured at its own time; one entry a session.

    What became known less than `familiar_after_us` before a fix does not count as known: the thief who signs in
    first would otherwise look at home. Order decides nothing.
    """
    found: dict[str, Candidate] = {}
    for fix in fixes:
        ref = fix.ref
        unfamiliar = profile.unfamiliar(fix, ref.at_us - familiar_after_us)
        key = ref.session or ref.id
        old = found.get(key)
        if old is not None:
            odd = tuple(name for name in ("place", "network", "device") if name in {*old.unfamiliar, *unfamiliar})
            found[key] = msgspec.structs.replace(old, unfamiliar=odd)
        else:
            found[key] = Candidate(ref.session, ref.id, ref.at_us, ref.ip, fix.device, unfamiliar)
    return tuple(found.values())


def anchor(fixes: list[Fix], fix: Fix, most: int) -> None:
    """Put `fix` in its place by time; within one stay at one address, only the first and the latest are kept."""
    at_one_address = len(fixes) > 1 and fix.network and fixes[-1].network == fixes[-2].network == fix.network
    if at_one_address and fix.ref.at_us >= fixes[-1].ref.at_us:
        fixes[-1] = fix
        return
    fixes.append(fix)
    if len(fixes) > 1 and fixes[-2].ref.at_us > fix.ref.at_us:
        fixes.sort(key=lambda one: (one.ref.at_us, one.ref.id))
    if len(fixes) > most:
        del fixes[0]
