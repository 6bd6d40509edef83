"""`--settings FILE`: what the options of a command are where they are not given, from a file and the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from sessionwatch.settings.form import SECTIONS, Settings
from sessionwatch.settings.reading import read_settings
from streams.kafka.connection import Connection, connection

_LOOKED_AT: Final = {"watch": {"watch"}, "keycloak": {"keycloak", "kafka"}, "doctor": set(SECTIONS)}
"""By command the sections that it looks at, where they are not its own and that of Kafka."""


def _apply(context: typer.Context, path: Path | None) -> Path | None:
    if context.resilient_parsing:
        return path
    command = context.info_name or ""
    settings = read_settings(path, os.environ, _LOOKED_AT.get(command, {command, "kafka"}))
    context.obj = settings
    context.default_map = settings.defaults(command)
    return path


SettingsOption = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        is_eager=True,
        callback=_apply,
        help="A file with settings; options and the environment stand over it (docs/settings.md).",
    ),
]


def settings_of(context: typer.Context) -> Settings:
    """The settings of the command that runs, which has `--settings`."""
    settings = context.obj
    if not isinstance(settings, Settings):
        raise TypeError("the command has no --settings")
    return settings


def broker_of(context: typer.Context) -> Connection:
    """How to reach Kafka.

    Raises:
        UsageError: neither the settings nor the environment name servers.
    """
    return settings_of(context).kafka or connection({})
