"""What is told of an alert: found by its id, its numbers in words, its timeline, what spoke for the person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.events import PlacedEvent
from models.instants import to_us
from sessionwatch.errors import InputError, UsageError
from sessionwatch.story.alert_reading import find_alert, read_alerts
from sessionwatch.story.baseline import baseline
from sessionwatch.story.circumstances import set_aside, verdict_words
from sessionwatch.story.measures import measures
from sessionwatch.story.reasons import reason_words
from sessionwatch.story.timeline import AFTER_MAX, BEFORE_MAX, BETWEEN_MAX, timeline
from tests.unit.story.alerts import alert

AT = datetime(2026, 3, 31, 7, 1, tzinfo=UTC)


def event(minutes: float, **said: Any) -> PlacedEvent:
    """An event so many minutes after the alert's."""
    at_us = to_us(AT + timedelta(minutes=minutes))
    return PlacedEvent(at_us, 0, 4, said.pop("id", f"x{minutes}"), "login", user="ann", **said)


def test_lines_that_are_no_alerts_are_passed_over_and_told(tmp_path: Path) -> None:
    """One bad line hides no alert; which line it is, and why, is said."""
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(alert().to_json() + b"\n\nnot json\n" + alert(id="c" * 32).to_json() + b'\n{"id": "d"}\n')
    read = read_alerts(path)
    assert [one.id for one in read.alerts] == ["b138aeb7f409076f5256d905d6e34f38", "c" * 32]
    assert [number for number, _ in read.broken] == [3, 5]
    assert "line 3" in read.remarks[0]
    assert "and 1 more" in read.remarks[0]


@pytest.mark.parametrize(("text", "said"), [("not json\n", ":1: "), ('{"id": 1}\n', ":1: ")])
def test_a_file_without_any_alert_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Somebody has named the wrong file, and is told so with the place."""
    path = tmp_path / "alerts.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_alerts(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_alerts(tmp_path / "none.jsonl")


def test_an_alert_is_found_by_the_beginning_of_its_id() -> None:
    """As much of it as is unique; else it is said what there is."""
    alerts = [alert(), alert(id="b1" + "0" * 30)]
    assert find_alert(alerts, "B138") is alerts[0]
    for begin, said in (("b1", "2 alerts have ids that begin"), ("ff", "no alert has an id"), ("", "no alert")):
        with pytest.raises(UsageError, match=said):
            find_alert(alerts, begin)


def test_numbers_stand_beside_the_limits_that_they_broke() -> None:
    """With units, those with a limit first; an own habit is called one."""
    told = measures({"window_seconds": 3600, "objects": 1800.0, "objects_max": 1000, "habit_objects_max": 250.0})
    assert [(one.name, one.value, one.limit, one.over) for one in told] == [
        ("objects moved", "1,800", "1,000", True),
        ("objects moved", "1,800", "usual for this person, at most 250", True),
        ("within", "1 hour", "", None),
    ]


def test_numbers_of_a_detector_that_nobody_knows_are_told_too() -> None:
    """A plugin's evidence has names of its own."""
    told = measures({"weekday": "Saturday", "weekend_days_before": 0, "hops": 4, "hops_max": 3, "count_min": 2})
    assert [(one.name, one.value, one.limit) for one in told] == [
        ("hops", "4", "3"),
        ("weekday", "Saturday", ""),
        ("weekend days before", "0", ""),
        ("count min", "2", ""),
    ]


def test_steps_are_a_row_each() -> None:
    """What happened one after the other reads so, and what was counted stands beside how often it had to happen."""
    steps = [{"step": "failures", "count": 5, "first_at": "2026-03-02T09:00:00Z"}, {"step": "a success", "count": 1}]
    told = measures({"steps": steps, "times": 4, "counted": 5, "last_seen": "2026-03-02T09:00:00Z"})
    assert [(one.name, one.value, one.limit) for one in told] == [
        ("counted", "5", "4"),
        ("failures", "count 5, first at 2026-03-02 09:00:00 UTC", ""),
        ("a success", "count 1", ""),
        ("last seen", "2026-03-02 09:00:00 UTC", ""),
    ]


def test_a_limit_for_each_measure() -> None:
    """Where several measures have limits, each is told beside its own."""
    told = measures({"devices": 4, "networks": 2, "at_least": {"devices": 3, "networks": 3}})
    assert [(one.name, one.limit, one.over) for one in told] == [("devices", "3", True), ("networks", "3", False)]


def test_the_timeline_marks_what_the_alert_rests_on() -> None:
    """Some from before and after, all between; the number of those left out is said."""
    before = [event(-n) for n in range(BEFORE_MAX + 5, 0, -1)]
    after = [event(n) for n in range(1, AFTER_MAX + 5)]
    told = timeline(alert(), [*before, event(0, id="e1"), *after])
    assert [one.rests for one in told] == [False] * BEFORE_MAX + [True] + [False] * AFTER_MAX
    assert told[0].skipped == 5


def test_the_timeline_of_a_long_burst_is_bounded_and_keeps_what_the_alert_rests_on() -> None:
    """The first and the last, the alert's own wherever they are."""
    events = [{"id": f"x{n}.0", "at": AT + timedelta(minutes=n)} for n in (0, 100, 199)]
    told = timeline(alert(events=events, last_at=AT + timedelta(minutes=199)), [event(float(n)) for n in range(200)])
    assert len(told) == BETWEEN_MAX + 1
    assert [one.id for one in told if one.rests] == ["x0.0", "x100.0", "x199.0"]
    assert sum(one.skipped for one in told) == 200 - BETWEEN_MAX


def test_an_event_that_the_logs_lack_is_told_from_the_alert() -> None:
    """Half of the logs is better than none."""
    assert [(one.id, one.ip) for one in timeline(alert(), [])] == [("e1", "192.0.2.1")]


def test_the_baseline_is_what_was_before_and_did_not_fail() -> None:
    """Anybody can fail under any name; and what comes after the alert was not usual before."""
    seen = [event(-1441, device="d1"), event(-1, device="d1"), event(-2, device="thief", outcome="failure")]
    told = baseline(alert(), [*seen, event(5, device="d2")])
    (devices,) = [usual for usual in told.usual if usual.sort == "devices"]
    assert [(one.value, one.events, one.days) for one in devices.values] == [("d1", 2, 2)]
    assert (told.events, told.days, told.hours, told.weekdays) == (2, 2, "07-08", "Mon, Tue")
    assert baseline(alert(), []).since is None


def test_what_was_set_aside_is_said_with_its_effect() -> None:
    """In words, with one end's network as such; what made it graver stands there too."""
    ends = {"origin": {"network_class": "vpn"}, "destination": {"network_class": ""}}
    told = set_aside(alert(evidence={**ends, "set_aside": ["vpn_network: lower", "other: x"], "raised": ["same_asn"]}))
    assert told == [
        "a VPN at one end: one step less severe",
        "other: x",
        "same network operator at both ends: one step more severe",
    ]


def test_every_reason_of_the_page_has_words() -> None:
    """What docs/reasons.md explains is said in the report too, and not as a bare name; patterns have words by rule."""
    page = (Path(__file__).parents[3] / "docs" / "reasons.md").read_text()
    rows = page.split("## Not evaluable", 1)[1].split("##", 1)[0]
    reasons = {
        word for line in rows.splitlines() if line.startswith("| `") for word in line.split("|")[1].split("`")[1::2]
    }
    reasons = {reason for reason in reasons if reason.islower()}
    assert {"no_user", "private_address", "anycast"} <= reasons
    assert [r for r in sorted(reasons) if "_" in r and reason_words(r) == r.replace("_", " ")] == []


@pytest.mark.parametrize(
    ("unfamiliar", "said"),
    [
        ((("place",), ()), "Only s0 has anything unfamiliar"),
        (((), ()), "no session has"),
        ((("place",), ("device",)), "2 sessions have"),
        ((("place",),), ""),
    ],
)
def test_candidates_are_weighed_without_guessing(unfamiliar: tuple[tuple[str, ...], ...], said: str) -> None:
    """One of two alone unfamiliar is the likely wrong one; anything else is undecided, and one alone no choice."""
    many = [
        {"session": f"s{n}", "first_event": "e", "at": AT, "unfamiliar": strange}
        for n, strange in enumerate(unfamiliar)
    ]
    assert said in verdict_words(alert(candidates=many))
    assert bool(verdict_words(alert(candidates=many))) == bool(said)
