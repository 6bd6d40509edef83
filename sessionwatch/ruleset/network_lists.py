"""Lists of networks and their classes: those of a site, and the curated one that comes with sessionwatch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from geo.networks import KnownNetwork, as_number
from models.instants import to_us
from models.rules import NetworkListFile
from models.written.nodes import Node, note, read_yaml
from models.written.shapes import check_name, validated
from models.written.texts import Misfit, SourceText, read_text
from sessionwatch.errors import Fault, RulesetError
from sessionwatch.ruleset.files import LISTS_FOLDER, bundled_rules, find_rule_files
from sessionwatch.ruleset.networks import network_of

CURATED: Final = "networks"
"""The id of the curated list. A list of this id beside a site's own rules stands in its stead."""

TYPE: Final = "network_classes"

Known = dict[str, KnownNetwork]
"""Networks (`192.0.2.0/24`) and autonomous systems (`AS64500`) by their one spelling."""


@dataclass(frozen=True, slots=True)
class NetworkLists:
    """What a site says of its networks, and what the curated list says; the site is believed first."""

    site: Known = field(default_factory=dict)
    curated: Known = field(default_factory=dict)


def load_network_lists(rules: Sequence[Path], files: Sequence[Path] = ()) -> NetworkLists:
    """The curated list, those in the `lists/` of `rules`, and `files`; of two entries for one network the later stands.

    Raises:
        RulesetError: with all faults of all files, where there is any.
    """
    lists, faults = NetworkLists(), list[Fault]()
    beside = [path for path in find_rule_files(rules).lists if is_network_list(path)]
    own = [path for path in beside if path.stem == CURATED]
    curated = own or [bundled_rules() / LISTS_FOLDER / f"{CURATED}.yaml"]
    seen: dict[str, str] = {}
    for into, paths in ((lists.curated, curated), (lists.site, [path for path in beside if path not in own])):
        into.update(_read_all(paths, seen, faults))
    lists.site.update(_read_all(files, seen, faults))
    if faults:
        raise RulesetError(faults)
    return lists


def is_network_list(path: Path) -> bool:
    """Whether a list file says that it is one of networks and their classes; its faults are told when it is read."""
    source = read_text(path)
    root = read_yaml(source)
    return root is not None and root.find(("type",)).value == TYPE


def read_network_list(source: SourceText, seen: dict[str, str]) -> Known | None:
    """The list that `source` writes; None where it has faults, noted there. `seen` has the ids of lists read before."""
    root = read_yaml(source) if not source.faults else None
    if root is None:
        return None
    written = validated(NetworkListFile, root, source)
    check_name(source, root, seen)
    entries = root.find(("entries",)).value
    spellings = _spellings(source, root, entries) if isinstance(entries, list) else []
    if written is None or source.faults:
        return None
    return {
        spelling: KnownNetwork(
            entry.network_class, entry.organisation, to_us(entry.until) if entry.until is not None else None
        )
        for spelling, entry in zip(spellings, written.entries, strict=True)
    }


def _read_all(paths: Iterable[Path], seen: dict[str, str], faults: list[Fault]) -> Known:
    found: Known = {}
    for path in paths:
        source = read_text(path)
        found.update(read_network_list(source, seen) or {})
        faults += source.faults
    return found


def _spellings(source: SourceText, root: Node, entries: list[Node]) -> list[str]:
    """The one spelling of each entry's network; what is none, or stands twice, is noted."""
    spellings: list[str] = []
    lines: dict[str, int] = {}
    for index, entry in enumerate(entries):
        node = entry.find(("network",))
        if not isinstance(node.value, str):
            continue  # its shape is told already
        place = ("entries", index, "network")
        try:
            spelling = _spelling(node.value)
        except ValueError as error:
            note(source, root, [Misfit(place, str(error), "a network is 192.0.2.0/24, a system AS64500")])
            continue
        first = lines.setdefault(spelling, node.line)
        if first != node.line:
            note(source, root, [Misfit(place, f'"{spelling}" stands twice; the first is on line {first}')])
        spellings.append(spelling)
    return spellings


def _spelling(written: str) -> str:
    if written[:2].upper() == "AS":
        return f"AS{as_number(written)}"
    return str(network_of(written))
