"""What happens to one event: all rules judge, then all learn; findings fold; timers come at their deadline."""

from __future__ import annotations

import dataclasses
import json

import msgspec

from geo.locator import Locator
from models.instants import HOUR_US
from sessionwatch.engine.in_order import Engine
from sessionwatch.ruleset.compiled import CompiledExemption
from tests.property.sketch_rules import Export, Idle, NewDevice, NoParams, Travel, rule
from tests.unit.engine.story import MILAN, NEW_YORK, TOKYO, alerts_of, event, rules, told

TRAVEL = rule("travel", Travel(NoParams()), {"login"}, HOUR_US)
DEVICE = rule("device", NewDevice(NoParams()), {"login"}, HOUR_US)
EXPORT = rule("export", Export(NoParams()), {"export"}, HOUR_US)
IDLE = rule("idle", Idle(NoParams()), {"login"}, HOUR_US)


def exports(*minutes: float, count: int = 600) -> list:
    """Exports of `count` objects at these minutes."""
    return [event(f"x{i}", minute, "export", count=count) for i, minute in enumerate(minutes)]


def test_what_one_rule_flagged_teaches_no_rule() -> None:
    """The strange device of a flagged login does not become known to the rule that watches devices."""
    story = [
        event("home", 0),
        event("thief", 200, place=TOKYO, device="strange"),
        event("again", 300, place=MILAN, device="strange"),
    ]
    fired = [(a["rule"]["id"], a["at"][11:16]) for a in told(story, rules(TRAVEL, DEVICE))]
    assert ("travel", "03:20") in fired
    assert ("device", "03:20") in fired
    flagged = told(story, rules(dataclasses.replace(DEVICE, fold_us=0), TRAVEL))
    assert [a["key"] for a in flagged if a["rule"]["id"] == "device"] == ["strange", "strange"]


def test_a_shadow_rule_counts_and_neither_alerts_nor_casts_suspicion() -> None:
    """Trying a rule in shadow must not change what the others say."""
    engine = Engine(rules(dataclasses.replace(TRAVEL, mode="shadow"), DEVICE), Locator())
    story = [event("home", 0), event("far", 20, place=TOKYO), event("on", 30, place=TOKYO)]
    assert alerts_of(engine, story) == []
    assert engine.counts.rules["travel"].shadowed == 1
    assert engine.counts.rules["travel"].fired == 0


def test_a_rule_that_is_off_is_not_evaluated() -> None:
    """Off is off."""
    engine = Engine(rules(dataclasses.replace(TRAVEL, mode="off")), Locator())
    assert alerts_of(engine, [event("home", 0), event("far", 20, place=TOKYO)]) == []
    assert engine.counts.rules["travel"].evaluated == 0


def test_an_exempted_finding_raises_no_alert_until_the_exemption_ends() -> None:
    """An exemption is counted by its name, casts no suspicion, and ends by event time."""
    until_us = event("", 100).order[0]
    exempt = CompiledExemption("roaming", lambda e: e.user == "ann", until_us)
    engine = Engine(rules(dataclasses.replace(TRAVEL, exemptions=(exempt,))), Locator())
    story = [event("home", 0), event("far", 20, place=TOKYO), event("back", 120, place=MILAN)]
    alerts = alerts_of(engine, story)
    assert [a["events"][-1]["id"] for a in alerts] == ["back"]
    assert engine.counts.rules["travel"].exempted == {"roaming": 1}


def test_repeats_fold_into_one_alert_that_is_told_at_its_notice_points() -> None:
    """Findings within the fold are one alert with a count; between notice points its bytes stay."""
    engine = Engine(rules(EXPORT), Locator())
    at_three = [json.loads(p[3]) for p in engine.process(exports(0, 1, 2, 3, 4)).values()]
    assert [(a["count"], a["last_at"][14:16]) for a in at_three] == [(2, "02")]
    after_the_fold = told(exports(0, 1, 2, 3), rules(EXPORT), until=62)
    assert [(a["count"], a["last_at"][14:16]) for a in after_the_fold] == [(3, "03")]
    assert at_three[0]["id"] == after_the_fold[0]["id"]


def test_the_end_of_the_input_tells_open_folds_as_they_stand() -> None:
    """An auditor who counts finds the alert's number, though no notice point had come."""
    engine = Engine(rules(EXPORT), Locator())
    (alert,) = alerts_of(engine, exports(0, 1, 2, 3))
    assert (alert["count"], alert["last_at"][14:16]) == (3, "03")
    assert engine.counts.rules["export"].fired == 3


def test_the_fold_counts_from_its_first_finding() -> None:
    """A finding at the very end of the period opens the next alert; the period does not slide."""
    story = exports(0, 1, 30, 30.5, 60.9, 61, 61.1, count=600)
    alerts = told(story, rules(EXPORT), until=200)
    assert [(a["first_at"][11:16], a["last_at"][11:16], a["count"]) for a in alerts] == [
        ("00:01", "00:30", 2),
        ("01:01", "01:01", 2),
    ]


def test_without_a_fold_each_finding_is_an_alert() -> None:
    """A fold of zero keeps findings apart."""
    alerts = told(exports(0, 1, 2), rules(dataclasses.replace(EXPORT, fold_us=0)))
    assert [a["count"] for a in alerts] == [1, 1]
    assert len({a["id"] for a in alerts}) == 2


def test_severity_only_rises_and_the_strongest_finding_explains() -> None:
    """The second, longer journey raises severity and gives its numbers; the alert's time stays that of the trigger."""
    story = [
        event("home", 0),
        event("a", 20, place=NEW_YORK),
        event("b", 25, place=TOKYO),
        event("c", 30, place=NEW_YORK),
    ]
    whole = told(story, rules(TRAVEL), until=100)
    begun = told(story[:2], rules(TRAVEL))
    assert [(a["severity"], a["count"]) for a in begun + whole] == [("medium", 1), ("high", 3)]
    assert whole[0]["at"] == begun[0]["at"] == whole[0]["first_at"]
    assert whole[0]["evidence"]["value"] > begun[0]["evidence"]["value"]
    assert whole[0]["summary"] == f"ann moved {whole[0]['evidence']['value']} km."


def test_a_timer_fires_at_its_deadline_before_the_event_that_brought_it() -> None:
    """An idle session is found at its deadline, not when somebody next looks."""
    (alert,) = told([event("in", 0), event("later", 100, session="s2")], rules(IDLE), until=101)
    assert alert["at"][11:16] == "00:15"
    assert alert["events"] == []


def test_an_event_at_the_deadline_comes_after_the_timer() -> None:
    """The deadline itself is already too late."""
    assert len(told([event("in", 0), event("on", 15, "activity")], rules(IDLE), until=16)) == 1
    assert told([event("in", 0), event("on", 14.99, "activity")], rules(IDLE), until=16) == []


def test_timers_of_silent_subjects_fire_at_the_end_and_not_beyond() -> None:
    """A replay ends by firing what is due by its end."""
    assert told([event("in", 0)], rules(IDLE), until=14) == []
    assert len(told([event("in", 0)], rules(IDLE), until=15)) == 1


def test_the_same_id_at_another_time_is_another_event() -> None:
    """Sources reuse ids: only the same id and the same time are one event, and alert ids stay apart."""
    story = [event("x", minute, "export", count=1200) for minute in (0, 5, 5)]
    engine = Engine(rules(dataclasses.replace(EXPORT, fold_us=0)), Locator())
    assert len({a["id"] for a in alerts_of(engine, story)}) == 2
    assert (engine.counts.events, engine.counts.duplicates) == (2, 1)


def test_of_two_copies_the_fuller_one_counts_whichever_came_first() -> None:
    """Risk fields are often filled in later; the order of the copies must not matter."""
    bare = event("x", 1, "export", count=1, device="")
    full = event("x", 1, "export", count=1200, device="d1", app="records")
    for story in ([bare, full], [full, bare]):
        assert [a["evidence"]["value"] for a in told(story, rules(EXPORT))] == [1200]


def test_ties_in_time_are_ordered_by_the_sources_sequence_then_by_kind() -> None:
    """A logout and a login at one instant: the login comes first, unless the source says otherwise."""
    login, logout = event("b", 0), event("a", 0, "logout")
    assert told([logout, login], rules(IDLE), until=20) == []
    first_out = [msgspec.structs.replace(logout, sequence=1), msgspec.structs.replace(login, sequence=2)]
    assert len(told(first_out, rules(IDLE), until=20)) == 1


def test_an_event_dated_after_it_was_received_is_held_out_and_counted() -> None:
    """One forged date in the future must not age everything else."""
    forged = event("forged", 60 * 24 * 365, received_at=event("", 0).at)
    engine = Engine(rules(TRAVEL, IDLE), Locator())
    alerts = alerts_of(engine, [event("in", 0), event("out", 5, "logout"), forged])
    assert alerts == []
    assert engine.counts.clock_skew == 1
    assert engine.newest_us == event("", 5).order[0]


def test_an_event_that_names_only_a_session_is_its_users() -> None:
    """A kill names a session; it ends the session of the user who opened it. Unknown sessions are counted."""
    kill = event("kill", 5, "logout", user="")
    stray = event("stray", 6, "logout", user="", session="nobody's")
    engine = Engine(rules(IDLE), Locator())
    assert alerts_of(engine, [event("in", 0), kill, stray], until=60) == []
    assert engine.counts.unresolved_sessions == 1


def test_state_ends_by_the_subjects_own_time() -> None:
    """What was learned longer ago than the detector keeps is forgotten, whether or not memory was freed."""
    story = [event("a", 0), event("b", 200), event("c", 60 * 24 * 40, device="other")]
    assert told(story, rules(DEVICE)) == []


def test_a_part_that_has_expired_is_not_written() -> None:
    """Whoever exported once, and only signs in since, is stored without that; timers keep what they wait for."""
    engine = Engine(rules(EXPORT, DEVICE, IDLE), Locator())
    engine.process([event("x", 0, "export"), event("a", 1), event("b", 30 * 24 * 60)])
    (lane,) = engine.lanes
    (state,) = lane.subjects.values()
    kept = [rule.id for rule, part in zip(lane.program.rules, state.parts, strict=True) if part is not None]
    assert kept == ["device", "export", "idle"]
    engine.process([event("c", 31 * 24 * 60), event("d", 32 * 24 * 60)])
    written = lane.program.decode(lane.program.encode(state))
    kept = [rule.id for rule, part in zip(lane.program.rules, written.parts, strict=True) if part is not None]
    assert kept == ["device", "idle"]


def test_alert_ids_and_bytes_depend_on_events_and_rules_alone() -> None:
    """Twice the same, also when cut elsewhere."""
    story = exports(*[i / 2 for i in range(30)])
    whole = Engine(rules(EXPORT, IDLE, TRAVEL), Locator())
    cut = Engine(rules(EXPORT, IDLE, TRAVEL), Locator())
    first = whole.process(story) | whole.finish()
    second = cut.process(story[:7]) | cut.process(story[7:]) | cut.finish()
    assert {k: v[3] for k, v in first.items()} == {k: v[3] for k, v in second.items()}


def test_the_fold_lists_its_first_and_last_events() -> None:
    """Bounded: the first half and the last half of what was folded."""
    (alert,) = told(exports(*[i / 10 for i in range(40)]), rules(EXPORT), until=200)
    ids = [e["id"] for e in alert["events"]]
    assert len(ids) == 10
    assert ids[0] == "x1"
    assert ids[-1] == "x39"


def test_a_snapshot_under_changed_rules_keeps_what_is_still_theirs() -> None:
    """A rule with another condition starts learning anew, and that is counted; the others go on."""
    before = Engine(rules(TRAVEL, DEVICE), Locator())
    before.process([event("a", 0), event("b", 200)])
    before.finish()
    after = Engine(rules(dataclasses.replace(TRAVEL, definition="other"), DEVICE), Locator())
    after.restore(before.snapshot())
    assert after.counts.relearned == 1
    assert [a["rule"]["id"] for a in alerts_of(after, [event("c", 220, place=TOKYO, device="new")])] == ["device"]


def test_tenants_and_sources_may_share_an_id_and_a_time() -> None:
    """Copies share tenant and source as well: two organisations' events are never one."""
    story = [
        event("x", 0, "export", count=1200, tenant="a"),
        event("x", 0, "export", count=1200, tenant="b"),
        event("x", 0, "export", count=1200, tenant="b", source="other", user="bob"),
    ]
    engine = Engine(rules(EXPORT), Locator())
    assert len(alerts_of(engine, story)) == 3
    assert (engine.counts.events, engine.counts.duplicates) == (3, 0)
