"""`sessionwatch formats`: the logs that can be read, and one format's table: their field, ours, what is dropped."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from models.spans import span_text
from sessionwatch.cli.inputs import MappingOption
from sessionwatch.cli.terminal import speaker
from streams.adapters import adapter, adapters
from streams.adapters.adapter import Adapter, Row
from streams.mapping.mapped import Mapped

SHOWN_LENGTH: Final = 72
"""Characters of an example that are shown."""
BULLET: Final = "* "


def formats_command(
    name: Annotated[str | None, typer.Argument(help="Show one format: their field, ours, what is dropped.")] = None,
    *,
    mapping: MappingOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as one JSON object, or a list of them.")] = False,
) -> None:
    """List the log formats that can be read, or show one with its table. Mappings are checked, with every fault."""
    known = adapters(tuple(map(Path, mapping or ())))
    if name is not None:
        shown = adapter(name, known)
        if as_json:
            typer.echo(json.dumps(described(shown), ensure_ascii=False))
        else:
            show_format(shown, speaker())
        return
    if as_json:
        typer.echo(json.dumps([described(each) for each in known.values()], ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("format", "what it is", "usually late by up to"):
        table.add_column(heading)
    for each in known.values():
        table.add_row(each.name, each.title, span_text(each.lateness))
    speaker().print(table)


def described(shown: Adapter) -> dict[str, Any]:
    """A format as plain data: what it is, how it is recognised, its table and what it drops."""
    return {
        "name": shown.name,
        "title": shown.title,
        "about": "\n\n".join(_paragraphs(shown)),
        "lateness_seconds": round(shown.lateness.total_seconds()),
        "stands_in": ["json"] if shown.table_form is None else ["json", "csv"],
        "recognised_by": [list(marks) for marks in shown.signatures],
        "table": [
            {"theirs": row.theirs, "ours": row.ours, "example": row.example, "gives": _given(row), "note": row.note}
            for row in shown.table
        ],
        "drops": dict(shown.drops),
    }


def show_format(shown: Adapter, console: Console) -> None:
    """Print a format for a person, in whatever width there is."""
    console.print(f"[bold]{shown.name}[/bold]  {shown.title}; usually late by up to {span_text(shown.lateness)}")
    for paragraph in _paragraphs(shown):
        console.print()
        console.print(_item(paragraph))
    console.print()
    console.print("[bold]Recognised by[/bold]")
    for marks in shown.signatures:
        console.print(Padding(Text(", ".join(marks)), (0, 0, 0, 1)))
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("their field", overflow="fold", ratio=3)
    longest = max(len(row.ours) for row in shown.table)
    # Our names are typed into rules, so they stay whole as long as they leave most of the width to the others.
    table.add_column("ours", overflow="fold", ratio=2, min_width=min(longest, console.width * 2 // 5))
    table.add_column("for example", overflow="fold", ratio=5)
    for row in shown.table:
        table.add_row(Text(row.theirs), Text(row.ours), _shown(row))
    console.print(table)
    console.print()
    if isinstance(shown, Mapped):
        _show_pairs("What a record becomes, the first that fits", shown.kinds, console)
        console.print()
    if shown.drops:
        _show_pairs("Dropped", shown.drops.items(), console)
    else:
        console.print("Nothing is dropped.")


def _show_pairs(title: str, pairs: Iterable[tuple[str, str]], console: Console) -> None:
    console.print(f"[bold]{title}[/bold]")
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, said in pairs:
        table.add_row(Text(name), Text(said or "all else"))
    console.print(table)


def _paragraphs(shown: Adapter) -> Iterator[str]:
    """What the adapter says of itself, a paragraph or an item of a list at a time, each on one line."""
    held: list[str] = []
    for line in (inspect.getdoc(type(shown)) or "").splitlines():
        bare = line.strip()
        if held and (not bare or bare.startswith(BULLET)):
            yield " ".join(held)
            held = []
        held += [bare] if bare else []
    if held:
        yield " ".join(held)


def _item(paragraph: str) -> Text | Padding:
    if not paragraph.startswith(BULLET):
        return Text(paragraph)
    return Padding(Text(paragraph), (0, 0, 0, 1))


def _given(row: Row) -> str:
    return _written(row.example) if row.gives is None else row.gives


def _shown(row: Row) -> Text:
    example, gives = _cut(_written(row.example)), _cut(_given(row))
    shown = Text(example if example == gives else f"{example} \N{RIGHTWARDS ARROW} {gives}")
    if row.note:
        shown.append(f"\n{row.note}", style="dim")
    return shown


def _written(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_LENGTH else f"{line[: SHOWN_LENGTH - 3]}..."
