"""What is known of a subject, and what is kept aside until somebody vouches for it.

A value seen in a flagged event is no evidence of normality. It stays aside, bounded, until MFA passed from the same
session, address or device, an analyst's verdict, or long enough without objection (`accept_after`).

An analyst's verdict is an event of kind `verdict`. Its `action` says what was found: `benign` (this was the person) or
`malicious` (it was not). It speaks of the flagged event whose id is its `target`, and of what was flagged in the same
`session`, at the same `ip` or on the same `device`, where it names them; its `user` is the person judged. Benign makes
known what it speaks of. Malicious drops it, and whatever else waits under the same name, so that no time makes it
known.

MFA that passed vouches as an `mfa_result` of its own that succeeds after the flagged event. A sign-in that claims MFA
(`mfa: true`) does not, for two reasons. The claim may be older than the sign-in: tokens and cookies carry it along,
and whoever stole one brings it ("satisfied by claim in the token"; `mfaAuthenticated` of a cloud session). And a factor
that was passed within the sign-in was on the table when it was flagged; what was weighed and found wanting is not
weighed twice. For the same reason a factor's result that bears the time of its sign-in comes before it in order, and
vouches for earlier events alone. Sources that record the factor itself are heard through that record.

Where a thief gets a push approved by sending many, the approval is suspect, and vouches for nothing, only if a rule
fires on the approving event itself. A rule that counts refusals fires on refusals, not on the approval after them, so
such an approval does vouch for what was flagged before in that session, at that address or on that device: a verdict of
`malicious` takes back what still waits, not what was released. A rule that finds an approval after refusals closes this
gap.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

import msgspec

from models.events import EventKind, PlacedEvent

Seen = dict[str, tuple[int, int]]
"""Value to (first seen, last seen), in microseconds. First seen 0: somebody vouched for it."""

VOUCHING: Final[frozenset[EventKind]] = frozenset({"mfa_result", "verdict"})
"""Kinds that may make known what was kept aside; a detector that keeps anything aside hears them."""

BENIGN: Final = "benign"
"""The `action` of a `verdict` event that says: this was the person."""

MALICIOUS: Final = "malicious"
"""The `action` of a `verdict` event that says: this was not the person. It is the objection that ends all waiting."""

ASIDE_MAX: Final = 8
"""Suspects kept aside for a subject; the oldest go first."""


class Suspect(msgspec.Struct, array_like=True, frozen=True):
    """One flagged event, kept aside: enough to be vouched for.

    `what` names what was flagged, `values` are what it would have taught; `since_us` is when `what` was first flagged
    without anybody objecting, so that a daily alert on the same thing does not put off its end.
    """

    at_us: int
    event: str
    session: str = ""
    network: str = ""
    device: str = ""
    what: str = ""
    values: tuple[str, ...] = ()
    since_us: int = 0

    @classmethod
    def of(cls, event: PlacedEvent, what: str, values: tuple[str, ...]) -> Suspect:
        """`event` with what it would have taught."""
        return Suspect(event.at_us, event.id, event.session, event.network, event.device, what, values, event.at_us)


A = TypeVar("A", bound=Suspect)


def vouches(event: PlacedEvent) -> bool:
    """Whether `event` can vouch at all: MFA that passed, or a verdict of `BENIGN`."""
    if event.kind == "mfa_result":
        return event.outcome == "success"
    return event.kind == "verdict" and event.action == BENIGN


def speaks_of(event: PlacedEvent, suspect: Suspect) -> bool:
    """Whether a voucher or objection speaks of `suspect`: same session, device or address, or the event itself.

    An address speaks only where neither session nor device contradicts: behind one gateway sit the thief in the café
    and the guest who passes MFA on her own laptop.
    """
    if event.kind == "verdict" and event.target != "" and event.target == suspect.event:
        return True
    if event.session != "" and event.session == suspect.session:
        return True
    if event.device != "" and event.device == suspect.device:
        return True
    contradicted = (event.session and suspect.session) or (event.device and suspect.device)
    return event.network != "" and event.network == suspect.network and not contradicted


def put_aside(aside: list[A], suspect: A) -> None:
    """Keep `suspect` aside, within `ASIDE_MAX`; flagged before, it waits since then."""
    earlier = [one.since_us for one in aside if suspect.what and one.what == suspect.what]
    aside.append(msgspec.structs.replace(suspect, since_us=min(earlier)) if earlier else suspect)
    if len(aside) > ASIDE_MAX:
        del aside[0]


def released(aside: list[A], event: PlacedEvent, accept_after_us: int, *, suspect: bool) -> list[A]:
    """Take out of `aside` what `event` makes known, oldest first: by its age, or because `event` vouches for it.

    What a verdict of `MALICIOUS` speaks of is dropped, and never becomes known.

    An event that is itself suspect vouches for nothing: approving the thief's push is no proof.
    """
    if not aside:
        return []
    if event.kind == "verdict" and event.action == MALICIOUS:
        objected = {one.what for one in aside if speaks_of(event, one)} - {""}
        aside[:] = [one for one in aside if one.what not in objected and not speaks_of(event, one)]
    speaks = not suspect and event.kind in VOUCHING and vouches(event)
    line_us = event.at_us - accept_after_us
    free = [one for one in aside if one.since_us <= line_us or (speaks and speaks_of(event, one))]
    if free:
        aside[:] = [one for one in aside if one not in free]
    return free


def see(seen: Seen, value: str, at_us: int, most: int, *, since_us: int | None = None) -> None:
    """Note `value` as seen at `at_us`; known since `since_us` where given. Beyond `most` the longest unseen goes."""
    known = seen.get(value)
    first_us = at_us if since_us is None else since_us
    seen[value] = (first_us if known is None else min(known[0], first_us), at_us)
    if len(seen) > most:
        del seen[min((each for each in seen if each != value), key=lambda each: (seen[each][1], each))]


def familiar(seen: Seen, values: Iterable[str], by_us: int) -> bool:
    """Whether any of `values` was already known at `by_us`."""
    return any(value in seen and seen[value][0] <= by_us for value in values)


def has_history(seen: Seen, by_us: int) -> bool:
    """Whether anything at all was already known at `by_us`; without it nobody can be called unfamiliar."""
    return any(first_us <= by_us for first_us, _ in seen.values())


class Learning(msgspec.Struct, array_like=True):
    """How far a learning period has come: since when, how many events, and when the last one was."""

    since_us: int = 0
    events: int = 0
    newest_us: int = 0

    def has_begun(self, at_us: int, forget_after_us: int) -> bool:
        """Whether anything was learned that is not forgotten at `at_us`."""
        return self.events > 0 and at_us - self.newest_us <= forget_after_us

    def is_over(self, at_us: int, learn_for_us: int, learn_min_events: int) -> bool:
        """Whether enough was learned to call a value new: by time or by events, whichever came first."""
        return self.events > 0 and (at_us - self.since_us >= learn_for_us or self.events >= learn_min_events)

    def note(self, at_us: int) -> None:
        """Count one event learned from."""
        if not self.events:
            self.since_us = at_us
        self.events += 1
        self.newest_us = at_us
