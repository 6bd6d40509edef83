"""Named lists that conditions refer to with `in_list` and `not_in_list`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sessionwatch.ruleset.networks import Network, NetworkSet, network_of


@dataclass(frozen=True, slots=True)
class NamedList:
    """A list as rules use it: `values` to compare with, or `networks` that an address may lie in.

    `said` is what goes into the version of the rules that name it.
    """

    id: str
    type: Literal["values", "networks"]
    entries: tuple[str | int, ...]
    networks: NetworkSet | None = field(default=None, compare=False)

    @property
    def said(self) -> dict[str, object]:
        """Its type and its entries, in one order and each once."""
        return {
            "type": self.type,
            "entries": sorted(set(self.entries), key=lambda entry: (str(entry), str(type(entry)))),
        }


Lists = Mapping[str, NamedList | None]
"""Lists by name; None where the file of that name has faults of its own, so that nobody is told that it is missing."""


def named_list(name: str, type_: Literal["values", "networks"], entries: Iterable[str | int]) -> NamedList:
    """The list `name`, ready to be asked.

    Raises:
        ValueError: an entry of a list of networks is no network.
    """
    kept = tuple(entries)
    if type_ == "values":
        return NamedList(name, type_, kept)
    networks: list[Network] = [network_of(str(entry)) for entry in kept]
    return NamedList(name, type_, kept, NetworkSet(networks))
