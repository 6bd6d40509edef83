"""What a session was seen with, and whether a device is another than those before it."""

from __future__ import annotations

from typing import Final

import msgspec

from detectors.fingerprint import alike
from detectors.jumps import Stand
from models.events import EventRef, PlacedEvent

OPEN_MAX: Final = 8
"""Sessions remembered whose sign-in named no device or no address; the oldest goes first."""
TRAITS_MAX: Final = 8
"""Devices, agents and networks remembered of one session, each; the oldest goes first."""


class Traits(msgspec.Struct, array_like=True):
    """What one session was seen with."""

    latest: EventRef
    devices: list[str] = msgspec.field(default_factory=list)
    agents: list[str] = msgspec.field(default_factory=list)
    networks: list[str] = msgspec.field(default_factory=list)
    stand: Stand | None = None

    def go_on(self, ref: EventRef, stand: Stand | None) -> None:
        """The session's latest event is `ref`, at `stand`; where nobody knows that, it stays where it last was."""
        if stand is None and self.stand is not None:
            stand = self.stand.left_behind(self.latest, ref.at_us)
        self.latest, self.stand = ref, stand

    def lacks(self, device: str, agent: str, networks: tuple[str, ...]) -> bool:
        """Whether an event with these leaves out what is known of the session: then it could not be compared with it.

        What it does say may be the thief's, and must not make the thief's next event the session's own.
        """
        named = device or agent or not (self.devices or self.agents)
        return not named or not (networks or not self.networks)

    def note(self, device: str, agent: str, networks: tuple[str, ...]) -> None:
        """Add what is new, within bounds."""
        for values, found in ((self.devices, (device,)), (self.agents, (agent,)), (self.networks, networks)):
            for value in found:
                if value and value not in values:
                    values.append(value)
                    if len(values) > TRAITS_MAX:
                        del values[0]


def note_open(begun: list[str], session: str, *, is_whole: bool) -> None:
    """Keep `session` among those of which no event has named both device and address yet; `is_whole`: this one does."""
    if session in begun:
        begun.remove(session)
    if not is_whole:
        begun.append(session)
        del begun[:-OPEN_MAX]


def compared(event: PlacedEvent, devices: list[str], agents: list[str]) -> list[str]:
    """What `event` was compared with: ids with an id, else fingerprints."""
    return devices if (event.device and devices) or not agents else agents


def differs(device: str, agent: str, devices: list[str], agents: list[str]) -> bool | None:
    """Whether it is another device; None where nothing comparable is known.

    Two ids decide alone: one device that updates or roams keeps its id, and two devices may share an agent.
    """
    if device and devices:
        return device not in devices
    if agent and agents:
        return not any(alike(agent, one) for one in agents)
    return None
