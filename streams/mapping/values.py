"""Values of fields: paths, constants, tables and the like, written as text, a mapping, or a list of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from models.written.texts import Misfit, Path, close_to, said_type
from streams.adapters.fields import Path as Steps
from streams.adapters.fields import find, text
from streams.mapping.conditions import ConditionReader, Holds, Steppable, paths_of
from streams.mapping.form import Lookup, ValueForm

Said = Callable[[Any], Any]
"""What a record says for a field: text, or a number; empty text where it says nothing."""

_CUTS: Final = ("after", "before", "join", "lookup")
_SOURCES: Final = ("path", "value", "length")


@dataclass(frozen=True, slots=True)
class Option:
    """One way in which a field gets its value: `paths` are what it reads, `note` how, for a person.

    `plain`: the text is copied as it is. `constants`: all that it can give, where that is known.
    """

    read: Said
    paths: tuple[str, ...]
    note: str = ""
    plain: bool = False
    constants: tuple[str, ...] | None = None


Shaped = Callable[[Path], ValueForm | None]
"""The value that is written as a mapping at a place; None where it has faults, which have been noted."""


class ValueReader:
    """Compiles the values of one mapping, gathering misfits instead of stopping at the first."""

    def __init__(
        self,
        misfits: list[Misfit],
        steps: Steppable,
        key_steps: Steppable,
        shaped: Shaped,
        lookups: Mapping[str, Lookup | None],
        nothing: frozenset[str],
    ) -> None:
        """Note faults in `misfits`, paths told by `steps`, those of conditions by `key_steps`.

        `nothing` are texts, case-folded, that only say that nothing is known.
        """
        self._misfits = misfits
        self._steps = steps
        self._shaped = shaped
        self._lookups = lookups
        self._nothing = nothing
        self._conditions = ConditionReader(misfits, key_steps)
        self.lookups_used: set[str] = set()

    def read(self, said: Any, path: Path) -> list[Option]:
        """What is written at `path`: the ways in which the field gets its value, the first that says something."""
        if isinstance(said, list):
            if not said:
                self._misfit(path, "a list with at least one value is needed here")
            return [option for index, item in enumerate(said) for option in self._one(item, (*path, index))]
        return self._one(said, path)

    def _one(self, said: Any, path: Path) -> list[Option]:
        if isinstance(said, str):
            steps = self._steps(said, path)
            return [] if steps is None else [Option(self._copied(steps), (said,), plain=True)]
        if not isinstance(said, dict):
            hint = "a constant is written {value: ...}" if isinstance(said, bool | int | float) else ""
            self._misfit(path, f"a value is a path, or a mapping that tells how, not {said_type(said)}", hint)
            return []
        form = self._shaped(path)
        return [] if form is None else self._mapped(form, path)

    def _mapped(self, form: ValueForm, path: Path) -> list[Option]:
        given = [name for name in _SOURCES if getattr(form, name) is not None]
        if len(given) != 1:
            self._misfit(path, 'one of "path", "value" and "length" must tell where the value comes from', on_key=True)
            return []
        cuts = [name for name in (*_CUTS, "otherwise") if getattr(form, name) is not None]
        if cuts and form.path is None:
            self._misfit((*path, cuts[0]), f'"{cuts[0]}" goes with "path" alone', on_key=True)
            return []
        holds = None if form.when is None else self._conditions.read(form.when, (*path, "when"))
        if form.path is not None:
            option = self._from_paths(form, path)
        elif form.length is not None:
            option = self._length(form.length, (*path, "length"))
        else:
            option = _constant(form.value)
        return [] if option is None else [_noted(option, form, holds)]

    def _from_paths(self, form: ValueForm, path: Path) -> Option | None:
        several = isinstance(form.path, tuple)
        paths = form.path if isinstance(form.path, tuple) else (form.path or "",)
        found = [self._steps(p, (*path, "path", n) if several else (*path, "path")) for n, p in enumerate(paths)]
        steps = [each for each in found if each is not None]
        if form.join is not None and not several:
            self._misfit((*path, "join"), '"join" needs a list of paths', on_key=True)
        table = self._table(form.lookup, (*path, "lookup")) if form.lookup is not None else None
        if len(steps) != len(paths) or (form.lookup is not None and table is None):
            return None
        reads = [self._copied(each) for each in steps]
        read = _joined(reads, form.join) if form.join is not None else _first(reads)
        plain = not any(getattr(form, name) is not None for name in (*_CUTS, "otherwise"))
        constants = None
        if table is not None:
            constants = (*table.values.values(), *([form.otherwise] if form.otherwise is not None else []))
        return Option(
            read if plain else self._cut(read, form, table),
            paths,
            plain=plain,
            constants=None if constants is None else tuple(map(text, constants)),
        )

    def _cut(self, read: Said, form: ValueForm, table: Lookup | None) -> Said:
        after, before, otherwise = form.after, form.before, form.otherwise or ""
        words: Mapping[str, str] = {}
        if table is not None:
            words = {_key(name, table): text(word) for name, word in table.values.items()}

        def cut(record: Any) -> Any:
            said = read(record)
            if after is not None:
                said = said.partition(after)[2]
            if before is not None:
                said = said.partition(before)[0] if before in said else ""
            said = said.strip()
            if table is not None:
                said = words.get(_key(said, table), "")
            return said or otherwise

        return cut

    def _table(self, name: str, path: Path) -> Lookup | None:
        self.lookups_used.add(name)
        if name not in self._lookups:
            self._misfit(path, f'there is no lookup "{name}"', close_to(name, self._lookups))
        return self._lookups.get(name)

    def _length(self, written: str, path: Path) -> Option | None:
        steps = self._steps(written, path)
        if steps is None:
            return None

        def length(record: Any) -> Any:
            found = find(record, steps)
            return len(found) if isinstance(found, list) and found else ""

        return Option(length, (written,), "how many items it has")

    def _copied(self, steps: Steps) -> Said:
        nothing = self._nothing
        if not nothing:
            return lambda record: text(find(record, steps))

        def copied(record: Any) -> str:
            said = text(find(record, steps))
            return "" if said.casefold() in nothing else said

        return copied

    def _misfit(self, path: Path, message: str, hint: str = "", *, on_key: bool = False) -> None:
        self._misfits.append(Misfit(path, message, hint, on_key))


def first_said(options: list[Option]) -> Said:
    """The first of `options` that says something."""
    if len(options) == 1:
        return options[0].read
    return _first([option.read for option in options])


def _first(reads: list[Said]) -> Said:
    if len(reads) == 1:
        return reads[0]

    def first(record: Any) -> Any:
        for read in reads:
            if (said := read(record)) != "":
                return said
        return ""

    return first


def _joined(reads: list[Said], join: str) -> Said:
    return lambda record: join.join(said for read in reads if (said := read(record)))


def _constant(value: Any) -> Option:
    said = text(value)
    return Option(lambda _: said, (), constants=(said,))


def _key(said: str, table: Lookup) -> str:
    return said.casefold() if table.ignore_case else said


def _noted(option: Option, form: ValueForm, holds: Holds | None) -> Option:
    read = option.read
    notes = [option.note] if option.note else []
    notes += [f"after {form.after!r}"] if form.after is not None else []
    notes += [f"before {form.before!r}"] if form.before is not None else []
    notes += [f"all, joined by {form.join!r}"] if form.join is not None else []
    notes += [f"by the table {form.lookup}"] if form.lookup is not None else []
    notes += [f"else {form.otherwise}"] if form.otherwise is not None else []
    paths = option.paths
    if form.when is not None:
        reads = tuple(dict.fromkeys(paths_of(form.when)))
        notes.append(f"where {', '.join(reads)} say so" if len(reads) > 1 else f"where {reads[0]} says so")
        paths = paths or reads[:1]
    note = form.note or "; ".join(notes)

    def where(record: Any) -> Any:
        return read(record) if holds is None or holds(record) else ""

    return Option(read if holds is None else where, paths, note, option.plain and holds is None, option.constants)
