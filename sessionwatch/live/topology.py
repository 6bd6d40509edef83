"""Which topics there must be for a set of rules, and the lanes between them: one a kind of subject, one a raw topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from models.findings import By
from sessionwatch.errors import KafkaError
from sessionwatch.live.routing import SESSION, Route, kinds_of
from sessionwatch.ruleset.compiled import Ruleset
from streams.kafka.connection import Connection
from streams.kafka.settings import LaneSettings
from streams.kafka.topics import (
    OUTCOMES,
    admin,
    events_topic,
    faults,
    find,
    layouts,
    raw_state_topic,
    raw_topic,
    state_topic,
)

RAW_TOGETHER: Final = 1_000
"""Raw records taken at once from all partitions of a process: in a backlog the partitions then stay close in time."""


@dataclass(frozen=True, slots=True)
class Topology:
    """The topics of one prefix, for the rules that are loaded. `partitions`: of each topic, once they are checked."""

    prefix: str
    kinds: tuple[By, ...]
    raw: tuple[str, ...]
    partitions: Mapping[str, int]

    @property
    def routes(self) -> dict[By, Route]:
        """Where events by each kind of subject go."""
        topics = {by: events_topic(self.prefix, by) for by in self.kinds}
        return {by: Route(topic, self.partitions[topic]) for by, topic in topics.items()}

    @property
    def makers(self) -> dict[str, int]:
        """The topics out of which others are made, with their partitions: raw ones, and that of sessions."""
        names = [*(raw_topic(self.prefix, name) for name in self.raw), events_topic(self.prefix, "session")]
        return {name: self.partitions[name] for name in names}

    def detecting(self, by: By, member: str) -> LaneSettings:
        """The lane that judges the rules by this kind of subject."""
        topic = events_topic(self.prefix, by)
        group = f"{self.prefix}.detect.by-{by}"
        return LaneSettings(group, topic, state_topic(self.prefix, by), self.partitions[topic], member)

    def normalising(self, name: str, member: str) -> LaneSettings:
        """The lane that makes events of the raw records of this format."""
        topic = raw_topic(self.prefix, name)
        group = f"{self.prefix}.normalise.{name}"
        partitions, state = self.partitions[topic], raw_state_topic(self.prefix, name)
        return LaneSettings(group, topic, state, partitions, member, fetch_records_max=RAW_TOGETHER)


def raw_names(raw: Sequence[str]) -> tuple[str, ...]:
    """The raw topics: those named, and that of outcomes, which are native events."""
    return tuple(dict.fromkeys([*raw, OUTCOMES]))


def checked(
    broker: Connection, prefix: str, ruleset: Ruleset, kinds: Sequence[By], raw: Sequence[str] = ()
) -> Topology:
    """The topology, once all topics are as they must be that those need who judge by `kinds`.

    The lane over sessions needs those of all kinds. With no `raw`, the raw topics are not looked at.

    Raises:
        KafkaError: they are not, one line for each thing that is wrong.
    """
    names = raw_names(raw) if raw else ()
    needed = kinds_of(ruleset) if SESSION in kinds else tuple(kinds)
    layout = layouts(prefix, None, needed, names)
    with admin(broker) as client:
        found = find(client, [one.name for one in layout])
    if wrong := faults(layout, found):
        raise KafkaError("\n".join(wrong))
    return Topology(prefix, needed, names, {name: one.partitions for name, one in found.items()})


def rules_by(ruleset: Ruleset, by: By) -> Ruleset:
    """The rules by one kind of subject."""
    return replace(ruleset, rules=tuple(rule for rule in ruleset.rules if rule.by == by))
