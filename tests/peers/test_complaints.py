"""What users of other systems complain of most, by its rank, held against our own rules and detectors.

D1 to D20 stand in `test_defects`. Of the fifteen complaints those stand here that concern detection and that no defect
covers already; the others are about state, deliveries and tools.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from detectors.concurrent_sessions import ConcurrentParams, ConcurrentSessions
from detectors.device_change import DeviceChange
from detectors.device_params import DeviceParams
from detectors.impossible_travel import ImpossibleTravel, TravelParams
from detectors.sequence import Sequence, SequenceParams
from detectors.threshold import Threshold, ThresholdParams
from geo.locator import Locator
from models.conditions import Condition
from models.events import SessionEvent
from models.instants import DAY_US, HOUR_US
from models.places import Place
from sessionwatch.engine.in_order import Engine
from sessionwatch.ruleset.compiled import Ruleset
from sessionwatch.ruleset.loading import bundled_rules, load_ruleset
from streams.accounting import Accounting
from streams.canonical import Canonical
from tests.peers.test_defects import ends, sign_in, travel
from tests.property.sketch_rules import rule
from tests.unit.engine.story import MILAN, NEW_YORK, TOKYO, alerts_of, event, rules, told


@pytest.fixture(scope="module")
def pack() -> Ruleset:
    """The bundled rules."""
    return load_ruleset((bundled_rules(),))


def by_rule(alerts: list[dict[str, Any]]) -> set[str]:
    """The rules that spoke."""
    return {alert["rule"]["id"] for alert in alerts}


def guess(n: int, **fields: Any) -> SessionEvent:
    """A wrong password, one each six seconds."""
    return event(f"f{n}", n / 10, "login_failed", **{"session": "", "outcome": "failure", **fields})


@pytest.mark.parametrize("kind", ["refresh", "activity"])
def test_c02_what_runs_in_the_background_is_no_journey(pack: Ruleset, kind: str) -> None:
    """Elastic: tokens renewed by a server in another country make most of the noise of impossible travel."""
    story = [
        sign_in("home", 0, MILAN),
        event("server", 20, kind, place=NEW_YORK, ip="198.51.100.9", session="s-home", interactive=False),
        sign_in("on", 40, MILAN, ip="203.0.113.9"),
    ]
    assert not by_rule(told(story, pack)) & {"impossible_travel", "geo_velocity", "new_country"}


def test_c04_an_address_whose_place_moved_in_the_database_is_no_journey() -> None:
    """Panther: the map was updated between two sign-ins from one address, and the person travelled."""
    story = [sign_in("a", 0, MILAN, ip="198.51.100.1"), sign_in("b", 20, NEW_YORK, ip="198.51.100.1")]
    assert told(story, rules(travel())) == []


def test_c05_a_burst_is_one_alert() -> None:
    """Nextcloud, CrowdSec: a flood of alerts of one cause, until the tool is switched off."""
    burst = rule(
        "guessing", Threshold(ThresholdParams(at_least=10, window=timedelta(minutes=10))), {"login_failed"}, DAY_US
    )
    (alert,) = told([guess(n) for n in range(500)], rules(burst))
    assert alert["count"] == 491


def test_c06_a_sign_in_that_failed_is_nobodys_journey(pack: Ruleset) -> None:
    """Elastic: without a look at the outcome, a stranger's failed guess from abroad makes the owner a traveller."""
    story = [sign_in("home", 0, MILAN), guess(1, place=TOKYO, ip="198.51.100.7"), sign_in("on", 20, MILAN)]
    assert not by_rule(told(story, pack)) & {"impossible_travel", "geo_velocity", "new_country"}


def test_c07_privacy_addresses_are_one_network() -> None:
    """Nextcloud: IPv6 privacy extensions change the address by the hour, and every hour is a new network."""
    hijack = rule("hijack", DeviceChange(DeviceParams(needs="network")), {"login", "activity"}, HOUR_US)
    roaming = [event(f"e{n}", n, "activity", ip=f"2001:db8:1:1:{n:x}::{n:x}") for n in range(1, 9)]
    assert told(roaming, rules(hijack)) == []
    elsewhere = event("x", 20, "activity", ip="2001:db8:2:1::1")
    assert len(told([*roaming, elsewhere], rules(hijack))) == 1


def test_c10_an_alert_shows_both_ends_and_its_numbers() -> None:
    """FusionAuth: the mail says impossible travel, and neither from where, nor how far, nor on what machine."""
    (alert,) = told([sign_in("a", 0, MILAN), sign_in("b", 20, TOKYO)], rules(travel()))
    evidence = alert["evidence"]
    assert ends(alert) == ("a", "b")
    assert {evidence["origin"]["radius_km"], evidence["destination"]["radius_km"]} == {20.0}
    assert evidence["km"] > evidence["minimum_km"] > 9000 > evidence["distance_min_km"]
    assert evidence["speed_kmh"] > evidence["speed_max_kmh"]
    assert {one["device"] for one in alert["events"]} == {"d-a", "d-b"}


@pytest.mark.parametrize("order", [("sky", "ground"), ("ground", "sky")])
def test_c11_an_aircraft_is_no_place(order: tuple[str, str]) -> None:
    """Panther: in-flight networks come down on another continent; only one direction was exempt."""
    sky = Place(latitude=39.0, longitude=-77.5, radius_km=50.0, country="US", network_class="satellite", source="log")
    where = {"sky": sky, "ground": MILAN}
    story = [sign_in(name, 20 * n, where[name]) for n, name in enumerate(order)]
    assert told(story, rules(travel())) == []


def test_c12_a_placeholder_is_no_person() -> None:
    """Elastic: everybody whose name the source does not know is one user, and that user travels all day."""
    canonical = Canonical("clinic", {}, Accounting())
    story = [
        sign_in(f"e{n}", n * 20, (MILAN, TOKYO)[n % 2], user=user)
        for n, user in enumerate(("Not Available", "unknown", "N/A", "-"))
    ]
    for one in story:
        canonical.make(one, "okta")
    engine = Engine(rules(travel()), Locator())
    assert alerts_of(engine, story) == []
    assert engine.counts.rules["travel"].not_evaluable == {"no_user": 4}


def test_c15_a_shared_workstation_is_not_its_users(pack: Ruleset) -> None:
    """Elastic: kiosks and meeting rooms are the noisiest; here a ward's machine has ten people before noon."""
    house = Place(country="IT", network_class="corporate", source="log")
    story = [
        sign_in(f"{day}-{n}", day * 1440 + n * 5, house, user=f"n{n}", ip="192.0.2.9", device=f"ward-{(n + day) % 4}")
        for day in range(20)
        for n in range(10)
    ]
    assert told(story, pack) == []


def test_c15_one_device_holds_one_person_not_many_sessions() -> None:
    """The same for sessions at once: several people's sessions live on one machine and are nobody's second pair."""
    many = rule("at_once", ConcurrentSessions(ConcurrentParams()), {"login", "activity"}, HOUR_US)
    story = [event(f"l{n}", n, user=f"n{n}", session=f"s{n}", device="ward-1", ip="192.0.2.9") for n in range(8)]
    assert told(story, rules(many)) == []


def of_kind(kind: str) -> Condition:
    """Events of one kind."""
    return Condition({"kind": kind}, lambda one: one.kind == kind)


def test_a_deed_under_two_names_is_seen() -> None:
    """Panther's rules on privileges look at who gave them; what the account then does is another log line's matter."""
    given = Sequence(SequenceParams(first=of_kind("privilege_change"), then=of_kind("export"), differs=("user",)))
    story = [
        event("grant", 0, "privilege_change", user="root", target="Ann", session="r1"),
        event("export", 20, "export", count=500),
    ]
    kinds = {"privilege_change", "export"}
    assert told(story, rules(rule("by_user", given, kinds, HOUR_US))) == []
    assert len(told(story, rules(rule("by_account", given, kinds, HOUR_US, by="account")))) == 1


def test_travel_is_judged_once_and_by_its_own_speed() -> None:
    """A control for the tests above that expect silence: what they leave out is what keeps the rule quiet."""
    assert len(told([sign_in("a", 0, MILAN), sign_in("b", 20, NEW_YORK)], rules(travel()))) == 1
    assert isinstance(travel().detector, ImpossibleTravel)
    assert TravelParams().speed_max_kmh == 900
