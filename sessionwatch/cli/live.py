"""`sessionwatch live`: events of a Kafka topic judged as they arrive, notices and state back into Kafka."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from models.findings import By
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.geography import plan_asked, say
from sessionwatch.cli.lanes import Work, work_in
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
from sessionwatch.errors import UsageError
from sessionwatch.live.feeds import Feeds
from sessionwatch.live.geography import Geography
from sessionwatch.live.lane_reports import LaneReports, WorkerReports
from sessionwatch.live.logs import begin_log
from sessionwatch.live.metrics import Measured
from sessionwatch.live.partitions import OutputTopics, PartitionJudges
from sessionwatch.live.routing import SESSION, Router, kinds_of
from sessionwatch.live.topology import checked, rules_by
from sessionwatch.ruleset.compiled import Ruleset
from streams.accounting import Accounting
from streams.adapters import adapters
from streams.kafka.topics import DEAD_LETTER, LATE, NOTICES


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
    by: Annotated[
        list[str] | None,
        typer.Option(help="Only rules by this kind of subject, such as user; may be repeated. Default: all."),
    ] = None,
    settings: SettingsOption = None,  # noqa: ARG001  # applied while it is read
) -> None:
    """Judge events from Kafka as they arrive. A crash at any point loses and doubles nothing."""
    broker = broker_of(context)
    speak = begin_log("live", log_form(log), [broker.secret() or ""])
    lateness = lateness_of(source or [], bounds_of(bound or []))
    plan = plan_asked(rules, geo, networks)
    ruleset = plan.ruleset()
    kinds = chosen(by or [], ruleset)
    geography = Geography(plan, attributes_read(ruleset), speak, say)
    topology = checked(broker, prefix, ruleset, kinds)
    topics = OutputTopics(f"{prefix}.{NOTICES}", f"{prefix}.{DEAD_LETTER}", f"{prefix}.{LATE}")
    measured, accounting, native = Measured(), Accounting(), adapters(())["native"]
    measured.exchanges = geography.exchanges
    reports = WorkerReports(Feeds(spans_by_source("--expect", expect or ())), measured)
    works = []
    for kind in kinds:
        rules_of = rules_by(ruleset, kind)
        judges = PartitionJudges(rules_of, geography.locator, lateness, native, topics, tenant, redact, kind)
        judges.accounting, judges.geography = accounting, geography
        if kind == SESSION:
            judges.router = Router(ruleset, topology.routes)
        part = reports.parts[f"by-{kind}"] = LaneReports(judges, reports.feeds, topics.notices, speak, measured)
        works.append(Work(topology.detecting(kind, member), part.judge, judges.tick, part))
    with measured.pauses:
        work_in(works, broker, speak, monitored(monitor, reports.metrics, reports.unready, speak))
    raise typer.Exit(Exit.DONE)


def chosen(named: list[str], ruleset: Ruleset) -> tuple[By, ...]:
    """The kinds of subject to judge by: those named, or all that rules name, and sessions.

    Raises:
        UsageError: no rule is by a kind that is named.
    """
    kinds = kinds_of(ruleset)
    if unknown := [name for name in named if name not in kinds]:
        raise UsageError(f"--by {unknown[0]}: no rule is by that; the rules are by {', '.join(kinds)}")
    return tuple(kind for kind in kinds if not named or kind in named)


def lateness_of(sources: list[str], bounds: dict[str, timedelta]) -> Lateness:
    """The bounds of the sources that are named, or of all that are known; each as its format says unless told."""
    declared = {name: one.lateness for name, one in adapters(()).items()} | bounds
    if sources:
        named = {name: declared[name] for name in [*sources, *bounds] if name in declared}
        return Lateness.of(named, "all")
    return Lateness.of(declared)
