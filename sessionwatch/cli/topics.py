"""`sessionwatch topics`: makes the topics of the live path, and checks that they are as they must be."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sessionwatch.cli.exits import Exit
from sessionwatch.cli.settings import SettingsOption, broker_of
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.errors import KafkaError
from sessionwatch.live.routing import kinds_of
from sessionwatch.live.topology import raw_names
from sessionwatch.ruleset.loading import bundled_rules
from streams.kafka.topics import PARTITIONS_MAX, admin, create, faults, find, layouts


class Action(StrEnum):
    """What to do."""

    CREATE = "create"
    CHECK = "check"


def topics_command(
    context: typer.Context,
    action: Annotated[Action, typer.Argument(help="create makes what is missing and then checks; check only looks.")],
    *,
    prefix: Annotated[str, typer.Option(help="What the names of all topics begin with.")] = "sessionwatch",
    partitions: Annotated[
        int | None,
        typer.Option(min=1, max=PARTITIONS_MAX, help="Of events, state and notices; create makes 12 unless told."),
    ] = None,
    raw: Annotated[
        list[str] | None,
        typer.Option(help="Also the raw topic of this format, such as okta, and that of outcomes; may be repeated."),
    ] = None,
    rules: Annotated[list[Path] | None, typer.Option(help="Rule files or folders instead of the bundled ones.")] = None,
    replicas: Annotated[int, typer.Option(min=1, max=9, help="Copies of each topic that create makes.")] = 3,
    settings: SettingsOption = None,  # noqa: ARG001  # applied while it is read
) -> None:
    """Make or check the topics of the live path. Servers and credentials come from the settings (docs/kafka.md)."""
    broker = broker_of(context)
    ruleset = EnginePlan(tuple(rules or [bundled_rules()])).ruleset()
    wanted = layouts(prefix, partitions, kinds_of(ruleset), raw_names(raw) if raw else ())
    with admin(broker) as client:
        made = create(client, wanted, replicas) if action is Action.CREATE else []
        found = find(client, [layout.name for layout in wanted])
    for layout in wanted:
        if layout.name in found:
            count = found[layout.name].partitions
            typer.echo(f"{layout.name}: {count} partition{'s' * (count != 1)}{', made' * (layout.name in made)}")
    if wrong := faults(wanted, found):
        raise KafkaError("\n".join(wrong))
    raise typer.Exit(Exit.DONE)
