"""A mapping's own examples, run: each record must give what its example says, or the mapping is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import pydantic

from models.events import SessionEvent
from models.places import Place
from models.rules import instant_of
from models.written.nodes import Node, note
from models.written.texts import Misfit, Path, SourceText, close_to, said_type
from models.written.wording import misfits_of
from sessionwatch.errors import BadRecordError
from streams.adapters.adapter import Adapter, Dropped, Example
from streams.mapping.form import ExampleForm

_INSTANTS: Final = ("at", "received_at")
_HOLDERS: Final = {"attributes": None, "place": Place.__struct_fields__}
_WHOLE: Final = (*(name for name in SessionEvent.__struct_fields__ if name not in _HOLDERS), "attributes.KEY")


def read_examples(source: SourceText, root: Node) -> list[ExampleForm | None]:
    """The examples of a mapping, in order; None where one has faults, which are noted in `source`."""
    data = root.data()
    said, given = data.get("examples"), data.get("input")
    is_table = isinstance(given, dict) and given.get("form") == "csv"
    count = len(said) if isinstance(said, list) else 0
    return [_example(source, root, index, is_table=is_table) for index in range(count)]


def examples_of(forms: Sequence[ExampleForm]) -> tuple[Example, ...]:
    """Examples as adapters show them, less those of records that are refused."""
    return tuple(
        Example(form.title, form.record, tuple(map(_typed, form.events or ())), form.dropped or "")
        for form in forms
        if form.refused is None
    )


def prove(adapter: Adapter, forms: Sequence[ExampleForm], source: SourceText, root: Node) -> None:
    """Run the examples; what does not come out as it says is noted in `source`, at the example."""
    for index, form in enumerate(forms):
        path: Path = ("examples", index)
        try:
            made = adapter.adapt(adapter.decode(json.dumps(form.record).encode()))
        except BadRecordError as fault:
            if form.refused != fault.reason:
                note(source, root, [Misfit(path, f"the record is refused: {fault}")])
            continue
        note(source, root, _differences(form, made, path))
    _prove_drops(adapter, forms, source, root)


def _prove_drops(adapter: Adapter, forms: Sequence[ExampleForm], source: SourceText, root: Node) -> None:
    shown = {form.dropped for form in forms}
    for reason in adapter.drops:
        if reason not in shown:
            note(source, root, [Misfit(("drops", reason), f'no example is dropped as "{reason}"', on_key=True)])
    if not any(form.events for form in forms):
        note(source, root, [Misfit(("examples",), "no example gives an event", on_key=True)])


def _example(source: SourceText, root: Node, index: int, *, is_table: bool) -> ExampleForm | None:
    path: Path = ("examples", index)
    data = root.find(path).data()
    if not isinstance(data, dict):
        return None
    try:
        form = ExampleForm.model_validate_json(json.dumps(data), strict=True)
    except pydantic.ValidationError as error:
        note(source, root, misfits_of(error.errors(include_url=False), ExampleForm, path, root))
        return None
    misfits = []
    outcomes = [form.events is not None, form.dropped is not None, form.refused is not None]
    if sum(outcomes) != 1:
        misfits.append(Misfit(path, 'one of "events", "dropped" and "refused" must say what comes of the record'))
    if is_table:
        misfits += [
            Misfit((*path, "record", name), f"a table holds text, not {said_type(value)}", f'write "{value}"')
            for name, value in form.record.items()
            if not isinstance(value, str)
        ]
    for n, event in enumerate(form.events or ()):
        misfits += _misfits(event, (*path, "events", n))
    note(source, root, misfits)
    return None if misfits else form


def _misfits(event: Mapping[str, Any], path: Path) -> list[Misfit]:
    found = []
    for name, value in event.items():
        holder, _, key = name.partition(".")
        known = _HOLDERS.get(holder, ()) if key else _WHOLE
        if known is not None and (key or name) not in known:
            message = f'an event has no field "{name}"'
            found.append(Misfit((*path, name), message, close_to(name, _WHOLE), on_key=True))
        elif name in _INSTANTS:
            try:
                instant_of(str(value))
            except ValueError as error:
                found.append(Misfit((*path, name), f'"{name}" is not right: {error}'))
    return found


def _typed(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: instant_of(value) if name in _INSTANTS else value for name, value in event.items()}


def _differences(form: ExampleForm, made: Sequence[SessionEvent] | Dropped, path: Path) -> list[Misfit]:
    if form.refused is not None:
        return [Misfit((*path, "refused"), f'the record is not refused as "{form.refused}"')]
    if isinstance(made, Dropped):
        same = made.reason == form.dropped
        return [] if same else [Misfit(path, f'the record is dropped as "{made.reason}"')]
    if form.events is None:
        return [Misfit((*path, "dropped"), "the record is not dropped")]
    if len(made) != len(form.events):
        message = f"the record gives {len(made)} event{'s' * (len(made) != 1)}, not {len(form.events)}"
        return [Misfit((*path, "events"), message, on_key=True)]
    return [
        Misfit((*path, "events", n, name), f'"{name}" is {_shown(got)}')
        for n, (event, expected) in enumerate(zip(made, map(_typed, form.events), strict=True))
        for name, value in expected.items()
        if (got := said_of(event, name)) != value or isinstance(got, bool) != isinstance(value, bool)
    ]


def said_of(event: SessionEvent, name: str) -> Any:
    """A field of an event by its name, `attributes.KEY` and `place.city` included; None where nothing stands there."""
    holder, _, key = name.partition(".")
    value = getattr(event, holder)
    if not key:
        return value
    return value.get(key) if isinstance(value, dict) else getattr(value, key, None)


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return "nothing" if value in ("", None) else json.dumps(value, ensure_ascii=False, default=str)
