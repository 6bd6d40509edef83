"""What a change of one parameter would have done, found by the engine that raises the alerts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from geo.locator import Locator
from models.alerts import Alert
from models.events import SessionEvent
from models.instants import instant
from models.places import Place
from sessionwatch.errors import UsageError
from sessionwatch.ruleset.changes import read_setting, with_settings
from sessionwatch.ruleset.compiled import Ruleset
from sessionwatch.ruleset.loaded import LoadedRule
from sessionwatch.ruleset.loading import bundled_rules, load_rules, load_ruleset, ruleset_of
from sessionwatch.story.comparison import compared, compared_by_rule, judged_side_by_side
from sessionwatch.story.parameters import parameters
from sessionwatch.story.silencing import Silencing, counted, silencing
from sessionwatch.story.subject_events import subject_events
from tests.unit.story.alerts import alert

MILAN = Place(latitude=45.4642, longitude=9.19, radius_km=20, country="IT", city="Milan")
ROME = Place(latitude=41.9028, longitude=12.4964, radius_km=20, country="IT", city="Rome")


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    """Three rules of the pack."""
    names = ("impossible_travel", "brute_force", "brute_force_many_countries")
    return load_ruleset([bundled_rules() / f"{name}.yaml" for name in names])


def event(number: int, minutes: float, kind: str = "login", user: str = "ann", **said: Any) -> SessionEvent:
    """An event of `user`, so many minutes after noon."""
    at = instant(1_774_958_400_000_000) + timedelta(minutes=minutes)
    return SessionEvent(id=f"e{number:03d}", at=at, kind=kind, user=user, ip=f"192.0.2.{number % 250}", **said)


def judged(ruleset: Ruleset, events: list[SessionEvent]) -> list[Alert]:
    """The alerts of the events."""
    (alerts,) = judged_side_by_side(events, [ruleset], Locator())
    return alerts


def nearest(ruleset: Ruleset, events: list[SessionEvent]) -> dict[str, str]:
    """The changes that silence the only alert of `events`, by parameter."""
    (raised,) = judged(ruleset, events)
    seen = subject_events(events, raised, Locator())
    found = silencing(ruleset, raised, seen.read, Locator())
    assert found.reproduced
    return {change.parameter: change.new for change in found.changes}


def test_a_count_is_silenced_by_one_more(ruleset: Ruleset) -> None:
    """25 failures, 20 of them allowed: 26 would not have fired; and a window of 23 minutes holds 19 of one a minute."""
    failures = [event(n, n / 3, "login_failed", outcome="failure") for n in range(25)]
    found = nearest(ruleset, failures)
    assert found["at_least"] == "26"
    assert found["window"] == "6m20s"


def test_a_parameter_is_looked_for_up_to_the_bound_that_the_others_leave_it(ruleset: Ruleset) -> None:
    """Different values are counted up to 2000 only; beyond, the rule would be refused."""
    places = [Place(country=country) for country in ("FR", "DE", "ES", "IT")]
    failures = [event(n, n / 6, "login_failed", outcome="failure", place=place) for n, place in enumerate(places)]
    assert nearest(ruleset, failures)["at_least"] == "5"


def test_a_speed_is_silenced_by_the_speed_that_it_took(ruleset: Ruleset) -> None:
    """Milan to Rome, 437 km at least, in 20 minutes is 1311 km/h: rounded up, never to a value that still fires."""
    travel = [event(0, 0, place=MILAN, outcome="success"), event(1, 20, place=ROME, outcome="success")]
    found = nearest(ruleset, travel)
    assert 1311 < float(found["speed_max_kmh"]) <= 1320
    assert 436 < float(found["distance_min_km"]) <= 438
    (raised,) = judged(ruleset, travel)
    for name, value in found.items():
        changed = with_settings(ruleset, [read_setting(f"impossible_travel.{name}={value}")])
        assert judged(changed, travel) == [], name
    evidence = raised.evidence
    assert evidence["speed_kmh"] == pytest.approx(1311, abs=2)


def one_of_each_detector() -> list[LoadedRule]:
    """The pack's first rule with each detector, of those that are on."""
    by_detector: dict[str, LoadedRule] = {}
    for rule in load_rules([bundled_rules()]):
        if rule.written.mode != "off":
            by_detector.setdefault(rule.written.detector, rule)
    return list(by_detector.values())


@pytest.mark.parametrize("rule", one_of_each_detector(), ids=lambda rule: rule.written.detector)
def test_an_alert_of_any_detector_is_judged_again(rule: LoadedRule) -> None:
    """What a rule's own test expects is raised by its subject's events alone, and a change that is told silences it."""
    test = next(one for one in rule.tests if one.alerts and len(one.alerts) == 1)
    events = sorted(test.events, key=lambda one: one.at)
    (raised,) = judged(ruleset_of([rule]), events)
    found = silencing(ruleset_of([rule]), raised, subject_events(events, raised, Locator()).read, Locator())
    assert found.reproduced
    for change in found.changes:
        changed = with_settings(ruleset_of([rule]), [read_setting(change.setting)])
        assert compared([raised], judged(changed, events)).lost == (raised,), change.setting


def test_what_a_change_costs_elsewhere_is_counted(ruleset: Ruleset) -> None:
    """Somebody else's alert that would be lost with it is part of the answer."""
    ann = [event(n, n / 60, "login_failed", outcome="failure") for n in range(25)]
    bob = [event(100 + n, n / 60, "login_failed", user="bob", outcome="failure") for n in range(22)]
    everything = sorted([*ann, *bob], key=lambda one: one.at)
    raised = next(one for one in judged(ruleset, everything) if one.user == "ann")
    found = silencing(ruleset, raised, ann, Locator())
    told = counted(found, ruleset, raised, everything, Locator())
    (change,) = [change for change in told.changes if change.parameter == "at_least"]
    assert (change.alerts_before, change.alerts_after, change.lost, change.gained) == (2, 0, 2, 0)
    assert change.setting == "brute_force.at_least=26"


def test_logs_that_do_not_raise_the_alert_are_told(ruleset: Ruleset) -> None:
    """Nothing is said about parameters where the alert is not reproduced, or the rule is not there."""
    failures = [event(n, n / 60, "login_failed", outcome="failure") for n in range(25)]
    (raised,) = judged(ruleset, failures)
    assert not silencing(ruleset, raised, failures[:5], Locator()).reproduced
    other = load_ruleset([bundled_rules() / "mass_export.yaml"])
    told = silencing(other, raised, failures, Locator())
    assert told == Silencing(reproduced=False, remark="these rules have no brute_force; name its file with --rules")


def test_events_of_the_subject_are_its_own_and_those_of_its_sessions(ruleset: Ruleset) -> None:
    """A kill that names only the session belongs; the same session in another tenant, or taken over, does not."""
    failures = [event(n, n / 60, "login_failed", outcome="failure") for n in range(25)]
    (raised,) = judged(ruleset, failures)
    mixed = [
        event(30, 1, session="s1"),
        event(31, 2, "revoked", user="", session="s1"),
        event(32, 3, "revoked", user="", session="s2"),
        event(33, 4, session="s1", user="bob"),
        event(34, 5, "revoked", user="", session="s1"),
    ]
    assert [one.id for one in subject_events(mixed, raised, Locator()).read] == ["e030", "e031"]


@pytest.mark.parametrize(
    ("by", "value", "expected"),
    [
        ("session", "s1", ["e001", "e002"]),
        ("device", "d1", ["e001"]),
        ("ip", "192.0.2.2", ["e002"]),
        ("tenant", "t", ["e001", "e002", "e003"]),
    ],
)
def test_events_of_subjects_that_are_no_person(by: str, value: str, expected: list[str]) -> None:
    """Whatever the rule judges by; another tenant's events are another subject's, however they are named."""
    events = [
        event(1, 1, tenant="t", session="s1", device="d1"),
        event(2, 2, tenant="t", session="s1", user="bob"),
        event(3, 3, tenant="t", session="s2", device="d2"),
        event(4, 4, tenant="other", session="s1", device="d1"),
    ]
    told = subject_events(events, alert(subject={"by": by, "value": value}), Locator())
    assert [one.id for one in told.read] == [one.id for one in told.placed] == expected


def test_events_of_an_account_are_those_of_its_user_and_those_that_change_it() -> None:
    """What its user does to others is another account's; what names only a session is its owner's."""
    events = [
        event(1, 1, tenant="t", session="s1"),
        event(2, 2, "credential_change", tenant="t", session="r1", user="root", target="Ann"),
        event(3, 3, "credential_change", tenant="t", session="s1", target="bob"),
        event(4, 4, "revoked", tenant="t", session="s1", user=""),
        event(5, 5, "policy_change", tenant="t", session="r1", user="root", target="ann"),
        event(6, 6, "credential_change", tenant="other", user="root", target="ann"),
    ]
    told = subject_events(events, alert(subject={"by": "account", "value": "ann"}), Locator())
    assert [one.id for one in told.read] == ["e001", "e002", "e004"]


def test_copies_are_told_once_and_judged_as_they_came() -> None:
    """The fuller one is told; the engine gets both, and finds out itself."""
    copies = [event(1, 1, tenant="t"), event(1, 1, tenant="t", device="d1")]
    told = subject_events(copies, alert(subject={"by": "user", "value": "ann"}), Locator())
    assert (len(told.read), [one.device for one in told.placed]) == (2, ["d1"])


def test_an_alert_that_moves_is_kept(ruleset: Ruleset) -> None:
    """At 21 instead of 20 the alert begins an event later and has another id: nothing is lost or gained."""
    failures = [event(n, n / 60, "login_failed", outcome="failure") for n in range(25)]
    changed = with_settings(ruleset, [read_setting("brute_force.at_least=21")])
    before, after = judged_side_by_side(failures, [ruleset, changed], Locator())
    assert before[0].id != after[0].id
    assert before[0].rule.version != after[0].rule.version
    assert (compared(before, after).lost, compared(before, after).gained, compared(before, after).kept) == ((), (), 1)
    assert compared_by_rule(before, after).rules == ()


def test_a_lower_limit_gains(ruleset: Ruleset) -> None:
    """And says whose alert it is."""
    failures = [event(n, n / 60, "login_failed", outcome="failure") for n in range(10)]
    changed = with_settings(ruleset, [read_setting("brute_force.at_least=5")])
    before, after = judged_side_by_side(failures, [ruleset, changed], Locator())
    (rule,) = compared_by_rule(before, after).rules
    assert (rule.rule, rule.before, rule.after, rule.lost, rule.gained) == ("brute_force", 0, 1, (), (after[0].id,))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("brute_force", "is no setting"),
        ("brute_force.at_least", "is no setting"),
        ("brute_force.=3", "is no setting"),
        ("brute_farce.at_least=3", "did you mean brute_force"),
        ("brute_force.at_leest=3", "did you mean at_least"),
        ("brute_force.at_least=0", "greater than or equal to 1"),
        ("brute_force.window=soon", "write a span of time"),
        ("brute_force.window.x=3", "only a parameter that is a mapping"),
    ],
)
def test_a_wrong_setting_is_told(ruleset: Ruleset, text: str, said: str) -> None:
    """In one line, with what to write."""
    with pytest.raises(UsageError, match=said):
        with_settings(ruleset, [read_setting(text)])


def test_every_number_of_the_pack_has_bounds() -> None:
    """A number or span without bounds could not be searched; those of mappings that bound their keys are found too."""
    rules = load_ruleset([bundled_rules()]).rules
    found = {(rule.id, *parameter.path) for rule in rules for parameter in parameters(rule.detector.params)}
    assert ("concurrent_sessions", "at_least", "devices") in found
    assert ("mass_export", "habit_factor") in found
    for rule in rules:
        for name in type(rule.detector.params).model_fields:
            value = getattr(rule.detector.params, name)
            if isinstance(value, int | float | timedelta) and not isinstance(value, bool):
                assert (rule.id, name) in found
