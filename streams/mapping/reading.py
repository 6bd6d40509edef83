"""One mapping file, read strictly: every part is read whatever the others are like, so that all faults are found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, TypeVar, get_args

import pydantic

from models.events import Outcome, SessionEvent
from models.written.nodes import Node, note
from models.written.shapes import check_name, validated
from models.written.texts import Misfit, Path, SourceText, close_to, listed
from models.written.wording import misfits_of
from streams.adapters.fields import Path as Steps
from streams.adapters.fields import compiled, is_path
from streams.mapping import times
from streams.mapping.conditions import ConditionReader, paths_of
from streams.mapping.form import Input, KindForm, Lookup, MappingFile, TimeForm, ValueForm
from streams.mapping.mapped import ITEM, Plan, Sort
from streams.mapping.values import Option, ValueReader, first_said

TEXT_FIELDS: Final = (
    "user",
    "user_label",
    "session",
    "action",
    "target",
    "ip",
    "user_agent",
    "device",
    "app",
    "role",
    "auth_method",
    "resource",
    "workstation",
    "reason",
)
"""Fields of an event that are copied as text."""
OTHER_FIELDS: Final = ("outcome", "mfa", "interactive", "count", "bytes")
PLACE_FIELDS: Final = tuple(
    f"place.{name}" for name in ("latitude", "longitude", "city", "region", "country", "asn", "organisation")
)
FIELDS: Final = (*TEXT_FIELDS, *OTHER_FIELDS, *PLACE_FIELDS)
_ATTRIBUTE: Final = "attributes."
_PLACE: Final = "place."
_FLAGS: Final = frozenset({"true", "false", "yes", "no"})

M = TypeVar("M", bound=pydantic.BaseModel)


@dataclass(slots=True)
class Read:
    """A mapping that was read: what was written, and what runs. `options` are the ways of each field, by its name."""

    written: MappingFile
    plan: Plan
    input: Input
    options: dict[str, list[Option]] = field(default_factory=dict)
    kind_paths: tuple[str, ...] = ()
    at_paths: tuple[str, ...] = ()
    received_at_paths: tuple[str, ...] = ()


def read_mapping(source: SourceText, root: Node, seen: dict[str, str]) -> Read | None:
    """The mapping that `source` writes, whose data is `root`; None where it has faults, noted there.

    `seen` has the names of formats with where they come from, and grows by this one.
    """
    return _MappingReader(source, root, seen).read()


class _MappingReader:
    """Reads one mapping."""

    def __init__(self, source: SourceText, root: Node, seen: dict[str, str]) -> None:
        self.source = source
        self.root = root
        self.seen = seen
        self.data: dict[str, Any] = root.data()
        self.misfits: list[Misfit] = []
        said = self._shaped(Input, ("input",), "input")
        self.input = said or Input()
        lookups = self.data.get("lookups")
        self.lookups = {
            name: self._shaped(Lookup, ("lookups", name)) for name in (lookups if isinstance(lookups, dict) else {})
        }
        nothing = self.data.get("nothing")
        words = frozenset(str(word).casefold() for word in nothing) if isinstance(nothing, list) else frozenset[str]()
        self.values = ValueReader(self.misfits, self._steps, self._key_steps, self._value_form, self.lookups, words)
        self.conditions = ConditionReader(self.misfits, self._key_steps)

    def read(self) -> Read | None:
        """The mapping; None where anything is wrong with it."""
        written = validated(MappingFile, self.root, self.source)
        check_name(self.source, self.root, self.seen, "name")
        at = self._instant("at")
        received_at = self._instant("received_at") if "received_at" in self.data else None
        options = self._fields()
        sorts, kind_paths = self._sorts()
        identity = self._identity()
        for_each = self._listed_path("for_each")
        opened = self._opened()
        self._check_signatures()
        self._check_columns()
        self._check_lookups()
        note(self.source, self.root, self.misfits)
        if written is None or self.source.faults or at is None:
            return None
        plan = Plan(
            at=at,
            sorts=tuple(sorts),
            texts=tuple((ours, first_said(said)) for ours, said in options.items() if self._is_text(ours)),
            others={ours: first_said(said) for ours, said in options.items() if ours in OTHER_FIELDS},
            places={ours.removeprefix(_PLACE): compiled(self._path_of(said)) for ours, said in self._places(options)},
            id=first_said(identity) if identity else None,
            received_at=received_at,
            for_each=for_each,
            for_each_path=written.for_each or "",
            opened=opened,
        )
        told = {"id": identity, **options} if identity else options
        paths = (self._instant_paths("at"), self._instant_paths("received_at"))
        return Read(written, plan, self.input, told, kind_paths, *paths)

    def _is_text(self, ours: str) -> bool:
        return ours in TEXT_FIELDS or ours.startswith(_ATTRIBUTE)

    def _places(self, options: Mapping[str, list[Option]]) -> list[tuple[str, list[Option]]]:
        return [(ours, said) for ours, said in options.items() if ours.startswith(_PLACE)]

    def _path_of(self, options: Sequence[Option]) -> str:
        path = options[0].paths[0]
        return path.lower() if self.input.ignore_case else path

    def _misfit(self, path: Path, message: str, hint: str = "", *, on_key: bool = False) -> None:
        self.misfits.append(Misfit(path, message, hint, on_key))

    def _steps(self, written: str, path: Path, *, on_key: bool = False) -> Steps | None:
        """The steps of a path that is written at `path`."""
        if not is_path(written):
            hint = "write a.b, a[0].b, a[key=value].b, or ['a.b'] for a key with dots in it"
            self._misfit(path, f'"{written}" is no path into a record', hint, on_key=on_key)
            return None
        if written.partition(".")[0] == ITEM and not self.data.get("for_each"):
            self._misfit(path, f'"{ITEM}" is what for_each names, and there is no for_each', on_key=on_key)
        return compiled(written.lower() if self.input.ignore_case else written)

    def _key_steps(self, written: str, path: Path) -> Steps | None:
        """The steps of a path that is the key of a condition."""
        return self._steps(written, path, on_key=True)

    def _shaped(self, model: type[M], path: Path, owner: str = "") -> M | None:
        """What stands at `path`, as a `model`; None where it does not fit, which is noted, or where nothing stands."""
        node: Node | None = self.root
        for step in path:
            pair = node.child(step) if node is not None else None
            node = pair[1] if pair is not None else None
        if node is None:
            return None
        try:
            return model.model_validate_json(json.dumps(node.data()), strict=True)
        except pydantic.ValidationError as error:
            self.misfits += misfits_of(error.errors(include_url=False), model, path, self.root)
            return None

    def _value_form(self, path: Path) -> ValueForm | None:
        return self._shaped(ValueForm, path)

    def _listed_path(self, key: str) -> Steps | None:
        said = self.data.get(key)
        return self._steps(said, (key,)) if isinstance(said, str) and said else None

    def _opened(self) -> tuple[Steps, ...]:
        found = [self._steps(path, ("input", "opened", n)) for n, path in enumerate(self.input.opened or ())]
        return tuple(steps for steps in found if steps is not None)

    def _instant(self, key: str) -> times.Instant | None:
        said = self.data.get(key)
        if isinstance(said, str):
            form: TimeForm | None = TimeForm(path=said)
        elif isinstance(said, dict):
            form = self._shaped(TimeForm, (key,))
        else:
            if key in self.data:
                self._misfit((key,), f'"{key}" is a path, or a mapping with path and how it is written')
            return None
        if form is None:
            return None
        several = isinstance(form.path, tuple)
        paths = form.path if isinstance(form.path, tuple) else (form.path,)
        places: list[Path] = [(key, "path", n) if several else (key, "path") for n in range(len(paths))]
        found = [self._steps(path, place) for path, place in zip(paths, places, strict=True)]
        ways = form.written if isinstance(form.written, tuple) else (form.written,)
        for n, way in enumerate(ways):
            if wrong := times.check_way(way):
                hint = close_to(way, ("iso", *times.UNITS_US))
                place = (key, "written", n) if isinstance(form.written, tuple) else (key, "written")
                self._misfit(place, f'"{way}" {wrong}', hint if hint.startswith("did") else _WAYS)
        zone, since = self._zone(form.zone, (key, "zone")), self._since(form.since, (key, "since"))
        steps = [each for each in found if each is not None]
        return times.instants(" or ".join(paths), steps, ways, zone, since)

    def _instant_paths(self, key: str) -> tuple[str, ...]:
        said = self.data.get(key)
        paths = said.get("path") if isinstance(said, dict) else said
        return tuple(paths) if isinstance(paths, list) else (paths,) if isinstance(paths, str) else ()

    def _zone(self, written: str, path: Path) -> tzinfo:
        try:
            return times.zone_of(written)
        except ValueError as error:
            self._misfit(path, str(error), "write UTC, an offset such as +02:00, or a name such as Europe/Rome")
            return UTC

    def _since(self, written: str, path: Path) -> datetime:
        try:
            return times.since_of(written)
        except ValueError as error:
            self._misfit(path, f'"since" is not right: {error}')
            return datetime(1970, 1, 1, tzinfo=UTC)

    def _identity(self) -> list[Option]:
        if self.data.get("id") is None:
            return []
        options = self.values.read(self.data["id"], ("id",))
        if any(path.partition(".")[0] == ITEM for option in options for path in option.paths):
            self._misfit(("id",), "the id is that of the record; its items are numbered", "name a path of the record")
        return options

    def _fields(self) -> dict[str, list[Option]]:
        said = self.data.get("fields")
        options: dict[str, list[Option]] = {}
        for ours, value in said.items() if isinstance(said, dict) else ():
            path: Path = ("fields", ours)
            if ours not in FIELDS and not (ours.startswith(_ATTRIBUTE) and len(ours) > len(_ATTRIBUTE)):
                self._misfit(path, f'an event has no field "{ours}" to map', _closest_field(ours), on_key=True)
            found = self.values.read(value, path)
            self._check_constants(ours, found, path)
            if found:
                options[ours] = found
        return options

    def _check_constants(self, ours: str, options: Sequence[Option], path: Path) -> None:
        """Note it where a field of a closed set gets something else, as far as that is known beforehand."""
        words = {"outcome": frozenset(get_args(Outcome)), "mfa": _FLAGS, "interactive": _FLAGS}.get(ours)
        for option in options:
            if words is not None and option.constants is not None and (wrong := set(option.constants) - words):
                what = "true or false" if words is _FLAGS else listed(sorted(words), "or")
                self._misfit(path, f'"{ours}" must be {what}, not "{min(wrong)}"', on_key=True)
            if ours == "outcome" and option.constants is None:
                self._misfit(path, '"outcome" needs a lookup that gives success, failure or unknown', on_key=True)
            if ours.startswith(_PLACE) and not (option.plain and len(options) == len(option.paths) == 1):
                self._misfit(path, f'"{ours}" is a path and nothing else')

    def _sorts(self) -> tuple[list[Sort], tuple[str, ...]]:
        said = self.data.get("kinds")
        entries = said if isinstance(said, list) else []
        sorts = [sort for index in range(len(entries)) if (sort := self._sort(index)) is not None]
        for index, entry in enumerate(entries):
            last = index == len(entries) - 1
            if isinstance(entry, dict) and ("when" in entry) is last:
                hint = "end with one without when, that says what all else is" if last else "put it at the end"
                what = "leaves records of no kind" if last else "holds always, so that nothing after it is reached"
                self._misfit(("kinds", index), f"this entry {what}", hint)
        self._check_drops({sort.drop for sort in sorts if sort.drop})
        reads = (path for entry in entries if isinstance(entry, dict) for path in paths_of(entry.get("when")))
        return sorts, tuple(dict.fromkeys(reads))

    def _sort(self, index: int) -> Sort | None:
        path: Path = ("kinds", index)
        form = self._shaped(KindForm, path)
        if form is None:
            return None
        if (form.kind is None) == (form.drop is None):
            self._misfit(path, 'either "kind" or "drop" must say what becomes of the record')
        holds = self.conditions.read(form.when, (*path, "when")) if form.when is not None else None
        return Sort(holds, form.kind, form.outcome, form.mfa, form.interactive, form.drop or "")

    def _check_drops(self, used: set[str]) -> None:
        said = self.data.get("drops", {})
        told = said if isinstance(said, dict) else {}
        for index, entry in enumerate(self.data.get("kinds") or ()):
            drop = entry.get("drop") if isinstance(entry, dict) else None
            if isinstance(drop, str) and drop not in told:
                self._misfit(("kinds", index, "drop"), f'"{drop}" has no reason', f"add {drop} to drops, with why")
        for name in told:
            if name not in used:
                self._misfit(("drops", name), f'nothing is dropped as "{name}"', close_to(name, used), on_key=True)

    def _check_signatures(self) -> None:
        said = self.data.get("recognised_by")
        for index, marks in enumerate(said if isinstance(said, list) else ()):
            for place, mark in enumerate(marks if isinstance(marks, list) else ()):
                if isinstance(mark, str) and not is_path(_path_in(mark)):
                    self._misfit(("recognised_by", index, place), f'"{mark}" is no path, nor path=value')

    def _check_columns(self) -> None:
        columns = self.input.columns or ()
        for index, name in enumerate(columns):
            if name in columns[:index]:
                self._misfit(("input", "columns", index), f'the column "{name}" stands twice', "give each its own name")

    def _check_lookups(self) -> None:
        for name in self.lookups.keys() - self.values.lookups_used:
            self._misfit(("lookups", name), f'nothing is looked up in "{name}"', on_key=True)


_WAYS: Final = "write iso, epoch_s, epoch_ms, epoch_us, or a pattern such as %d/%m/%Y %H:%M:%S"


def _path_in(mark: str) -> str:
    return mark.partition("=")[0]


def _closest_field(name: str) -> str:
    hint = close_to(name, FIELDS)
    if hint.startswith("did you mean"):
        return hint
    if name in SessionEvent.__struct_fields__:
        return f"{name} has a key of its own in a mapping, or is set for all formats alike"
    return "fields are those of an event, place.city and the like, attributes.KEY"
