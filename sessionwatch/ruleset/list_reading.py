"""List files: `lists/NAME.yaml`, which rules refer to by name."""

from __future__ import annotations

from models.rules import ListFile
from models.written.nodes import Node, note, read_yaml
from models.written.shapes import check_name, validated
from models.written.texts import Misfit, SourceText
from sessionwatch.ruleset.lists import NamedList, named_list
from sessionwatch.ruleset.networks import network_of


def read_list(source: SourceText, seen: dict[str, str]) -> NamedList | None:
    """The list that `source` writes; None where it has faults, noted there. `seen` has the ids of lists read before."""
    root = read_yaml(source)
    if root is None:
        return None
    written = validated(ListFile, root, source)
    check_name(source, root, seen)
    entries = root.find(("entries",)).value
    if isinstance(entries, list):
        note(source, root, _repeated(entries))
        if root.find(("type",)).value == "networks":
            note(source, root, _wrong_networks(entries))
    if written is None or source.faults:
        return None
    return named_list(written.id, written.type, written.entries)


def _repeated(entries: list[Node]) -> list[Misfit]:
    first: dict[tuple[type, object], Node] = {}
    misfits = []
    for index, entry in enumerate(entries):
        if isinstance(entry.value, str | int):
            earlier = first.setdefault((type(entry.value), entry.value), entry)
            if earlier is not entry:
                message = f'"{entry.value}" stands twice; the first is on line {earlier.line}'
                misfits.append(Misfit(("entries", index), message))
    return misfits


def _wrong_networks(entries: list[Node]) -> list[Misfit]:
    misfits = []
    for index, entry in enumerate(entries):
        if isinstance(entry.value, str):
            try:
                network_of(entry.value)
            except ValueError as error:
                misfits.append(Misfit(("entries", index), str(error)))
        elif isinstance(entry.value, int):
            misfits.append(Misfit(("entries", index), f"{entry.value} is no network", "put networks in quotes"))
    return misfits
