"""The layer for late events: what is told when, what settles, what the cap and the bound do."""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Iterable
from datetime import timedelta

import msgspec
import pytest

from geo.locator import Locator
from models.events import PlacedEvent
from models.instants import HOUR_US
from sessionwatch.engine.counts import EngineCounts
from sessionwatch.engine.disorder import DisorderEngine
from sessionwatch.engine.folds import FOLDS_MAX
from sessionwatch.engine.late import LateLane
from sessionwatch.engine.late_subject import BLOB_SCHEMA, read_blob
from sessionwatch.engine.lateness import Lateness
from sessionwatch.engine.notices import NoticeRecord
from sessionwatch.engine.program import Program
from sessionwatch.errors import StateError
from tests.property.sketch_rules import Export, Idle, NewDevice, NoParams, Travel, rule
from tests.unit.engine.story import MILAN, TOKYO, changes, event, rules

TRAVEL = rule("travel", Travel(NoParams()), {"login"}, HOUR_US)
EXPORT = rule("export", Export(NoParams()), {"export"}, HOUR_US)
IDLE = rule("idle", Idle(NoParams()), {"login"}, HOUR_US)
BOUNDS = Lateness.of({"fast": timedelta(minutes=2), "slow": timedelta(hours=1)})
ANN = ("", "ann")


class Watch:
    """A lane by user under test: feeds stories, keeps notices and late events."""

    def __init__(self, *compiled, lateness: Lateness = BOUNDS, **caps: int) -> None:
        self.late: list[PlacedEvent] = []
        self.counts = EngineCounts()
        program = Program(rules(*compiled), "user")
        self.lane = LateLane(program, self.counts, lateness, on_late=self.late.append, **caps)
        self.offset = 0

    def feed(self, *events) -> list[NoticeRecord]:
        """Events as they arrive."""
        notices: list[NoticeRecord] = []
        for one in events:
            self.offset += 1
            placed = Locator().locate(one)
            notices += self.lane.feed((placed.tenant, placed.user), placed, self.offset)
        return notices

    def advance(self, minute: float) -> list[NoticeRecord]:
        """The watermark."""
        self.offset += 1
        return self.lane.advance(event("", minute).order[0], self.offset)


def ids(notices: Iterable[NoticeRecord]) -> list[str]:
    """Alert ids of notices."""
    return [json.loads(bytes(notice.alert))["id"] for notice in notices]


def test_detection_waits_for_nobody() -> None:
    """An event in order is judged at once, long before its subject settles."""
    watch = Watch(TRAVEL)
    assert watch.feed(event("home", 0)) == []
    assert changes(watch.feed(event("far", 1, place=TOKYO))) == [("raised", "travel", 1)]


def test_a_late_login_moves_the_blame_and_the_old_alert_is_withdrawn() -> None:
    """Tokyo 0:00 arrives after Milan 0:01: the alert of Milan's successor moves to Milan itself, and names the old."""
    watch = Watch(TRAVEL)
    watch.feed(event("home", 0, place=TOKYO))
    raised = watch.feed(event("c", 1.5, place=MILAN))
    notices = watch.feed(event("b", 1, place=MILAN))
    assert changes(notices) == [("withdrawn", "travel", 1), ("raised", "travel", 2)]
    assert notices[1].supersedes == ids(raised)[0]
    assert ids(notices)[1] != ids(raised)[0]
    assert raised[0].revision < notices[0].revision < notices[1].revision


def test_what_a_late_event_explains_is_withdrawn() -> None:
    """A late logout ends the session before it idled out: the alert of the timer is taken back."""
    watch = Watch(IDLE, lateness=Lateness.of({"fast": timedelta(minutes=30)}))
    assert changes(watch.feed(event("in", 0), event("other", 20, session="s2"))) == [("raised", "idle", 1)]
    assert changes(watch.feed(event("out", 5, "logout"))) == [("withdrawn", "idle", 1)]


def test_an_alert_resolves_when_nothing_can_change_it_any_more() -> None:
    """After its fold has ended and its events have settled, and once."""
    watch = Watch(EXPORT)
    assert changes(watch.feed(event("x", 0, "export", count=1200))) == [("raised", "export", 1)]
    assert watch.advance(30) == []
    assert changes(watch.advance(61)) == [("resolved", "export", 1)]
    assert watch.advance(90) == []


def test_beyond_its_bound_an_event_is_counted_told_and_teaches_nothing() -> None:
    """Never silently dropped, and never a lesson."""
    watch = Watch(TRAVEL)
    watch.feed(*(event(f"e{i}", i) for i in range(60)))
    assert watch.feed(event("late", 0.5, place=TOKYO)) == []
    assert [one.id for one in watch.late] == ["late"]
    assert (watch.counts.late, watch.counts.rules["travel"].late) == (1, 1)
    assert watch.feed(event("on", 60)) == []


def test_a_further_copy_of_a_settled_event_is_a_duplicate_and_not_late() -> None:
    """Delivered again after it settled: counted as what it is."""
    watch = Watch(TRAVEL)
    watch.feed(event("a", 0), event("b", 30), event("c", 60))
    watch.feed(event("a", 0), event("a", 0, app="fuller"))
    assert (watch.counts.duplicates, watch.counts.late, watch.late) == (2, 0, [])


def test_a_fuller_copy_replaces_one_that_has_not_settled() -> None:
    """The alert appears when the copy that says more arrives; the barer copy after it changes nothing."""
    watch = Watch(EXPORT)
    bare, full = event("x", 0, "export", count=1, device=""), event("x", 0, "export", count=1200, app="ehr")
    assert watch.feed(bare) == []
    assert changes(watch.feed(full, bare)) == [("raised", "export", 1)]
    assert watch.counts.duplicates == 2


def test_nothing_is_kept_of_a_subject_before_a_rule_concerns_it() -> None:
    """An event that no rule selects or hears makes no entry; what comes later is judged as if it had made one."""
    watch = Watch(dataclasses.replace(EXPORT, when=lambda one: one.app == "ehr"))
    watch.feed(event("other", 0, "export", count=5_000, app="mail"))
    assert (watch.lane.subjects, watch.lane.touched, watch.counts.events) == ({}, set(), 0)
    assert changes(watch.feed(event("x", 1, "export", count=1200, app="ehr"))) == [("raised", "export", 1)]
    watch.feed(event("after", 2, "export", count=5_000, app="mail"))
    assert (list(watch.lane.subjects), watch.counts.events) == ([ANN], 2)


def test_a_slow_source_holds_its_subject_open() -> None:
    """Seen in a slow source during the last day, a subject waits for that source's bound."""
    story = [event("a", 0, source="slow"), event("b", 10), event("c", 55)]
    watch = Watch(TRAVEL)
    watch.feed(*story)
    watch.feed(event("late", 5, source="slow"))
    assert watch.counts.late == 0
    quick = Watch(TRAVEL)
    quick.feed(*(msgspec.structs.replace(one, source="fast") for one in story))
    quick.feed(event("late", 5, source="slow"))
    assert quick.counts.late == 1


def test_a_source_not_seen_for_a_day_no_longer_holds_its_subject() -> None:
    """The bound shrinks again when the slow source falls silent."""
    watch = Watch(TRAVEL)
    day = 24 * 60
    watch.feed(event("a", 0, source="slow"), event("b", day + 10), event("c", day + 20), event("d", day + 30))
    watch.feed(event("late", day + 11))
    assert watch.counts.late == 1


def test_a_silent_subject_settles_by_the_watermark() -> None:
    """Nobody speaks; time goes on: what is older than the watermark is late from then on."""
    watch = Watch(TRAVEL)
    watch.feed(event("a", 0), event("b", 1))
    watch.advance(30)
    watch.feed(event("late", 0.5))
    assert watch.counts.late == 1


def test_in_order_the_cap_changes_nothing_but_its_counter() -> None:
    """Beyond the cap the oldest settle early: the alerts of a stream in order stay, and the rules count it."""
    story = [event(f"x{i}", i / 100, "export", count=60) for i in range(60)]
    free, capped = Watch(EXPORT), Watch(EXPORT, recent_max=10)
    assert [bytes(n.alert) for n in free.feed(*story)] == [bytes(n.alert) for n in capped.feed(*story)]
    assert free.counts.rules["export"].capped == 0
    assert capped.counts.rules["export"].capped == 50
    assert capped.lane.subjects[ANN].capped
    assert len(capped.lane.subjects[ANN].recent) == 10


def test_what_a_rule_only_hears_settles_early_without_asking_its_condition() -> None:
    """A condition knows the kinds that its rule selects, and none of those that the detector only hears of."""
    selective = dataclasses.replace(IDLE, when=lambda one: {"login": True}[one.kind])
    watch = Watch(selective, recent_max=2)
    watch.feed(event("in", 0), *(event(f"out{i}", i / 100, "logout") for i in range(1, 6)))
    assert watch.counts.rules["idle"].capped == 1


def test_the_cap_counts_bytes_too() -> None:
    """Few but large events settle early as well."""
    watch = Watch(EXPORT, recent_bytes_max=2000)
    watch.feed(*(event(f"x{i}", i / 100, "export", user_agent="u" * 400) for i in range(20)))
    subject = watch.lane.subjects[ANN]
    assert subject.size == sum(subject.sizes) <= 2000
    assert watch.counts.rules["export"].capped == 20 - len(subject.recent)


def test_in_disorder_only_capped_subjects_may_differ() -> None:
    """A late event before the capped ones is late; other subjects are untouched."""
    watch = Watch(TRAVEL, recent_max=4)
    watch.feed(*(event(f"a{i}", i / 10) for i in range(10)))
    watch.feed(event("b0", 0.5, user="bob"), event("b1", 0.1, user="bob"), event("late", 0.05))
    assert [one.id for one in watch.late] == ["late"]
    assert not watch.lane.subjects["", "bob"].capped


def test_under_other_rules_what_was_told_stays_and_learning_goes_on() -> None:
    """Recent events settle as they are, nothing is told of them; a changed rule starts anew, others keep."""
    before = Watch(TRAVEL, rule("device", NewDevice(NoParams()), {"login"}, HOUR_US))
    before.feed(event("a", 0), event("b", 200), event("c", 200.5, device="new"))
    blob = before.lane.blob(ANN)
    changed = dataclasses.replace(TRAVEL, definition="other")
    after = Watch(changed, rule("device", NewDevice(NoParams()), {"login"}, HOUR_US), EXPORT)
    after.lane.restore(ANN, blob)
    assert after.lane.subjects[ANN].recent == []
    state = dict(zip([r.id for r in after.lane.program.rules], after.lane.subjects[ANN].head.parts, strict=True))
    assert state["device"].seen.keys() == {"d1"}
    assert after.counts.relearned == 1
    assert changes(after.feed(event("d", 201, device="newer"))) == [("raised", "device", 1)]


def test_under_the_same_rules_recent_events_stay_recent() -> None:
    """A restart is no reason to settle."""
    before = Watch(TRAVEL)
    before.feed(event("a", 0), event("b", 1))
    after = Watch(TRAVEL)
    after.lane.restore(ANN, before.lane.blob(ANN))
    assert [one.id for one in after.lane.subjects[ANN].recent] == ["a", "b"]
    assert after.lane.blob(ANN) == before.lane.blob(ANN)


def test_state_of_a_newer_schema_or_cut_short_is_refused() -> None:
    """Stop rather than guess."""
    watch = Watch(TRAVEL)
    watch.feed(event("a", 0))
    blob = watch.lane.blob(ANN)
    for broken in (blob[:-3], b"\x9d\x63" + blob[2:]):
        with pytest.raises(StateError, match=r"restore an older|upgrade"):
            Watch(TRAVEL).lane.restore(ANN, broken)


def test_a_blob_of_the_schema_before_is_read_and_its_copies_are_known() -> None:
    """An upgrade begins nothing anew: hashes of settled events were numbers of 64 bits then."""
    watch = Watch(TRAVEL)
    watch.feed(event("a", 0), event("b", 30), event("c", 60))
    now = msgspec.msgpack.decode(watch.lane.blob(ANN))
    assert now[0] == BLOB_SCHEMA == 2
    at_us = [event("", minute).order[0] for minute in (0, 30)]
    ring = [
        zlib.crc32(f"\0fast\0{name}".encode()) << 32 | at & 0xFFFFFFFF for name, at in zip("ab", at_us, strict=True)
    ]
    before = msgspec.msgpack.encode([1, *now[1:12], ring, *now[13:]])
    after = Watch(TRAVEL)
    after.lane.restore(ANN, before)
    assert msgspec.msgpack.decode(after.lane.blob(ANN))[12] == now[12]
    after.feed(event("a", 0), event("b", 30), event("d", 1))
    assert (after.counts.duplicates, after.counts.late) == (2, 1)


def test_a_forged_date_is_held_out_under_disorder_too() -> None:
    """Live and replay agree on clock skew."""
    engine = DisorderEngine(rules(TRAVEL), Locator(), BOUNDS)
    engine.feed([event("forged", 10_000, received_at=event("", 0).at), event("a", 0)], 1)
    assert (engine.counts.clock_skew, engine.newest_us) == (1, event("", 0).order[0])


def test_a_fuller_copy_of_another_kind_replaces_the_bare_one() -> None:
    """A failure that turns out to be a sign-in is no failure, also where no rule judges sign-ins."""
    failures = rule("failures", Export(NoParams()), {"login_failed"}, HOUR_US)
    watch = Watch(failures)
    bare, full = event("x", 0, "login_failed", count=1200), event("x", 0, "login", count=1200, app="ehr", role="nurse")
    assert changes(watch.feed(bare)) == [("raised", "failures", 1)]
    assert changes(watch.feed(full)) == [("withdrawn", "failures", 1)]
    assert watch.feed(bare) == []


def test_open_folds_are_bounded_and_the_oldest_ends_early() -> None:
    """Keys come from the log: a flood of them must not grow the state; what ends early is counted, and told whole."""
    devices = rule("device", NewDevice(NoParams()), {"login"}, 12 * HOUR_US)
    watch = Watch(devices)
    watch.feed(event("home", 0))
    notices = watch.feed(*(event(f"e{i}", 200 + i / 10, device=f"new{i}") for i in range(100)))
    subject = watch.lane.subjects[ANN]
    assert len(subject.head.folds) == FOLDS_MAX
    assert watch.counts.rules["device"].crowded == 100 - FOLDS_MAX
    assert len(set(ids(notices))) == 100
    assert len(watch.lane.blob(ANN)) < 128 * 1024


def test_alerts_told_under_other_rules_are_resolved_once() -> None:
    """The rule is gone; its alert is closed all the same, as it was told."""
    before = Watch(TRAVEL)
    raised = before.feed(event("home", 0), event("far", 1, place=TOKYO))
    after = Watch(EXPORT)
    after.lane.restore(ANN, before.lane.blob(ANN))
    notices = after.feed(event("x", 300, "export")) + after.advance(400) + after.advance(9000)
    assert changes(notices) == [("resolved", "travel", 1)]
    assert bytes(notices[0].alert) == bytes(raised[-1].alert)


def test_an_open_fold_keeps_the_version_of_the_rule_that_opened_it() -> None:
    """The rule changes while its alert is open: later findings fold in, and the alert says which rule raised it."""
    before = Watch(TRAVEL)
    before.feed(event("home", 0), event("far", 1, place=TOKYO))
    after = Watch(dataclasses.replace(TRAVEL, version="2"))
    after.lane.restore(ANN, before.lane.blob(ANN))
    notices = after.feed(event("again", 2, place=TOKYO))
    assert changes(notices) == [("updated", "travel", 2)]
    assert json.loads(bytes(notices[0].alert))["rule"]["version"] == "1"


def test_the_watermark_frees_subjects_whose_state_has_expired() -> None:
    """Memory follows who is active, not who was ever seen."""
    watch = Watch(TRAVEL, IDLE)
    for i in range(50):
        watch.feed(event(f"e{i}", i, user=f"u{i}"), event(f"o{i}", i + 0.1, "logout", user=f"u{i}"))
    watch.advance(100)
    assert len(watch.lane.subjects) == 50
    watch.advance(100 + 31 * 24 * 60)
    assert watch.lane.subjects == {}


def test_of_two_blobs_the_newer_one_is_known() -> None:
    """Each write is newer than the one before, and says which input it holds."""
    watch = Watch(TRAVEL)
    watch.feed(event("a", 0))
    first = read_blob(watch.lane.blob(ANN), "ann")
    second = read_blob(watch.lane.blob(ANN), "ann")
    watch.feed(event("b", 1))
    third = read_blob(watch.lane.blob(ANN), "ann")
    pairs = [(blob.offset, blob.writes) for blob in (first, second, third)]
    assert pairs == sorted(pairs)
    assert len(set(pairs)) == 3


def standing(engine: DisorderEngine, *arriving) -> set[str]:
    """Whom alerts are about when these events have arrived and the input has ended."""
    alerts: dict[str, str] = {}
    for notice in [*engine.feed(arriving, 1), *engine.finish(99)]:
        alert = json.loads(bytes(notice.alert))
        alerts[alert["id"]] = "" if notice.change == "withdrawn" else alert["user"]
    return set(alerts.values()) - {""}


def test_a_kill_that_comes_before_its_login_is_its_users_all_the_same() -> None:
    """It names only a session; when the late login says whose that is, the idle alert is taken back."""
    kill = event("kill", 1, "logout", user="")
    for story in ([event("in", 0), kill], [kill, event("in", 0)]):
        engine = DisorderEngine(rules(IDLE), Locator(), BOUNDS)
        assert standing(engine, *story, event("on", 60, session="s2", user="bob")) == set()
        assert engine.counts.unresolved_sessions == 0


def test_a_session_that_changed_hands_is_whose_it_was_at_the_time() -> None:
    """The kill is dated before bob took over: it ends ann's session, whenever it comes."""
    story = [event("in", 0), event("kill", 1, "logout", user=""), event("bob", 2, user="bob")]
    want = {"bob"}
    for arriving in (story, [story[0], story[2], story[1]], story[::-1]):
        engine = DisorderEngine(rules(IDLE), Locator(), BOUNDS)
        assert standing(engine, *arriving, event("end", 60, "activity", session="s9", user="eve")) == want


def test_a_session_of_nobody_is_counted_once_nothing_can_change_it() -> None:
    """What waits for the bound in vain is counted."""
    engine = DisorderEngine(rules(IDLE), Locator(), BOUNDS)
    engine.feed([event("kill", 1, "logout", user="", session="stray"), event("on", 2)], 1)
    assert engine.counts.unresolved_sessions == 0
    engine.finish(9)
    assert engine.counts.unresolved_sessions == 1
