"""`sessionwatch live`: events of a Kafka topic judged as they arrive, notices and state back into Kafka."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from sessionwatch.cli.exits import Exit
from sessionwatch.cli.watch import bounds_of
from sessionwatch.engine.lateness import Lateness
from sessionwatch.engine.plan import EnginePlan, attributes_read
from sessionwatch.errors import KafkaError
from sessionwatch.live.partition_store import rank
from sessionwatch.live.partitions import OutputTopics, PartitionJudges
from sessionwatch.ruleset.loading import bundled_rules
from streams.adapters import adapters
from streams.kafka.connection import Connection, connection
from streams.kafka.settings import LaneSettings
from streams.kafka.topics import DEAD_LETTER, EVENTS, NOTICES, STATE, admin, faults, find, layouts


def live_command(  # noqa: PLR0913  # as many as the command has options
    *,
    prefix: Annotated[str, typer.Option(help="What the names of all topics begin with.")] = "sessionwatch",
    member: Annotated[
        str, typer.Option(help="A lasting name of this process: after a restart it has its partitions back at once.")
    ] = "",
    rules: Annotated[list[Path] | None, typer.Option(help="Rule files or folders instead of the bundled ones.")] = None,
    geo: Annotated[list[Path] | None, typer.Option(help="A GeoIP2 or GeoLite2 database; may be repeated.")] = None,
    networks: Annotated[
        list[Path] | None, typer.Option(help="A list of your own networks and their classes; may be repeated.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="The organisation of events that name none.")] = "default",
    source: Annotated[
        list[str] | None, typer.Option(help="A source of the events, such as okta; may be repeated. Default: any.")
    ] = None,
    bound: Annotated[
        list[str] | None, typer.Option(help="How late a source may be, such as okta=5m; may be repeated.")
    ] = None,
    redact: Annotated[bool, typer.Option("--redact", help="Leave the raw text out of dead letters.")] = False,
) -> None:
    """Judge events from Kafka as they arrive, by rules by user. A crash at any point loses and doubles nothing."""
    broker = connection(os.environ)
    lateness = lateness_of(source or [], bounds_of(bound or []))
    plan = EnginePlan(tuple(rules or [bundled_rules()]), tuple(geo or ()), networks=tuple(networks or ()))
    loaded = plan.ruleset()
    ruleset = replace(loaded, rules=tuple(rule for rule in loaded.rules if rule.by == "user"))
    locator = plan.locator(attributes_read(ruleset))
    partitions = checked(broker, prefix)
    topics = OutputTopics(f"{prefix}.{NOTICES}", f"{prefix}.{DEAD_LETTER}")
    judges = PartitionJudges(ruleset, locator, lateness, adapters(())["native"], topics, tenant, redact)
    settings = LaneSettings(
        group=f"{prefix}.detect.by-user",
        topic=f"{prefix}.{EVENTS}",
        changelog=f"{prefix}.{STATE}",
        partitions=partitions,
        member=member,
    )
    left_out = [rule.id for rule in loaded.rules if rule.by != "user" and rule.mode != "off"]
    _tell(f"begins topic={settings.topic} partitions={partitions} rules={len(ruleset.rules)}")
    if left_out:
        _tell(f"rules that are not by user are not judged here: {', '.join(left_out)}")
    _work(settings, broker, judges)
    raise typer.Exit(Exit.DONE)


def lateness_of(sources: list[str], bounds: dict[str, timedelta]) -> Lateness:
    """The bounds of the sources that are named, or of all that are known; each as its format says unless told."""
    declared = {name: one.lateness for name, one in adapters(()).items()} | bounds
    if sources:
        named = {name: declared[name] for name in [*sources, *bounds] if name in declared}
        return Lateness.of(named, "all")
    return Lateness.of(declared)


def checked(broker: Connection, prefix: str) -> int:
    """How many partitions the events have, once all topics are as they must be.

    Raises:
        KafkaError: they are not, one line for each thing that is wrong.
    """
    wanted = layouts(prefix, None)
    with admin(broker) as client:
        found = find(client, [layout.name for layout in wanted])
    if wrong := faults(wanted, found):
        raise KafkaError("\n".join(wrong))
    return found[f"{prefix}.{EVENTS}"].partitions


def _work(settings: LaneSettings, broker: Connection, judges: PartitionJudges) -> None:
    try:
        from streams.kafka.worker import app_of, lane_of, work
    except ImportError as error:
        raise KafkaError('live needs the extra "live"; install it: pip install "sessionwatch[live]"') from error
    lane = lane_of(settings, broker, judges, rank)
    lane.on_open = lambda: _tell(f"ready entries={lane.keys}")
    try:
        # Ends the process by SystemExit.
        work(app_of(lane, broker))
    finally:
        counts = lane.counts
        _tell(
            f"stopped records={counts.records} notices_and_dead_letters={counts.outputs} late={judges.late} "
            f"dead_letter={judges.accounting.dead_letter}"
        )


def _tell(line: str) -> None:
    sys.stderr.write(f"live {line}\n")
    sys.stderr.flush()
