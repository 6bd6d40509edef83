"""The adapter that a mapping becomes: like those in Python, with a table that is read out of the mapping."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final

from models.events import EventKind, Outcome, SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters.adapter import Adapter, Draft, Dropped, numbered
from streams.adapters.fields import Path, find, folded, log_place, opened, text, truth, whole_number
from streams.mapping.conditions import Holds
from streams.mapping.times import Instant
from streams.mapping.values import Said

ITEM: Final = "item"
"""What paths begin with that go into an item of the list of `for_each`."""
EVENTS_EACH_MAX: Final = 10_000
"""Events of one record; a list with more items goes to the dead letter."""

_OUTCOMES: Final[dict[str, Outcome]] = {"success": "success", "failure": "failure", "unknown": "unknown"}


@dataclass(frozen=True, slots=True)
class Sort:
    """What a record is, where `holds` (None: always): an event of a kind, or dropped for a reason."""

    holds: Holds | None
    kind: EventKind | None = None
    outcome: Outcome | None = None
    mfa: bool | None = None
    interactive: bool | None = None
    drop: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A mapping, ready to run. `texts` are fields that are copied as text, `others` have a type of their own."""

    at: Instant
    sorts: tuple[Sort, ...]
    texts: tuple[tuple[str, Said], ...]
    others: Mapping[str, Said] = field(default_factory=dict)
    places: Mapping[str, Path] = field(default_factory=dict)
    id: Said | None = None
    received_at: Instant | None = None
    for_each: Path | None = None
    for_each_path: str = ""
    opened: tuple[Path, ...] = ()


class Mapped(Adapter, ABC):
    """An adapter out of a mapping; the reader of mappings makes a class of each."""

    plan: ClassVar[Plan]
    kinds: ClassVar[tuple[tuple[str, str], ...]] = ()
    """What a record becomes, and where, in words: the first that fits."""

    def view(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """The record with its keys in lower case and JSON in texts opened, where the mapping says so."""
        seen: Any = folded(record) if self.keys_folded else record
        for path in self.plan.opened:
            seen = _opened_at(seen, path)
        shown: Mapping[str, Any] = seen
        return shown

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """An event of the record, or of each item of its list; dropped where all of these are."""
        plan = self.plan
        events: list[SessionEvent] = []
        dropped = identity = ""
        view = self.view(record)
        for seen in self.items(view):
            sort = next((sort for sort in plan.sorts if sort.holds is None or sort.holds(seen)), plan.sorts[-1])
            if sort.drop:
                dropped = dropped or sort.drop
                continue
            identity = identity or self.identity("" if plan.id is None else text(plan.id(view)), record)
            events.append(self._event(seen, sort, numbered(identity, len(events) + 1)))
        return events or Dropped(dropped)

    def items(self, view: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """What paths lead into: the record, or, once for each item of its list, the record with that item.

        Raises:
            BadRecordError: there are more than `EVENTS_EACH_MAX` items.
        """
        items = None if self.plan.for_each is None else find(view, self.plan.for_each)
        if not isinstance(items, list) or not items:
            yield view
            return
        if len(items) > EVENTS_EACH_MAX:
            raise BadRecordError("too_many_items", f"{len(items):,} items; at most {EVENTS_EACH_MAX:,} are read")
        for item in items:
            yield {**view, ITEM: item}

    def _event(self, seen: Mapping[str, Any], sort: Sort, identity: str) -> SessionEvent:
        plan = self.plan
        if sort.kind is None:
            raise BadRecordError("no_kind", "nothing in the mapping tells what it is")
        draft = Draft(id=identity, at=plan.at(seen), kind=sort.kind)
        draft.said = {ours: said for ours, read in plan.texts if (said := text(read(seen)))}
        told = {ours: read(seen) for ours, read in plan.others.items()}
        draft.outcome = sort.outcome or _OUTCOMES.get(text(told.get("outcome")), "unknown")
        draft.mfa = truth(told.get("mfa")) if sort.mfa is None else sort.mfa
        interactive = truth(told.get("interactive")) if sort.interactive is None else sort.interactive
        draft.interactive = True if interactive is None else interactive
        draft.count = _number(told.get("count"), 1)
        draft.moved_bytes = _number(told.get("bytes"), 0)
        draft.place = log_place(seen, plan.places) if plan.places else None
        draft.received_at = self._received(seen)
        return draft.event(self.name)

    def _received(self, seen: Mapping[str, Any]) -> datetime | None:
        if self.plan.received_at is None:
            return None
        try:
            return self.plan.received_at(seen)
        except BadRecordError:
            return None  # an event can do without


def _number(said: Any, otherwise: int) -> int:
    number = whole_number(said.removesuffix(".0") if isinstance(said, str) else said)
    return otherwise if number is None else number


def _opened_at(node: Any, path: Path) -> Any:
    """`node` with what stands at `path` opened; the record itself stays as it is."""
    if not path:
        return opened(node)
    step, *rest = path
    if isinstance(node, dict) and isinstance(step, str) and step in node:
        return {**node, step: _opened_at(node[step], tuple(rest))}
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return [*node[:step], _opened_at(node[step], tuple(rest)), *node[step + 1 :]]
    return node
