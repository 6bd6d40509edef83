"""The topics of sessionwatch: how they must be, how they are, what is wrong between the two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from models.instants import DAY_US, HOUR_US
from sessionwatch.errors import KafkaError
from streams.kafka.connection import Connection
from streams.kafka.settings import WRITE_BYTES_MAX

CONNECT_MAX_MS: Final = 10_000
"""Milliseconds for the first answer of a server; then it is taken to be away."""
PARTITIONS_MAX: Final = 1_000
"""Partitions of one topic."""
PARTITIONS: Final = 12
"""Partitions of a topic unless told: the most processes that can share its work."""
NOTICES: Final = "notices"
ACTIONS: Final = "actions"
LATE: Final = "late"
CONTROL: Final = "control"
OUTCOMES: Final = "outcomes"
DEAD_LETTER: Final = "dead-letter"

_MS: Final = 1_000
_SAFE_MS: Final = HOUR_US // _MS
_DAY_MS: Final = DAY_US // _MS
_STATE_BYTES: Final = 2 * WRITE_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Layout:
    """How a topic must be. `at_least` are settings with a lower limit; `proposed` ones are set where we make it."""

    name: str
    partitions: int | None
    policy: str
    at_least: Mapping[str, int] = field(default_factory=dict)
    proposed: Mapping[str, int | float] = field(default_factory=dict)

    def settings(self) -> dict[str, str]:
        """The settings of a topic that is made."""
        return {"cleanup.policy": self.policy} | {
            name: str(value) for name, value in {**self.proposed, **self.at_least}.items()
        }


@dataclass(frozen=True, slots=True)
class Found:
    """How a topic is."""

    partitions: int
    settings: Mapping[str, str]


def events_topic(prefix: str, by: str) -> str:
    """Native events, keyed by a subject of this kind."""
    return f"{prefix}.events.by-{by}"


def state_topic(prefix: str, by: str) -> str:
    """What the lane over them keeps."""
    return f"{prefix}.state.by-{by}"


def raw_topic(prefix: str, name: str) -> str:
    """Records of one format as their source wrote them; native events of our own doing are `outcomes`."""
    return f"{prefix}.{OUTCOMES}" if name == OUTCOMES else f"{prefix}.raw.{name}"


def raw_state_topic(prefix: str, name: str) -> str:
    """How far the normalising of a raw topic has come."""
    return f"{prefix}.state.raw.{name}"


def layouts(
    prefix: str, partitions: int | None, kinds: Sequence[str] = ("user",), raw: Sequence[str] = ()
) -> list[Layout]:
    """Every topic for rules by these kinds of subject, and for raw records of these formats.

    With `partitions` None as many as they have, as long as each topic and the state over it have the same number.
    """
    found = []
    for name in raw:
        found.append(Layout(raw_topic(prefix, name), partitions, "delete", proposed={"retention.ms": 7 * _DAY_MS}))
        found.append(_state(raw_state_topic(prefix, name), partitions))
    for by in kinds:
        found.append(Layout(events_topic(prefix, by), partitions, "delete", proposed={"retention.ms": 30 * _DAY_MS}))
        found.append(_state(state_topic(prefix, by), partitions))
    return [
        *found,
        Layout(f"{prefix}.{NOTICES}", partitions, "delete", proposed={"retention.ms": 90 * _DAY_MS}),
        Layout(f"{prefix}.{ACTIONS}", partitions, "delete", proposed={"retention.ms": 14 * _DAY_MS}),
        Layout(f"{prefix}.{LATE}", 1, "delete", proposed={"retention.ms": 30 * _DAY_MS}),
        Layout(f"{prefix}.{CONTROL}", 1, "delete", proposed={"retention.ms": 7 * _DAY_MS}),
        Layout(f"{prefix}.{DEAD_LETTER}", 1, "delete", proposed={"retention.ms": 14 * _DAY_MS}),
    ]


def _state(name: str, partitions: int | None) -> Layout:
    return Layout(
        name,
        partitions,
        "compact",
        at_least={"min.compaction.lag.ms": _SAFE_MS, "max.message.bytes": _STATE_BYTES},
        proposed={"segment.ms": _SAFE_MS, "min.cleanable.dirty.ratio": 0.1, "delete.retention.ms": _DAY_MS},
    )


def faults(wanted: Sequence[Layout], found: Mapping[str, Found]) -> list[str]:
    """What is wrong, one line each: what, where, and what to do."""
    told = []
    for layout in wanted:
        topic = found.get(layout.name)
        if topic is None:
            told.append(f"{layout.name}: there is no such topic; make it with: sessionwatch topics create")
            continue
        if layout.partitions is not None and topic.partitions != layout.partitions:
            told.append(
                f"{layout.name}: has {topic.partitions} partitions, {layout.partitions} are wanted; keys would move, "
                f"so make it anew or ask for {topic.partitions}"
            )
        told += _wrong_settings(layout, topic)
    return [*told, *_unequal(wanted, found)]


def _wrong_settings(layout: Layout, topic: Found) -> Iterator[str]:
    policy = topic.settings.get("cleanup.policy", "")
    if policy != layout.policy:
        yield (
            f"{layout.name}: cleanup.policy is {policy or 'not told'}, it must be {layout.policy}: "
            f"{_WHY[layout.policy]}; set it with kafka-configs"
        )
    for name, least in layout.at_least.items():
        value = topic.settings.get(name, "")
        if not value.isdigit() or int(value) < least:
            is_now = value or "not told"
            yield f"{layout.name}: {name} is {is_now}, it must be {least} or more; set it with kafka-configs"


_WHY: Final = {
    "compact": "otherwise the state of people who are not seen for a while is deleted",
    "delete": "otherwise all but the last record of each key go",
}


def _unequal(wanted: Sequence[Layout], found: Mapping[str, Found]) -> Iterator[str]:
    names = [layout.name for layout in wanted if layout.name in found]
    for state in (name for name in names if ".state." in name):
        over = {state.replace(".state.", ".events."), state.replace(".state.", "."), state.replace(".state.raw.", ".")}
        for name in names:
            if name in over - {state} and found[name].partitions != found[state].partitions:
                yield (
                    f"{state}: has {found[state].partitions} partitions, {name} has {found[name].partitions}; "
                    f"both must have the same number"
                )


@contextmanager
def admin(connection: Connection) -> Iterator[Any]:
    """A kafka-python admin client.

    Raises:
        KafkaError: kafka-python is not installed, or what the servers said, in one line.
    """
    kafka = library()
    client = None
    try:
        client = kafka.KafkaAdminClient(bootstrap_timeout_ms=CONNECT_MAX_MS, **connection.for_kafka_python())
        yield client
    except kafka.errors.KafkaError as error:
        raise refused(connection, error) from error
    finally:
        if client is not None:
            client.close()


def library() -> Any:
    """kafka-python.

    Raises:
        KafkaError: it is not installed.
    """
    try:
        import kafka
    except ImportError as error:
        raise KafkaError('Kafka needs the extra "live"; install it: pip install "sessionwatch[live]"') from error
    return kafka


def refused(connection: Connection, error: Exception) -> KafkaError:
    """What a client raised, as one line with what to do about it."""
    servers = ", ".join(connection.servers)
    kind = type(error).__name__.removesuffix("Error")
    if "bootstrap" in str(error) or kind in {"KafkaTimeout", "KafkaConnection", "NoBrokersAvailable"}:
        sign_in = ", and is the sign-in right" if connection.mechanism else ""
        return KafkaError(
            f"Kafka does not answer at {servers}; is it running, and does {connection.protocol} fit{sign_in}?"
        )
    if "Authorization" in kind:
        return KafkaError(f"Kafka at {servers} does not allow this ({kind}); give the user the rights")
    if "Authentication" in kind or "Sasl" in kind:
        return KafkaError(f"Kafka at {servers} refuses the credentials ({kind}); check SESSIONWATCH_KAFKA_*")
    said = str(getattr(error, "description", "") or kind)
    return KafkaError(f"Kafka at {servers}: {kind}: {' '.join(said.split())}")


def find(client: Any, names: Sequence[str]) -> dict[str, Found]:
    """How these topics are; those that there are not are left out."""
    from kafka.admin import ConfigResource, ConfigResourceType

    partitions = {
        one["name"]: len(one["partitions"]) for one in client.describe_topics(list(names)) if one["partitions"]
    }
    if not partitions:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in partitions]
    settings = client.describe_configs(asked, config_filter="all")["topic"]
    return {
        name: Found(count, {key: str(one["value"]) for key, one in settings[name].items()})
        for name, count in partitions.items()
    }


def create(client: Any, wanted: Sequence[Layout], replicas: int) -> list[str]:
    """Make the topics that there are not, with `replicas` copies; returns their names. Others stay as they are.

    Where no number of partitions is wanted, those that are there give it.
    """
    there = find(client, [layout.name for layout in wanted])
    counts = [there[layout.name].partitions for layout in wanted if layout.partitions is None and layout.name in there]
    missing = [layout for layout in wanted if layout.name not in there]
    if missing:
        client.create_topics(
            {
                layout.name: {
                    "num_partitions": layout.partitions or next(iter(counts), PARTITIONS),
                    "replication_factor": replicas,
                    "configs": layout.settings(),
                }
                for layout in missing
            },
            wait_for_metadata=True,
        )
    return [layout.name for layout in missing]
