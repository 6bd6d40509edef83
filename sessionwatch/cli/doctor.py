"""`sessionwatch doctor`: whether this installation, its rules, lists and databases are fit to be relied on."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from geo.bundled import bundled_map
from geo.databases import Database, Databases
from sessionwatch import __version__
from sessionwatch.cli import surroundings
from sessionwatch.cli.checks import Check
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.geography import GeoOption, geo_asked, say
from sessionwatch.cli.inputs import MappingOption
from sessionwatch.cli.settings import SettingsOption, settings_of
from sessionwatch.cli.terminal import speaker
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.errors import SessionwatchError
from sessionwatch.live.routing import kinds_of
from sessionwatch.live.topology import raw_names
from sessionwatch.ruleset.loading import bundled_rules, expired_exemptions, load_rules
from sessionwatch.ruleset.network_lists import load_network_lists
from sessionwatch.settings.form import Settings
from streams.kafka.connection import Connection

DATABASE_AGE_MAX: Final = timedelta(days=90)
"""Addresses move: a database older than this is warned of. MaxMind and DB-IP publish a new one at least each month."""


def doctor_command(
    context: typer.Context,
    *,
    rules: Annotated[list[Path] | None, typer.Option(help="Rule files or folders instead of the bundled ones.")] = None,
    geo: GeoOption = None,
    networks: Annotated[
        list[Path] | None, typer.Option(help="A list of your own networks and their classes; may be repeated.")
    ] = None,
    mapping: MappingOption = None,
    settings: SettingsOption = None,  # noqa: ARG001  # applied while it is read
) -> None:
    """Check Python, rules, lists, mappings, every record of the databases, clock, disk and Kafka; say what to do."""
    now, paths, asked = datetime.now(UTC), list(rules or [bundled_rules()]), settings_of(context)
    broker = asked.kafka
    checks = [
        *_guarded("installation", _installation),
        *_guarded("formats", lambda: surroundings.mappings(tuple(mapping or ()))),
        *_guarded("state file", lambda: surroundings.state(asked)),
        *(_guarded("Kafka", lambda: _kafka(broker, asked, paths)) if broker is not None else ()),
        *_guarded("rules", lambda: _rules(paths, now)),
        *_guarded("networks", lambda: _networks(paths, list(networks or ()), now)),
    ]
    files, bundled = geo_asked(geo)
    if bundled:
        checks += _guarded("bundled map", partial(_map, now, alone=not files))
    databases = [check for path in files for check in _guarded(path.name, partial(_database, path, now))]
    if not any(check.state == "FAULT" for check in databases):
        databases += _guarded("databases", partial(_together, list(files)))
    checks += databases
    console = speaker()
    for check in checks:
        console.print(f"{check.state:<8} {check.what}: {check.said}", markup=False, soft_wrap=True)
        for line in check.to_do.splitlines():
            console.print(f"         {line}", markup=False, soft_wrap=True)
    faults = sum(check.state == "FAULT" for check in checks)
    warnings = sum(check.state == "warning" for check in checks)
    console.print(f"{len(checks)} checks: {faults} faults, {warnings} warnings", markup=False)
    raise typer.Exit(Exit.FAILED if faults else Exit.DONE)


def _guarded(what: str, look: Callable[[], Iterator[Check]]) -> list[Check]:
    """What `look` finds; what it raises on purpose is a fault like any other, and the other checks go on."""
    try:
        return list(look())
    except SessionwatchError as error:
        return [Check(what, "FAULT", "cannot be used", str(error))]


def _installation() -> Iterator[Check]:
    said = f"sessionwatch {__version__}, Python {platform.python_version()}, {sys.platform} on {platform.machine()}"
    yield Check("installation", "ok", said)
    yield from surroundings.python()


def _kafka(broker: Connection, asked: Settings, rules: list[Path]) -> Iterator[Check]:
    raw = raw_names(asked.normalise.raw) if asked.normalise.raw else ()
    yield from surroundings.kafka(broker, asked.prefix, kinds_of(EnginePlan(tuple(rules)).ruleset()), raw)


def _rules(paths: list[Path], now: datetime) -> Iterator[Check]:
    loaded = load_rules(paths)
    modes = {mode: sum(rule.written.mode == mode for rule in loaded) for mode in ("alert", "enforce", "shadow", "off")}
    told = ", ".join(f"{count} {mode}" for mode, count in modes.items() if count)
    yield Check("rules", "ok", f"{len(loaded)} well formed ({told})")
    for fault in expired_exemptions(loaded, now):
        yield Check("rules", "warning", fault.message, fault.hint)


def _networks(rules: list[Path], files: list[Path], now: datetime) -> Iterator[Check]:
    lists = load_network_lists(rules, files)
    yield Check("networks", "ok", f"{len(lists.site)} of your own, {len(lists.curated)} curated")
    now_us = round(now.timestamp() * 1_000_000)
    ended = sorted(
        name for name, known in lists.site.items() if known.until_us is not None and known.until_us <= now_us
    )
    if ended:
        yield Check(
            "networks", "warning", f"ended: {', '.join(sorted(ended))}", "remove these entries or give them a new end"
        )
    if not lists.site:
        to_do = "without a list your own VPN and web gateway look like places; see docs/networks.md and --networks"
        yield Check("networks", "warning", "none of your own", to_do)


def _map(now: datetime, *, alone: bool) -> Iterator[Check]:
    known = bundled_map(say)
    known.check()
    yield Check("bundled map", "ok", f"{known.build}; {known.attribution}")
    yield from surroundings.clock(now, known.built_at, unsynchronised=surroundings.unsynchronised())
    age = now - known.built_at
    if alone and age > DATABASE_AGE_MAX:
        yield Check(
            "bundled map", "warning", f"{age.days} days old", "addresses move: give a newer database with --geo"
        )


def _together(paths: list[Path]) -> Iterator[Check]:
    Databases.open(paths).close()
    if paths:
        yield Check("databases", "ok", f"{len(paths)} can be asked together")


def _database(path: Path, now: datetime) -> Iterator[Check]:
    database = Database(path)
    records = database.walk()
    yield Check(path.name, "ok", f"{database.build}, all {records:,} networks read")
    age = now - database.built_at
    if age > DATABASE_AGE_MAX:
        yield Check(path.name, "warning", f"{age.days} days old", "get a newer one: addresses move")
