"""Leaving quiet subjects out of a replay changes nothing that it tells: neither alerts nor counts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.columns import Bounds, Columns
from detectors.mfa_fatigue import FatigueParams, MfaFatigue
from detectors.threshold import Threshold, ThresholdParams
from geo.locator import Locator
from models.conditions import Condition
from models.events import KINDS, EventKind, Outcome, SessionEvent
from models.places import NetworkClass, Place
from sessionwatch.engine.counts import EngineCounts
from sessionwatch.engine.in_order import Engine
from sessionwatch.engine.quiet import Needs, Quiet
from sessionwatch.ruleset.compiled import Ruleset
from sessionwatch.ruleset.loading import bundled_rules, load_ruleset
from streams.replay import Window, replay
from tests.property.sketch_rules import rule
from tests.property.sketch_rules import ruleset as sketched
from tests.property.test_registered import registered

BEGIN = datetime(2026, 3, 2, 6, tzinfo=UTC)
CITIES = (
    Place(45.46, 9.19, 20.0, "IT", "", "Milan"),
    Place(45.6, 9.3, 0.0, "IT", "", "Monza"),
    Place(48.85, 2.35, 20.0, "FR", "", "Paris", 64500),
    Place(35.69, 139.69, 50.0, "JP", "", "Tokyo", 64501),
    Place(None, None, 0.0, "PE"),
)
ACTIONS = ("record.open", "GetParameter", "DeleteSecret", "StopLogging", "user.mfa.factor.deactivate", "Set-Mailbox")
CALM = ("activity", "activity", "refresh", "login", "login", "export", "logout", "mfa_result", "login_failed")
CLASSES = get_args(NetworkClass)


def crowd(seed: int) -> list[SessionEvent]:
    """A few calm people, some restless ones, and logs that leave things out; ties, copies, and gaps of many lengths."""
    r = random.Random(seed)
    step_s = r.choice([20, 600, 7200, 86_400, 400_000])
    made = []
    for user in range(r.randrange(2, 9)):
        restless = r.choice([0, 0, 0.05, 0.3])
        omits = r.choice([0, 0, 0, 0.1])
        at = BEGIN + timedelta(seconds=r.randrange(3600))
        favourite = r.choice(CALM)
        for n in range(r.choice([1, 3, 12, 40])):
            at += timedelta(seconds=r.choice([0, 1, r.randrange(1, step_s + 1), r.randrange(1, step_s + 1)]))
            odd = r.random() < restless
            made.append(_event(r, f"{user}-{n}", at, user, r.choice([favourite, *CALM]), odd=odd, omits=omits))
    made += [msgspec.structs.replace(r.choice(made), action="copied") for _ in range(r.choice([0, 0, 2]))]
    r.shuffle(made)
    return made


def _event(r: random.Random, name: str, at: datetime, user: int, kind: Any, *, odd: bool, omits: float) -> SessionEvent:
    def said(text: str) -> str:
        return "" if r.random() < omits else text

    phone = r.random() < 0.2
    place = CITIES[r.randrange(len(CITIES))] if odd else CITIES[user % 2]
    if r.random() < omits:
        place = msgspec.structs.replace(place, network_class=r.choice(CLASSES))
    if odd:
        kind = r.choice(KINDS)
    return SessionEvent(
        id=name,
        at=at,
        kind=kind,
        source="okta",
        tenant="t",
        user=said(f"u{user}"),
        session=said(f"s{user}-{phone}") if r.random() >= omits else f"s{r.randrange(3)}",
        action=r.choice(ACTIONS) if odd else "record.open",
        target=r.choice(["", "other", f"U{r.randrange(8)}"]),
        outcome="failure" if kind == "login_failed" or r.random() < 0.1 else "success",
        ip=said(f"203.0.113.{r.randrange(9) if odd else user * 2 + phone}"),
        user_agent=said("Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0"),
        device=said(f"d{r.randrange(9)}" if odd else f"d{user}-{phone}"),
        role=r.choice(["AssumedRole", ""]) if odd else "",
        interactive=kind != "refresh",
        count=r.choice([1, 5, 2000]) if odd else 2,
        bytes=r.randrange(10**6),
        place=None if r.random() < omits else place,
        attributes={"AuditEnabled": "False"} if odd else {},
    )


@cache
def pack() -> Ruleset:
    """The starter pack."""
    return load_ruleset((bundled_rules(),))


@cache
def loose() -> Ruleset:
    """The starter pack with a detector that cannot tell anything beside it."""
    return Ruleset((*pack().rules, *sketched(60_000_000).rules[:1]), "1")


@cache
def crowded_addresses() -> Ruleset:
    """Names that fail at one address, of which those that sign in do not count: low limits, so that it speaks."""
    signed_in = Condition({"kind": "login"}, lambda event: event.kind == "login", leaves=())
    params: dict[str, Any] = {"field": "user", "cleared_by": signed_in, "cleared_within": "1h"}
    kinds: set[EventKind] = {"login", "login_failed"}
    made = [
        rule(f"{n}", Threshold(ThresholdParams(measure="distinct", at_least=n, window="1d", **params)), kinds, 0, by=by)
        for n, by in ((2, "ip"), (3, "ip"), (4, "session"))
    ]
    return Ruleset(tuple(made), "1")


@cache
def pushed() -> Ruleset:
    """Pushes that nobody approves, and such as are approved at last: low limits, so that it speaks."""
    kinds: set[EventKind] = {"mfa_challenge", "mfa_result"}
    made = [
        rule(f"{n}-{then}", MfaFatigue(FatigueParams(at_least=n, then_approved=then)), kinds, 0)
        for n in (2, 3, 5)
        for then in (False, True)
    ]
    return Ruleset(tuple(made), "1")


def judged(rules: Ruleset, events: Sequence[SessionEvent]) -> tuple[dict[str, bytes], EngineCounts]:
    """Everybody judged."""
    engine = Engine(rules, Locator())
    return replay(sorted(events, key=lambda one: one.at), engine, Window()).alerts, engine.counts


def needed(rules: Ruleset, events: Sequence[SessionEvent]) -> tuple[dict[str, bytes], EngineCounts, Needs | None]:
    """Only those judged who need it."""
    quiet = Quiet(rules, Locator())
    for start in range(0, len(events), 7):
        quiet.add(events[start : start + 7])
    needs = quiet.needs()
    engine = Engine(rules, Locator())
    chosen = list(events)
    if needs is not None:
        needs.apply(engine)
        chosen = [one for one, wanted in zip(events, needs.needed, strict=True) if wanted]
    return replay(sorted(chosen, key=lambda one: one.at), engine, Window()).alerts, engine.counts, needs


@pytest.mark.parametrize("rules", [pack, lambda: registered(0), loose], ids=["pack", "registered", "loose"])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_leaving_quiet_subjects_out_changes_nothing(rules: Any, seed: int) -> None:
    """The alerts' bytes, every counter of every rule and every sum are those of judging everybody."""
    events = crowd(seed)
    alerts, counts, _ = needed(rules(), events)
    assert (alerts, counts) == judged(rules(), events)


def test_most_of_the_calm_are_left_out() -> None:
    """The property above would hold of leaving nobody out, too; here it is seen that many are, and that some speak."""
    left_out = judged_events = spoken = 0
    for seed in range(40):
        events = crowd(seed)
        alerts, counts, needs = needed(pack(), events)
        spoken += len(alerts)
        if needs is not None:
            left_out += needs.left_out
            judged_events += counts.events - needs.left_out
    assert left_out > 200
    assert judged_events > 200
    assert spoken > 20


def test_who_fails_at_one_address_beside_others_is_judged() -> None:
    """Many names behind few addresses fail and sign in: nothing that is told changes, some are told, some left out."""
    spoken = left_out = 0
    for seed in range(60):
        r = random.Random(seed)
        kinds: tuple[EventKind, ...] = ("login", "login_failed", "login_failed")
        events = [
            msgspec.structs.replace(event, ip=f"203.0.113.{r.randrange(r.choice([2, 40]))}", kind=r.choice(kinds))
            for event in crowd(seed)
        ]
        alerts, counts, needs = needed(crowded_addresses(), events)
        assert (alerts, counts) == judged(crowded_addresses(), events)
        spoken += len(alerts)
        left_out += needs.left_out if needs is not None else 0
    assert spoken > 10
    assert left_out > 100


def test_who_lets_pushes_lie_is_judged() -> None:
    """Pushes are sent, denied, approved and forgotten: nothing that is told changes, some are told, some left out."""
    spoken = left_out = 0
    for seed in range(60):
        r = random.Random(seed)
        said: tuple[tuple[EventKind, Outcome], ...] = (
            ("mfa_challenge", "unknown"),
            ("mfa_challenge", "unknown"),
            ("mfa_result", "failure"),
            ("mfa_result", "success"),
        )
        events = []
        for event in crowd(seed):
            kind, outcome = r.choice(said)
            events.append(msgspec.structs.replace(event, kind=kind, outcome=outcome))
        alerts, counts, needs = needed(pushed(), events)
        assert (alerts, counts) == judged(pushed(), events)
        spoken += len(alerts)
        left_out += needs.left_out if needs is not None else 0
    assert spoken > 10
    assert left_out > 20


def test_a_detector_that_cannot_tell_has_everybody_judged() -> None:
    """Without a word of the detector nobody is left out."""
    events = [_event(random.Random(1), str(n), BEGIN, n, "login", odd=False, omits=0) for n in range(5)]
    assert needed(sketched(0), events)[2] is not None
    assert needed(sketched(0), events)[2].left_out == 0  # type: ignore[union-attr]  # the line above


def test_what_bounds_say_is_counted_by_its_reason() -> None:
    """A plugin's detector may say of a quiet subject which events it could not evaluate."""
    made = sketched(0).rules[0].detector

    def bounds(events: Columns) -> Bounds:
        return Bounds(events.selected & False, {"no_reason": events.selected})

    made.bounds = bounds  # type: ignore[method-assign]  # a stand-in for a plugin's method
    events = [_event(random.Random(1), str(n), BEGIN, n, "login", odd=False, omits=0) for n in range(5)]
    _, counts, needs = needed(Ruleset((rule("one", made, {"login"}, 0),), "1"), events)
    assert needs is not None
    assert needs.left_out == 5
    assert counts.rules["one"].not_evaluable == {"no_reason": 5}
