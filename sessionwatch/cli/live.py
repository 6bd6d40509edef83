"""`sessionwatch live`: events of a Kafka topic judged as they arrive, notices and state back into Kafka."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer

from sessionwatch.cli.exits import Exit
from sessionwatch.cli.geography import plan_asked, say
from sessionwatch.cli.monitoring import (
    BoundOption,
    DatabasesOption,
    ExpectOption,
    LogOption,
    MonitorOption,
    NetworksOption,
    RedactOption,
    RulesOption,
    log_form,
    monitored,
    spans_by_source,
)
from sessionwatch.cli.settings import SettingsOption, broker_of
from sessionwatch.cli.watch import bounds_of
from sessionwatch.engine.lateness import Lateness
from sessionwatch.engine.plan import attributes_read
from sessionwatch.errors import KafkaError
from sessionwatch.live.feeds import Feeds
from sessionwatch.live.geography import Geography
from sessionwatch.live.lane_reports import LaneReports
from sessionwatch.live.logs import Log, begin_log
from sessionwatch.live.partition_store import rank
from sessionwatch.live.partitions import OutputTopics, PartitionJudges
from streams.adapters import adapters
from streams.kafka.connection import Connection
from streams.kafka.settings import LaneSettings
from streams.kafka.topics import DEAD_LETTER, EVENTS, NOTICES, STATE, admin, faults, find, layouts


def live_command(  # noqa: PLR0913  # as many as the command has options
    context: typer.Context,
    *,
    prefix: Annotated[str, typer.Option(help="What the names of all topics begin with.")] = "sessionwatch",
    member: Annotated[
        str, typer.Option(help="A lasting name of this process: after a restart it has its partitions back at once.")
    ] = "",
    rules: RulesOption = None,
    geo: DatabasesOption = None,
    networks: NetworksOption = None,
    tenant: Annotated[str, typer.Option(help="The organisation of events that name none.")] = "default",
    source: Annotated[
        list[str] | None, typer.Option(help="A source of the events, such as okta; may be repeated. Default: any.")
    ] = None,
    bound: BoundOption = None,
    redact: RedactOption = False,
    expect: ExpectOption = None,
    monitor: MonitorOption = None,
    log: LogOption = "text",
    settings: SettingsOption = None,  # noqa: ARG001  # applied while it is read
) -> None:
    """Judge events from Kafka as they arrive, by rules by user. A crash at any point loses and doubles nothing."""
    broker = broker_of(context)
    speak = begin_log("live", log_form(log), [broker.secret() or ""])
    lateness = lateness_of(source or [], bounds_of(bound or []))
    plan = plan_asked(rules, geo, networks)
    loaded = plan.ruleset()
    ruleset = replace(loaded, rules=tuple(rule for rule in loaded.rules if rule.by == "user"))
    geography = Geography(plan, attributes_read(ruleset), speak, say)
    partitions = checked(broker, prefix)
    topics = OutputTopics(f"{prefix}.{NOTICES}", f"{prefix}.{DEAD_LETTER}")
    native = adapters(())["native"]
    judges = PartitionJudges(ruleset, geography.locator, lateness, native, topics, tenant, redact, geography=geography)
    lane = LaneSettings(
        group=f"{prefix}.detect.by-user",
        topic=f"{prefix}.{EVENTS}",
        changelog=f"{prefix}.{STATE}",
        partitions=partitions,
        member=member,
    )
    left_out = [rule.id for rule in loaded.rules if rule.by != "user" and rule.mode != "off"]
    speak("begins", topic=lane.topic, partitions=partitions, rules=len(ruleset.rules))
    if left_out:
        speak(f"rules that are not by user are not judged here: {', '.join(left_out)}")
    reports = LaneReports(judges, Feeds(spans_by_source("--expect", expect or ())), topics.notices, speak)
    reports.measured.exchanges = geography.exchanges
    _work(lane, broker, judges, reports, monitor, speak)
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


def _work(
    settings: LaneSettings,
    broker: Connection,
    judges: PartitionJudges,
    reports: LaneReports,
    monitor: str | None,
    log: Log,
) -> None:
    try:
        from streams.kafka.worker import app_of, lane_of, work
    except ImportError as error:
        raise KafkaError('live needs the extra "live"; install it: pip install "sessionwatch[live]"') from error
    lane = reports.lane = lane_of(settings, broker, reports.judge, rank)
    lane.on_open = lambda: log("ready", entries=lane.keys)
    lane.on_batch, lane.on_measure = reports.measured.batches.observe, reports.look
    with reports.measured.pauses, monitored(monitor, reports.metrics, reports.unready, log):
        try:
            # Ends the process by SystemExit.
            work(app_of(lane, broker), own_log=True)
        finally:
            counts = lane.counts
            log(
                "stopped",
                records=counts.records,
                notices_and_dead_letters=counts.outputs,
                late=judges.late,
                dead_letter=judges.accounting.dead_letter,
            )
