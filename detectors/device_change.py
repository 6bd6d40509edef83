"""Another device: inside one session, which is how a stolen session looks, or against a person's known devices.

A device is its own id where the source gives one; else the fingerprint of the user agent, which no update changes.
Roaming is no change: one device id on many networks stays one device.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from detectors import bounds
from detectors.columns import Bounds, Columns
from detectors.detector import Detector, DetectorEvidence, DetectorState
from detectors.device_params import NEEDED, DeviceParams
from detectors.familiarity import VOUCHING, Learning, Seen, Suspect, familiar, put_aside, released, see
from detectors.fingerprint import agent_of
from detectors.jumps import Jump, Limits, Stand, jump_between, stand_of
from detectors.traits import Traits, compared, differs, note_open
from detectors.wording import many, severity_words, span_later
from models.events import EventKind, EventRef, PlacedEvent
from models.findings import By, Candidate, Finding, NotEvaluable, Unfamiliar, Verdict
from models.instants import SECOND_US, span_us

SESSIONS_MAX: Final = 32
"""Sessions remembered for a subject; the longest idle goes first."""
DEVICES_MAX: Final = 32
"""Known devices kept for a subject; the longest unseen goes."""
NETWORKS_MAX: Final = 64
"""Known networks kept for a subject, addresses and autonomous systems; the longest unseen goes."""
SAMPLE_MAX: Final = 10
"""Known devices and networks that evidence names."""

_WORDS: Final = {
    "known_network": "the network is one of the person's own",
    "second_factor": "a second factor was passed in the sign-in",
}


class DeviceState(DetectorState):
    """Sessions with what they were seen with; known devices and networks; what is kept aside."""

    sessions: dict[str, Traits] = msgspec.field(default_factory=dict)
    devices: Seen = msgspec.field(default_factory=dict)
    networks: Seen = msgspec.field(default_factory=dict)
    learning: Learning = msgspec.field(default_factory=Learning)
    aside: list[Suspect] = msgspec.field(default_factory=list)
    open: list[str] = msgspec.field(default_factory=list)


class DeviceEvidence(DetectorEvidence, frozen=True, kw_only=True, omit_defaults=True):
    """What changed, from what to what: the session's, or the subject's known, devices and networks.

    `before_devices` are what it was compared with: ids with an id, else fingerprints; of each the latest ten. The last
    six are of a jump to another place and left out elsewhere; `speed_kmh` too where there is no time to divide by.
    """

    scope: str
    changed: tuple[str, ...]
    needs: str
    session: str
    device: str
    agent: str
    ip: str
    network: str
    place: str
    before_devices: tuple[str, ...]
    before_networks: tuple[str, ...]
    seconds_since: int | None
    learned_events: int | None
    before_place: str = ""
    minimum_km: float | None = None
    distance_min_km: float | None = None
    hours: float | None = None
    speed_kmh: float | None = None
    speed_max_kmh: float | None = None


class DeviceChange(Detector[DeviceParams, DeviceState]):
    """One session that goes on from another device, or a person on a device never seen with them.

    Judges the device and network of an event against its session so far, or against the subject's known ones; with
    `jump_min_km` also the place against that where the session last was, unless one device id is at both.
    """

    kind: ClassVar[str] = "device_change"
    Params = DeviceParams
    State = DeviceState
    Evidence = DeviceEvidence
    sheds: ClassVar[tuple[str, ...]] = ("sessions",)
    subjects: ClassVar[frozenset[By]] = frozenset({"user", "session"})
    hears: ClassVar[frozenset[EventKind]] = VOUCHING

    def __init__(self, params: DeviceParams, *, near_misses: bool = False) -> None:
        super().__init__(params, near_misses=near_misses)
        self._needed = NEEDED[params.needs]
        self._needs_device = params.needs in {"device", "device_and_network"}
        self._needs_network = params.needs in {"network", "device_and_network"}
        self._in_session = params.scope == "session"
        self._idle_max_us = span_us(params.session_idle_max)
        self._familiar_after_us = span_us(params.familiar_after)
        self._learn_for_us = span_us(params.learn_for)
        self._accept_after_us = span_us(params.accept_after)
        self._forget_after_us = span_us(params.forget_after)

    @property
    def keep_us(self) -> int:
        """As `session_idle_max` says, or for `scope: user` `forget_after`."""
        return self._idle_max_us if self._in_session else self._forget_after_us

    def judge(self, event: PlacedEvent, state: DeviceState) -> Verdict:
        """Whether what is needed has changed, for sure."""
        if self._in_session:
            return self._judge_session(event, state)
        return self._judge_user(event, state)

    def learn(self, event: PlacedEvent, state: DeviceState, *, suspect: bool) -> None:
        """Note the device and network of `event`, or keep them aside."""
        self.hear(event, state, suspect=suspect)
        device, agent, networks = event.device, agent_of(event.user_agent), self._networks(event)
        if (self._in_session and not event.session) or self._goes_on(event, state):
            return
        if self.params.open_sessions and event.session:
            note_open(state.open, event.session, is_whole=bool((device or agent) and networks))
        if suspect:
            put_aside(state.aside, Suspect.of(event, device or agent, (device, agent, *networks)))
        elif self._in_session:
            self._note_session(state, EventRef.of(event), (device, agent, networks), self._stand(event))
        elif device or agent:
            if state.learning.events and not state.learning.has_begun(event.at_us, self._forget_after_us):
                state.learning, state.devices, state.networks = Learning(), {}, {}
            state.learning.note(event.at_us)
            self._note_user(state, event.at_us, (device, agent, networks))

    def hear(self, event: PlacedEvent, state: DeviceState, *, suspect: bool) -> None:
        """Let what `event` vouches for become known."""
        for one in released(state.aside, event, self._accept_after_us, suspect=suspect):
            device, agent, *networks = one.values
            known = (device, agent, tuple(networks))
            if self._in_session:
                ref = EventRef(one.event, one.at_us, session=one.session, device=device)
                self._note_session(state, ref, known)
            else:
                self._note_user(state, event.at_us, known, since_us=0)

    def bounds(self, events: Columns) -> Bounds | None:
        """As `detectors.bounds` says."""
        return bounds.of_device(self.params, events)

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """What changed, from what to what, how soon."""
        now = evidence["device"] or evidence["agent"] or "an unnamed device"
        at = f" at {evidence['network']}" if evidence["network"] else ""
        before = ", ".join(evidence["before_devices"]) or "nothing that names a device"
        if evidence["scope"] == "user":
            lower = severity_words(evidence, _WORDS)
            return f"{who} used {now}{at} for the first time; known so far: {before}{lower}"
        soon = (
            f"{many(evidence['seconds_since'], 'seconds')} after" if evidence["seconds_since"] is not None else "after"
        )
        where = ", ".join(evidence["before_networks"])
        whose = "" if who == evidence["session"] else f"{who}: "
        if "place" in evidence["changed"]:
            return whose + _jump_words(evidence, now + at)
        return (
            f"{whose}session {evidence['session']} continued on {now}{at}, {soon} {before}"
            f"{' at ' * bool(where)}{where} ({' and '.join(evidence['changed'])} changed)"
        )

    def _judge_session(self, event: PlacedEvent, state: DeviceState) -> Verdict:
        if not event.session:
            return NotEvaluable("no_session")
        traits = state.sessions.get(event.session)
        if traits is None or event.at_us - traits.latest.at_us > self._idle_max_us:
            return None
        if self._needs_network and event.network in traits.networks:
            return None
        agent, networks = agent_of(event.user_agent), self._networks(event)
        changes = {
            "device": differs(event.device, agent, traits.devices, traits.agents),
            "network": not any(one in traits.networks for one in networks) if networks and traits.networks else None,
        }
        found = self._decide(changes)
        jump = None
        if not isinstance(found, tuple):
            jump = self._jump(event, traits, changes["network"])
            if jump is None:
                return found
        changed = found if isinstance(found, tuple) else _ELSEWHERE[changes["network"] is True]
        evidence = self._evidence(
            event, changed, compared(event, traits.devices, traits.agents), traits.networks, traits.latest
        )
        return Finding(
            evidence=evidence if jump is None else self._jumped(evidence, jump),
            key=event.session,
            events=(traits.latest,),
            candidates=(self._candidate(event, agent, changed),),
        )

    def _stand(self, event: PlacedEvent) -> Stand | None:
        params = self.params
        if params.jump_min_km is None:
            return None
        return stand_of(event, params.jump_radius_max_km, params.jump_ignores)

    def _jump(self, event: PlacedEvent, traits: Traits, is_elsewhere: bool | None) -> Jump | None:  # noqa: FBT001 - three values
        """From where the session last was to where it is, if nobody gets there in the time.

        One device id at both is one machine whose network moved; so is one provider at both.
        """
        limit_km = self.params.jump_min_km
        if limit_km is None or traits.stand is None or is_elsewhere is False:
            return None
        if event.device and event.device in traits.devices:
            return None
        stand = self._stand(event)
        limits = Limits(limit_km, self.params.jump_speed_max_kmh)
        return jump_between(traits.stand, traits.latest, stand, EventRef.of(event), limits) if stand else None

    def _jumped(self, evidence: DeviceEvidence, jump: Jump) -> DeviceEvidence:
        return msgspec.structs.replace(
            evidence,
            before_place=jump.origin,
            minimum_km=round(jump.minimum_km, 1),
            distance_min_km=self.params.jump_min_km,
            hours=jump.hours,
            speed_kmh=jump.speed_kmh,
            speed_max_kmh=self.params.jump_speed_max_kmh,
        )

    def _judge_user(self, event: PlacedEvent, state: DeviceState) -> Verdict:
        if (self._needs_device and event.device and _ID + event.device in state.devices) or self._goes_on(event, state):
            return None
        agent, networks = agent_of(event.user_agent), self._networks(event)
        learning = state.learning
        if not learning.has_begun(event.at_us, self._forget_after_us):
            return None if event.device or agent else NotEvaluable("no_device")
        by_us = event.at_us - self._familiar_after_us
        ids = [known.removeprefix(_ID) for known in state.devices if known.startswith(_ID)]
        agents = [known for known in state.devices if not known.startswith(_ID)]
        changes = {
            "device": differs(event.device, agent, ids, agents),
            "network": not (self._is_house(event) or self._is_known(event, state, by_us)) if networks else None,
        }
        changed = self._decide(changes)
        if not isinstance(changed, tuple):
            return changed
        if not learning.is_over(event.at_us, self._learn_for_us, self.params.learn_min_events):
            return None
        at_home = changes["network"] is False
        with_mfa = event.mfa is True and self.params.second_factor != "normal"
        if (at_home and self.params.known_network == "ignore") or (with_mfa and self.params.second_factor == "ignore"):
            return None
        return Finding(
            evidence=self._evidence(
                event, changed, compared(event, ids, agents), state.networks, None, learning.events
            ),
            key=event.device or agent,
            candidates=(self._candidate(event, agent, changed),),
            severity_shift=-(at_home and self.params.known_network == "lower") - with_mfa,
            set_aside=(f"known_network: {self.params.known_network}",) * at_home + ("second_factor: lower",) * with_mfa,
        )

    def _decide(self, changes: dict[str, bool | None]) -> tuple[Unfamiliar, ...] | NotEvaluable | None:
        """What changed where that is enough; None where it is not; or which of the needed cannot be told."""
        changed = tuple(name for name in self._needed if changes[name])
        if self.params.needs == "device_or_network":
            if changed:
                return changed
        elif any(changes[name] is False for name in self._needed):
            return None
        elif len(changed) == len(self._needed):
            return changed
        unknown = next((name for name in self._needed if changes[name] is None), None)
        return NotEvaluable({"device": "no_device", "network": "no_address"}[unknown]) if unknown else None

    def _is_house(self, event: PlacedEvent) -> bool:
        return event.place is not None and event.place.network_class in self.params.own_classes

    def _goes_on(self, event: PlacedEvent, state: DeviceState) -> bool:
        """Whether `event` says no more than the sign-in of its session did."""
        return self.params.open_sessions and event.kind != "login" and event.session not in state.open

    def _is_known(self, event: PlacedEvent, state: DeviceState, by_us: int) -> bool:
        names = self._networks(event)
        if familiar(state.networks, names, by_us):
            return True
        if self.params.same_asn_within == "anywhere" or len(names) == 1:
            return False
        number, _, city = names[1].partition(" ")
        same = [name for name in state.networks if name == number or (not city and name.startswith(f"{number} "))]
        return familiar(state.networks, same, by_us)

    def _networks(self, event: PlacedEvent) -> tuple[str, ...]:
        if not event.network:
            return ()
        place = event.place
        if place is None or not place.asn or not self.params.same_asn_is_same:
            return (event.network,)
        city = f" {place.city}" if place.city and self.params.same_asn_within == "city" else ""
        return (event.network, f"AS{place.asn}{city}")

    def _note_session(
        self, state: DeviceState, ref: EventRef, known: tuple[str, str, tuple[str, ...]], stand: Stand | None = None
    ) -> None:
        traits = state.sessions.pop(ref.session, None)
        if traits is not None and ref.at_us - traits.latest.at_us <= self._idle_max_us and traits.lacks(*known):
            state.sessions[ref.session] = traits
            return
        if traits is None or ref.at_us - traits.latest.at_us > self._idle_max_us:
            traits = Traits(ref, stand=stand)
        elif ref.at_us >= traits.latest.at_us:
            traits.go_on(ref, stand)
        traits.note(*known)
        state.sessions[ref.session] = traits
        line_us = ref.at_us - self._idle_max_us
        while state.sessions[next(iter(state.sessions))].latest.at_us < line_us:
            del state.sessions[next(iter(state.sessions))]
        if len(state.sessions) > SESSIONS_MAX:
            del state.sessions[next(iter(state.sessions))]

    def _note_user(
        self, state: DeviceState, at_us: int, known: tuple[str, str, tuple[str, ...]], since_us: int | None = None
    ) -> None:
        device, agent, networks = known
        for name in (_ID + device if device else "", agent):
            if name:
                see(state.devices, name, at_us, DEVICES_MAX, since_us=since_us)
        for name in networks:
            see(state.networks, name, at_us, NETWORKS_MAX, since_us=since_us)

    def _candidate(self, event: PlacedEvent, agent: str, changed: tuple[Unfamiliar, ...]) -> Candidate:
        return Candidate(event.session, event.id, event.at_us, event.ip, event.device or agent, changed)

    def _evidence(
        self,
        event: PlacedEvent,
        changed: tuple[str, ...],
        devices: list[str],
        networks: list[str] | Seen,
        latest: EventRef | None,
        learned_events: int | None = None,
    ) -> DeviceEvidence:
        return DeviceEvidence(
            scope=self.params.scope,
            changed=changed,
            needs=self.params.needs,
            session=event.session,
            device=event.device,
            agent=agent_of(event.user_agent),
            ip=event.ip,
            network=event.network,
            place=event.place.label if event.place is not None else "",
            before_devices=tuple(devices[-SAMPLE_MAX:]),
            before_networks=tuple(one for one in networks if not one.startswith("AS"))[-SAMPLE_MAX:],
            seconds_since=(event.at_us - latest.at_us) // SECOND_US if latest is not None else None,
            learned_events=learned_events,
        )


_ELSEWHERE: Final[Mapping[bool, tuple[Unfamiliar, ...]]] = {True: ("network", "place"), False: ("place",)}
"""What changed where a place did: the address too, where both are known."""

_ID: Final = "id:"
"""Marks a known device's own id, apart from the fingerprints of agents."""


def _jump_words(evidence: Mapping[str, Any], now: str) -> str:
    speed, limit = evidence.get("speed_kmh"), evidence["speed_max_kmh"]
    pace = f"takes at least {speed:,.0f} km/h" if speed is not None else "no speed allows"
    return (
        f"session {evidence['session']} continued in {evidence['place']} on {now}, {span_later(evidence['hours'])} than"
        f" in {evidence['before_place']}, at least {evidence['minimum_km']:,.0f} km away (counts from"
        f" {evidence['distance_min_km']:,.0f} km), which {pace} (limit {limit:,.0f} km/h)"
    )
