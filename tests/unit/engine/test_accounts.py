"""By account: what a user does and what others do to that user's account are one timeline."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import permutations

from detectors.sequence import Sequence, SequenceParams
from geo.locator import Locator
from models.conditions import Condition
from models.instants import HOUR_US
from sessionwatch.engine.disorder import DisorderEngine
from sessionwatch.engine.in_order import Engine
from sessionwatch.engine.lateness import Lateness
from tests.property.sketch_rules import rule
from tests.unit.engine.story import alerts_of, event, rules, told


def of_kind(kind: str) -> Condition:
    """Events of one kind."""
    return Condition({"kind": kind}, lambda one: one.kind == kind)


GIVEN = rule(
    "given",
    Sequence(SequenceParams(first=of_kind("privilege_change"), then=of_kind("export"), differs=("user",))),
    {"privilege_change", "export"},
    HOUR_US,
    by="account",
)
STORY = [
    event("grant", 0, "privilege_change", user="root", target=" Ann ", session="r1"),
    event("export", 20, "export"),
]


def test_what_an_administrator_does_to_an_account_is_the_accounts() -> None:
    """The alert is of the account, under its name, with its own session and both events."""
    (alert,) = told(STORY, rules(GIVEN))
    assert alert["subject"] == {"by": "account", "value": "ann"}
    assert (alert["user"], alert["session"]) == ("ann", "s1")
    assert [one["id"] for one in alert["events"]] == ["grant", "export"]


def test_it_is_no_longer_the_administrators() -> None:
    """What the administrator exports, and what somebody else exports, does not follow from it."""
    own = [STORY[0], event("own", 20, "export", user="root", session="r1"), event("bob", 30, "export", user="bob")]
    assert told(own, rules(GIVEN)) == []


def test_a_change_that_names_no_target_is_the_users_own() -> None:
    """As sources write it who log a change under the name of the account."""
    story = [event("grant", 0, "privilege_change", session="s2"), STORY[1]]
    assert told(story, rules(GIVEN)) == []
    assert [one["id"] for one in told(story, rules(GIVEN_BY_ANYBODY))[0]["events"]] == ["grant", "export"]


GIVEN_BY_ANYBODY = rule(
    "anybody",
    Sequence(SequenceParams(first=of_kind("privilege_change"), then=of_kind("export"))),
    {"privilege_change", "export"},
    HOUR_US,
    by="account",
)


def test_the_session_of_whoever_changed_it_is_not_named() -> None:
    """An alert on an account never points at the administrator's session: it may be ended for it."""
    backwards = rule(
        "backwards",
        Sequence(SequenceParams(first=of_kind("export"), then=of_kind("privilege_change"))),
        {"privilege_change", "export"},
        HOUR_US,
        by="account",
    )
    (alert,) = told(
        [event("export", 0, "export"), event("grant", 5, "privilege_change", user="root", target="ann")],
        rules(backwards),
    )
    assert (alert["user"], alert["session"]) == ("ann", "")


def test_who_is_nobody_is_counted() -> None:
    """An event that names neither is no account's."""
    engine = Engine(rules(GIVEN), Locator())
    assert alerts_of(engine, [event("nobody", 0, "export", user="", session="")]) == []
    assert engine.counts.rules["given"].not_evaluable == {"no_account": 1}


def test_arrival_order_does_not_matter() -> None:
    """The grant comes from another source than the export, and may come after it."""
    want = told(STORY, rules(GIVEN))
    for arriving in permutations(STORY):
        engine = DisorderEngine(rules(GIVEN), Locator(), Lateness.of({"fast": timedelta(hours=1)}, mode="all"))
        notices = [*engine.feed(arriving, 1), *engine.finish(9)]
        assert [json.loads(bytes(notice.alert)) for notice in notices if notice.change == "raised"] == want
