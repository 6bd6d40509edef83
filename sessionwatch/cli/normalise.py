"""`sessionwatch normalise`: raw records of Kafka topics to native events, each where it is judged."""

from __future__ import annotations

from typing import Annotated

import typer

from sessionwatch.cli.exits import Exit
from sessionwatch.cli.geography import plan_asked
from sessionwatch.cli.inputs import MappingOption
from sessionwatch.cli.lanes import Work, work_in
from sessionwatch.cli.monitoring import (
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
from sessionwatch.errors import UsageError
from sessionwatch.live.feeds import Feeds
from sessionwatch.live.lane_reports import RawReports, WorkerReports
from sessionwatch.live.logs import begin_log
from sessionwatch.live.metrics import Measured
from sessionwatch.live.normalising import Normaliser, all_announced
from sessionwatch.live.routing import Router, kinds_of
from sessionwatch.live.topology import checked
from streams.accounting import Accounting
from streams.adapters import adapters
from streams.kafka.topics import DEAD_LETTER, NOTICES, OUTCOMES


def normalise_command(  # noqa: PLR0913  # as many as the command has options
    context: typer.Context,
    *,
    raw: Annotated[
        list[str] | None,
        typer.Option(help="A format, such as okta: its records are in PREFIX.raw.okta; may be repeated."),
    ] = None,
    prefix: Annotated[str, typer.Option(help="What the names of all topics begin with.")] = "sessionwatch",
    member: Annotated[
        str, typer.Option(help="A lasting name of this process: after a restart it has its partitions back at once.")
    ] = "",
    mapping: MappingOption = None,
    rules: RulesOption = None,
    geo: DatabasesOption = None,
    networks: NetworksOption = None,
    tenant: Annotated[str, typer.Option(help="The organisation of events that name none.")] = "default",
    redact: RedactOption = False,
    expect: ExpectOption = None,
    monitor: MonitorOption = None,
    log: LogOption = "text",
    settings: SettingsOption = None,  # noqa: ARG001  # applied while it is read
) -> None:
    """Make native events of raw records, with their places, in the topics of the subjects that rules judge."""
    broker = broker_of(context)
    speak = begin_log("normalise", log_form(log), [broker.secret() or ""])
    formats = dict(adapters(tuple(mapping or ())))
    named = list(dict.fromkeys(raw or []))
    if not named:
        raise UsageError("nothing to normalise: name the formats of your raw topics, such as --raw okta")
    if unknown := [name for name in named if name not in formats]:
        raise UsageError(f"--raw {unknown[0]} is no format; known: {', '.join(formats)}; or give its --mapping")
    formats[OUTCOMES] = formats["native"]
    plan = plan_asked(rules, geo, networks)
    ruleset = plan.ruleset()
    topology = checked(broker, prefix, ruleset, kinds_of(ruleset), named)
    locator, router = plan.locator(), Router(ruleset, topology.routes)
    letters = f"{prefix}.{DEAD_LETTER}"
    feeds = Feeds(spans_by_source("--expect", expect or ()))
    reports, accounting = WorkerReports(feeds, Measured()), Accounting()
    works, normalisers = [], []
    for name in topology.raw:
        one = Normaliser(formats[name], locator, router, topology.makers, letters, tenant, redact)
        one.accounting = accounting
        normalisers.append(one)
        part = reports.parts[name] = RawReports(one, feeds, f"{prefix}.{NOTICES}", speak, reports.measured)
        works.append(Work(topology.normalising(name, member), part.judge, one.tick, part))
    with reports.measured.pauses:
        beside = monitored(monitor, reports.metrics, reports.unready, speak)
        work_in(works, broker, speak, beside, gate=all_announced(normalisers))
    raise typer.Exit(Exit.DONE)
