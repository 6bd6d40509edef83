"""Mappings from files: those that come with sessionwatch, and those that a user names. Whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from models.events import SessionEvent
from models.written.nodes import Node, note, read_yaml
from models.written.texts import Misfit, SourceText, read_text
from sessionwatch.errors import BadRecordError, Fault, MappingError
from streams.adapters.adapter import Adapter, Dropped, Example, Row
from streams.adapters.fields import find, text
from streams.mapping.conditions import words_of
from streams.mapping.mapped import ITEM, Mapped
from streams.mapping.proving import examples_of, prove, read_examples, said_of
from streams.mapping.reading import Read, read_mapping
from streams.mapping.values import Option
from streams.sources.tables import TableForm

FOLDER: Final = Path(__file__).parent.parent / "adapters" / "mappings"
"""The mappings that come with sessionwatch."""


_SAID_WITH_KIND: Final = ("outcome", "mfa", "interactive")


@cache
def bundled_mappings() -> tuple[Adapter, ...]:
    """The mappings that come with sessionwatch, by name. Their examples are run by the tests, not here."""
    return load_mappings(sorted(FOLDER.glob("*.yaml")), proven=True)


def load_mappings(
    paths: Iterable[Path], taken: Mapping[str, Adapter] | None = None, *, proven: bool = False
) -> tuple[Adapter, ...]:
    """The mappings in `paths`, as adapters; `taken` are the other formats, whose names and records are theirs.

    Their own examples are run too, unless `proven`.

    Raises:
        MappingError: with every fault of every file.
    """
    taken = taken or {}
    seen = dict.fromkeys(taken, "another format")
    faults: list[Fault] = []
    made: list[Adapter] = []
    for path in paths:
        source = read_text(path)
        adapter = _made(source, seen, taken, proven=proven) if not source.faults else None
        faults += source.faults
        if adapter is not None:
            made.append(adapter)
    if faults:
        raise MappingError(faults)
    return tuple(sorted(made, key=lambda adapter: adapter.name))


def _made(source: SourceText, seen: dict[str, str], taken: Mapping[str, Adapter], *, proven: bool) -> Adapter | None:
    root = read_yaml(source)
    if root is None:
        return None
    read = read_mapping(source, root, seen)
    forms = read_examples(source, root)
    told = [form for form in forms if form is not None]
    if read is None or len(told) != len(forms):
        return None
    _check_recognition(source, root, read, taken)
    kind = _class_of(read, examples_of(told))
    if not proven:
        prove(kind(), told, source, root)
    return _tabled(kind, read) if not source.faults else None


def _check_recognition(source: SourceText, root: Node, read: Read, taken: Mapping[str, Adapter]) -> None:
    """Note it where every record of another format would be recognised as one of this mapping too."""
    for index, marks in enumerate(read.written.recognised_by):
        for name, other in taken.items():
            if any(all(_is_shown(mark, theirs) for mark in marks) for theirs in other.signatures):
                message = f"every record of {name} has these too, and would fit both formats"
                hint = "add a path, or path=value, that only your records have"
                note(source, root, [Misfit(("recognised_by", index), message, hint)])


def _is_shown(mark: str, marks: Iterable[str]) -> bool:
    """Whether a record that bears `marks` bears `mark` as well."""
    return any(theirs == mark or theirs.startswith((f"{mark}=", f"{mark}.", f"{mark}[")) for theirs in marks)


def _class_of(read: Read, examples: tuple[Example, ...]) -> type[Mapped]:
    """The class that stands for a mapping, as a file in Python would have it."""
    written, given = read.written, read.input
    forms = given.form if isinstance(given.form, tuple) else (given.form,)
    body: dict[str, Any] = {
        "__doc__": written.about,
        "name": written.name,
        "title": written.title,
        "lateness": written.lateness,
        "table": (),
        "drops": dict(written.drops),
        "examples": examples,
        "signatures": written.recognised_by,
        "keys_folded": given.ignore_case,
        "table_form": TableForm(given.delimiter, given.columns or ()) if "csv" in forms else None,
        "plan": read.plan,
        "kinds": tuple((_becomes(said), words_of(said.get("when"))) for said in written.kinds),
    }
    return type(written.name, (Mapped,), body)


def _becomes(said: Mapping[str, Any]) -> str:
    """What an entry of `kinds` makes of a record, in words."""
    if "drop" in said:
        return f"dropped: {said['drop']}"
    return ", ".join([said["kind"], *(f"{key} {text(value)}" for key, value in said.items() if key in _SAID_WITH_KIND)])


def _tabled(kind: type[Mapped], read: Read) -> Mapped:
    """The adapter, with its table, whose examples are looked for in the mapping's own."""
    bare = kind()
    shown = [
        (bare.view(example.record), made) for example in kind.examples for made in [_events(bare, example)] if made
    ]
    rows = [_row(bare, "id", path, option, shown) for option in read.options.get("id", ()) for path in option.paths]
    rows += [_instant_row(bare, "at", path, read.written.at, shown) for path in read.at_paths]
    rows += [_row(bare, "kind", path, None, shown) for path in read.kind_paths]
    rows += [
        _row(bare, ours, path, option, shown)
        for ours, options in read.options.items()
        if ours != "id"
        for option in options
        for path in option.paths
    ]
    received_at = read.written.received_at
    rows += [_instant_row(bare, "received_at", path, received_at, shown) for path in read.received_at_paths]
    kind.table = tuple(rows)
    return kind()


Shown = list[tuple[Any, list[SessionEvent]]]


def _events(adapter: Adapter, example: Example) -> list[SessionEvent]:
    try:
        made = adapter.adapt(adapter.view(example.record))
    except BadRecordError:
        return []
    return [] if isinstance(made, Dropped) else list(made)


def _row(adapter: Mapped, ours: str, path: str, option: Option | None, shown: Shown) -> Row:
    """The row of one path: what an example has there, and what it becomes; without an example where none shows it."""
    theirs = _outside(path, adapter)
    steps = adapter.path(theirs)
    note = "see what a record becomes, below" if option is None else option.note
    for view, events in shown:
        value = find(view, steps)
        if value in (None, "", [], {}):
            continue
        came = None if option is None else text(option.read(_inside(adapter, view)))
        for event in events:
            said = _text(said_of(event, ours))
            if said and came != "" and (came == said or option is None or not isinstance(said_of(event, ours), str)):
                plain = option is not None and option.plain and text(value) == said
                return Row(theirs, ours, value, None if plain else said, note)
    return Row(theirs, ours, None, "", note)


def _instant_row(adapter: Mapped, ours: str, path: str, said: Any, shown: Shown) -> Row:
    """The row of one path of an instant; `said` is how the mapping has it, with the zone of texts without one."""
    zone = said.get("zone", "UTC") if isinstance(said, Mapping) else "UTC"
    words = "in UTC" if zone == "UTC" else f"in {zone}, turned to UTC"
    return _row(adapter, ours, path, Option(lambda record: find(record, adapter.path(path)), (path,), words), shown)


def _outside(path: str, adapter: Mapped) -> str:
    """A path as it leads from the record itself: of the items of its list, the first."""
    if adapter.plan.for_each_path and path.partition(".")[0].partition("[")[0] == ITEM:
        return f"{adapter.plan.for_each_path}[0]{path.removeprefix(ITEM)}"
    return path


def _inside(adapter: Mapped, view: Any) -> Any:
    return next(iter(adapter.items(view)))


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
