"""`sessionwatch audit`: whether the log is whole, and what stands in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from models.rules import instant_of
from sessionwatch.cli.exits import Exit
from sessionwatch.cli.respond import KeyOption, key_of
from sessionwatch.cli.terminal import speaker
from sessionwatch.errors import UsageError
from sessionwatch.responses.audit import canonical
from sessionwatch.responses.audit_reading import records, verify

app = typer.Typer(help="The audit log: verify it, show it, export it.", no_args_is_help=True)
Folders = Annotated[list[Path], typer.Argument(help="The folder of the log, and those its old files were moved to.")]


@app.command("verify")
def verify_command(folders: Folders, *, audit_key: KeyOption = None) -> None:
    """Look for anything changed, removed, inserted or put elsewhere; each by its chain and number, and 1 if any."""
    _there(folders)
    key = key_of(audit_key)
    found = verify(folders, key)
    console = speaker()
    for fault in found.faults:
        console.print(str(fault), markup=False, soft_wrap=True)
    for writer, count in found.records.items():
        until = found.signed_until.get(writer, 0)
        console.print(f"{writer}: {count:,} records, signed up to {until:,}", markup=False)
    if key is None:
        console.print("no key was given, so no signature was checked", markup=False)
    console.print(f"{len(found.faults)} faults, {found.checkpoints:,} checkpoints", markup=False)
    raise typer.Exit(Exit.FAILED if found.faults else Exit.DONE)


@app.command("show")
def show_command(
    folders: Folders,
    *,
    last: Annotated[int, typer.Option(min=1, help="So many of the newest.")] = 50,
    about: Annotated[str, typer.Option(help="Only records in which this stands: a user, an alert, an action.")] = "",
) -> None:
    """Tell the newest records, one a line: when, what, who, and in short about what."""
    _there(folders)
    found = [record for record in records(folders) if about in canonical(record).decode()]
    for one in found[-last:]:
        action = one["data"].get("action")
        said = action if isinstance(action, dict) else one["data"]
        names = ("verb", "target", "user", "alert", "mode", "result", "why", "verdict")
        words = " ".join(f"{name}={said[name]}" for name in names if said.get(name))
        outcome = one["data"].get("outcome", {}).get("result", "")
        line = f"{one['at']} {one['writer']} {one['seq']} {one['what']} {one['by'] or '-'} {words} {outcome}"
        speaker().print(line.rstrip(), markup=False, soft_wrap=True)


@app.command("export")
def export_command(
    folders: Folders,
    *,
    since: Annotated[str | None, typer.Option("--from", help="Not before this instant, with its zone.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Before this instant, with its zone.")] = None,
) -> None:
    """Write records as JSON Lines, of all chains, by time."""
    _there(folders)
    try:
        bounds = [instant_of(text).isoformat() if text else None for text in (since, until)]
    except ValueError as error:
        raise UsageError(f"--from and --to: {error}") from error
    for one in records(folders):
        if (bounds[0] is None or one["at"] >= bounds[0]) and (bounds[1] is None or one["at"] < bounds[1]):
            sys.stdout.buffer.write(canonical(one) + b"\n")
    sys.stdout.buffer.flush()


def _there(folders: list[Path]) -> None:
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder}: there is no such folder; it lies beside the state file, as NAME.audit")
