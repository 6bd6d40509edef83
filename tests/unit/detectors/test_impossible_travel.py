"""Impossible travel: what is too far for the time, what takes the edge off, and whose session it names."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.impossible_travel import FIXES_MAX, ImpossibleTravel, TravelParams
from detectors.worlds import CITIES, an_event, feed
from models.events import PlacedEvent
from models.findings import Finding, NearMiss, NotEvaluable, Verdict
from models.instants import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from models.places import Place

MILAN = {"city": "Milan", "ip": "192.0.2.1", "session": "s-milan", "device": "laptop"}
TOKYO = {"city": "Tokyo", "ip": "198.51.100.7", "session": "s-tokyo", "device": "other"}


def detector(*, near_misses: bool = False, **params: Any) -> ImpossibleTravel:
    """The detector with `params`."""
    return ImpossibleTravel(TravelParams(**params), near_misses=near_misses)


def login(at_us: int, **fields: Any) -> PlacedEvent:
    """A sign-in of Ann."""
    return an_event("login", at_us, user="ann", **fields)


def last(events: list[PlacedEvent], **params: Any) -> Verdict:
    """What it says of the last of `events`."""
    return feed(detector(**params), events)[-1]


def days_in_milan(count: int = 5) -> list[PlacedEvent]:
    """Mornings of an honest user, a session a day."""
    return [login(day * DAY_US + 8 * HOUR_US, **{**MILAN, "session": f"s{day}"}) for day in range(count)]


def test_finds_milan_then_tokyo_in_half_an_hour() -> None:
    """The plain case, with every number that explains it."""
    found = last([login(0, **MILAN), login(30 * MINUTE_US, **TOKYO)])
    assert isinstance(found, Finding)
    told = msgspec.to_builtins(found.evidence)
    assert told["origin"]["place"] == "Milan, IT"
    assert told["destination"]["place"] == "Tokyo, JP"
    assert (told["km"], told["minimum_km"], told["hours"]) == (9715.1, 9675.1, 0.5)
    assert (told["speed_kmh"], told["speed_max_kmh"], told["distance_min_km"]) == (19350.2, 900.0, 300.0)
    assert (told["origin"]["radius_km"], told["destination"]["network"]) == (20.0, "198.51.100.7")
    assert found.events[0].session == "s-milan"
    assert found.strength == pytest.approx(9675.1 / 450, rel=1e-4)


@pytest.mark.parametrize("gap_us", [0, 1, SECOND_US, 59 * SECOND_US, 3 * HOUR_US])
def test_no_gap_in_time_is_too_small_to_judge(gap_us: int) -> None:
    """Two sign-ins in one instant far apart fire like those three hours apart: time is never divided by."""
    found = last([login(0, **MILAN), login(gap_us, **TOKYO)])
    assert isinstance(found, Finding)
    speed = msgspec.to_builtins(found.evidence)["speed_kmh"]
    assert (speed is None) == (gap_us < SECOND_US)


def test_a_flight_is_no_finding() -> None:
    """Tokyo half a day after Milan is a flight."""
    assert last([login(0, **MILAN), login(13 * HOUR_US, **TOKYO)]) is None


def test_the_limit_is_the_speed_after_both_radii() -> None:
    """1,119 km in 73 minutes is 913 km/h, but 832 less two radii of 50 km: quiet at 900, found at 805."""
    start = Place(latitude=0.0, longitude=0.0, radius_km=50)
    end = Place(latitude=0.0, longitude=1110.0 / 111.19492664, radius_km=50)
    pair = [login(0, place=start, ip="192.0.2.1"), login(73 * MINUTE_US, place=end, ip="192.0.2.2")]
    assert last(pair) is None
    assert isinstance(last(pair, speed_max_kmh=805), Finding)
    miss = feed(detector(near_misses=True), pair)[-1]
    assert isinstance(miss, NearMiss)
    assert 0.9 < miss.strength < 1


def test_the_neighbour_town_is_quiet() -> None:
    """Milan and Monza in one minute: less than the least distance judged."""
    assert last([login(0, **MILAN), login(MINUTE_US, **{**TOKYO, "city": "Monza"})]) is None


def test_zero_zero_is_a_place() -> None:
    """A coordinate of 0 is judged like any other."""
    assert isinstance(last([login(0, **{**MILAN, "city": "Null Island"}), login(MINUTE_US, **TOKYO)]), Finding)


def test_the_date_line_is_no_ocean() -> None:
    """Two places on either side of the date line are near."""
    west = Place(latitude=-18.0, longitude=179.9, radius_km=10)
    east = Place(latitude=-18.0, longitude=-179.9, radius_km=10)
    assert last([login(0, place=west, ip="192.0.2.1"), login(60, place=east, ip="192.0.2.2")]) is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "no_address"),
        ({"ip": "192.0.2.9"}, "no_place"),
        ({"ip": "10.0.0.1", "place": Place(network_class="private")}, "private_address"),
        ({"ip": "192.0.2.9", "place": Place(latitude=1.0, longitude=1.0, network_class="anycast")}, "anycast"),
        ({"ip": "192.0.2.9", "place": Place(country="IT")}, "no_place"),
        ({"ip": "192.0.2.9", "place": Place(latitude=1.0, longitude=1.0, radius_km=1600)}, "radius_too_wide"),
        ({"ip": "192.0.2.9", "place": Place(latitude=1.0, longitude=1.0, network_class="relay")}, "relay_network"),
    ],
)
def test_weak_evidence_is_not_evaluable_and_no_anchor(fields: dict[str, Any], reason: str) -> None:
    """No place, private, anycast, too wide, a relay: counted by reason, and nobody is measured from it."""
    verdicts = feed(detector(), [login(0, **fields), login(MINUTE_US, **TOKYO)])
    assert verdicts == [NotEvaluable(reason), None]


def test_failed_sign_ins_are_no_journeys_unless_asked() -> None:
    """Anybody can fail under any name from anywhere; whether that counts is a parameter."""
    events = [an_event("login_failed", 0, outcome="failure", **TOKYO), login(MINUTE_US, **MILAN)]
    assert last(events) is None
    assert isinstance(last(events, failed_may_anchor=True), Finding)


def test_what_ran_without_the_person_is_no_journey() -> None:
    """Background sign-ins neither anchor nor are judged."""
    assert last([login(0, interactive=False, **TOKYO), login(MINUTE_US, **MILAN)]) is None
    assert last([login(0, **MILAN), login(MINUTE_US, interactive=False, **TOKYO)]) is None


@pytest.mark.parametrize(
    ("first", "second", "shift", "why"),
    [
        ({}, {"place": msgspec.structs.replace(CITIES["Tokyo"], asn=3269)}, -1, "same_asn: lower"),
        ({}, {"device": "laptop"}, -1, "same_device: lower"),
        ({}, {"place": msgspec.structs.replace(CITIES["Tokyo"], network_class="vpn")}, -1, "vpn_network: lower"),
        ({}, {"place": msgspec.structs.replace(CITIES["Tokyo"], network_class="mobile")}, -1, "mobile_network: lower"),
        (
            {},
            {"place": msgspec.structs.replace(CITIES["Tokyo"], network_class="hosting")},
            0,
            "hosting_network: normal",
        ),
        ({}, {"place": msgspec.structs.replace(CITIES["Tokyo"], network_class="tor")}, 1, None),
    ],
)
def test_circumstances_move_the_severity_and_are_told(
    first: dict[str, Any], second: dict[str, Any], shift: int, why: str | None
) -> None:
    """A discount lowers, tor raises, and what was set aside stands in the finding; none of them silences it."""
    tokyo = {name: value for name, value in TOKYO.items() if name != "city" or "place" not in second}
    found = last([login(0, **{**MILAN, **first}), login(MINUTE_US, **{**tokyo, **second})])
    assert isinstance(found, Finding)
    assert found.severity_shift == shift
    assert found.set_aside == ((why,) if why else ())


@pytest.mark.parametrize(
    ("one", "other"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8:0:1::5", "2001:db8:0:1:ffff::9")],
)
def test_one_address_does_not_travel(one: str, other: str) -> None:
    """The database moved under an address, or an IPv6 host changed within its /64: nobody travelled."""
    assert last([login(0, **{**MILAN, "ip": one}), login(MINUTE_US, **{**TOKYO, "ip": other})]) is None


def test_a_carriers_exit_is_not_where_the_phone_is() -> None:
    """A phone that leaves its network 480 km away, while its owner sits in Milan, is quiet by default."""
    rome = msgspec.structs.replace(CITIES["Rome"], network_class="mobile")
    assert last([login(0, **MILAN), login(MINUTE_US, place=rome, ip="198.51.100.2", session="phone")]) is None
    assert isinstance(last([login(0, **MILAN), login(MINUTE_US, **{**TOKYO, "city": "Rome"})]), Finding)


def test_between_two_familiar_ways_of_working_the_effect_is_a_parameter() -> None:
    """Two desks that the databases hold far apart, both known for days: lowered, or ignored where a rule says so."""
    rome = {"city": "Rome", "ip": "203.0.113.5", "session": "b", "device": "desk"}
    week = [e for day in range(5) for e in (login(day * DAY_US, **rome), login(day * DAY_US + 9 * HOUR_US, **MILAN))]
    again = [*week, login(6 * DAY_US, **rome), login(6 * DAY_US + MINUTE_US, **MILAN)]
    found = last(again)
    assert isinstance(found, Finding)
    assert "nothing_unfamiliar: lower" in found.set_aside
    assert last(again, nothing_unfamiliar="ignore") is None
    stranger = [*week, login(6 * DAY_US, **rome), login(6 * DAY_US + MINUTE_US, **{**MILAN, "device": "new"})]
    assert isinstance(last(stranger, nothing_unfamiliar="ignore"), Finding)


def test_a_telephone_may_come_out_anywhere_in_its_country_and_nowhere_else() -> None:
    """A carrier's exit says which country it is; an exit abroad is judged like any other, one step less severe."""
    palermo = Place(latitude=38.12, longitude=13.36, radius_km=60, country="IT", city="Palermo", network_class="mobile")
    phone = {"ip": "203.0.113.9", "session": "s-phone", "device": "phone"}
    events = [login(0, **MILAN), login(5 * MINUTE_US, **phone, place=palermo)]
    assert last(events) is None
    assert isinstance(last(events, mobile_in_country="normal"), Finding)
    abroad = msgspec.structs.replace(palermo, country="TN")
    assert isinstance(last([events[0], login(5 * MINUTE_US, **phone, place=abroad)]), Finding)


def test_a_class_may_be_judged_and_yet_be_no_anchor() -> None:
    """A VPN's exit far away is told; the honest sign-in after it is not measured from it."""
    tokyo = {**TOKYO, "place": msgspec.structs.replace(CITIES["Tokyo"], network_class="vpn")}
    events = [*days_in_milan(), login(5 * DAY_US, **MILAN), login(5 * DAY_US + MINUTE_US, **tokyo)]
    assert isinstance(last(events, network_classes={"vpn": "not_an_anchor"}), Finding)
    quiet = [login(0, **tokyo), login(MINUTE_US, **MILAN)]
    assert isinstance(last(quiet, network_classes={"vpn": "normal"}), Finding)
    assert last(quiet, network_classes={"vpn": "not_an_anchor"}) is None


def unfamiliar(found: Verdict) -> dict[str, tuple[str, ...]]:
    """What is unfamiliar about each candidate session."""
    assert isinstance(found, Finding)
    return {one.session: one.unfamiliar for one in found.candidates}


def test_honest_first_names_the_thief() -> None:
    """History knows Milan and the laptop: of the two sessions Tokyo's alone has something unfamiliar."""
    found = last([*days_in_milan(), login(5 * DAY_US, **MILAN), login(5 * DAY_US + MINUTE_US, **TOKYO)])
    assert unfamiliar(found) == {"s-milan": (), "s-tokyo": ("place", "network", "device")}


def test_thief_first_names_the_thief_all_the_same() -> None:
    """The honest user's sign-in is the one that fires; the thief's session is the one that is named."""
    thief = login(5 * DAY_US, **TOKYO)
    again = login(5 * DAY_US + 20 * MINUTE_US, **{**TOKYO, "session": "s-tokyo-2"})
    found = last([*days_in_milan(), thief, login(5 * DAY_US + 30 * MINUTE_US, **MILAN)])
    assert unfamiliar(found) == {"s-tokyo": ("place", "network", "device"), "s-milan": ()}
    found = last([*days_in_milan(), thief, again, login(5 * DAY_US + 30 * MINUTE_US, **MILAN)])
    assert unfamiliar(found) == {"s-tokyo-2": ("place", "network", "device"), "s-milan": ()}


def test_without_history_nobody_is_singled_out() -> None:
    """On a first day either may be the thief: both are listed, nothing is held against one alone."""
    for pair in ([login(0, **MILAN), login(60, **TOKYO)], [login(0, **TOKYO), login(60, **MILAN)]):
        assert set(unfamiliar(last(pair)).values()) == {()}


def test_a_thief_who_came_first_does_not_stay_the_anchor() -> None:
    """After the honest user's known place contradicted it, the thief's place is no anchor: no second alert for Ann."""
    events = [
        *days_in_milan(),
        login(5 * DAY_US, **TOKYO),
        login(5 * DAY_US + 30 * MINUTE_US, **MILAN),
        login(5 * DAY_US + 60 * MINUTE_US, **MILAN),
        login(5 * DAY_US + 70 * MINUTE_US, **TOKYO),
    ]
    verdicts = [isinstance(verdict, Finding) for verdict in feed(detector(), events)[-4:]]
    assert verdicts == [False, True, False, True]


def test_a_flagged_place_does_not_become_normal() -> None:
    """The next day the same jump from the same address is found again."""
    day = [login(0, **MILAN), login(20 * MINUTE_US, **TOKYO)]
    next_day = [msgspec.structs.replace(e, at_us=e.at_us + DAY_US, id=e.id + "b") for e in day]
    assert [isinstance(v, Finding) for v in feed(detector(), [*day, *next_day])] == [False, True, False, True]


@pytest.mark.parametrize(
    "voucher",
    [
        an_event("mfa_result", 30 * MINUTE_US, outcome="success", session="s-tokyo"),
        an_event("mfa_result", 30 * MINUTE_US, outcome="success", ip="198.51.100.7"),
        an_event("mfa_result", 30 * MINUTE_US, outcome="success", device="other"),
        an_event("verdict", 30 * MINUTE_US, action="benign", session="s-tokyo"),
        an_event("verdict", 30 * MINUTE_US, action="benign", target=login(20 * MINUTE_US).id),
    ],
)
def test_what_was_vouched_for_becomes_an_anchor(voucher: PlacedEvent) -> None:
    """After MFA from there, or a verdict, the person is in Tokyo: back in Milan ten minutes later is the jump."""
    events = [login(0, **MILAN), login(20 * MINUTE_US, **TOKYO), voucher, login(40 * MINUTE_US, **MILAN)]
    assert isinstance(last(events), Finding)


@pytest.mark.parametrize(
    "no_voucher",
    [
        an_event("mfa_result", 30 * MINUTE_US, outcome="failure", session="s-tokyo"),
        an_event("mfa_result", 30 * MINUTE_US, outcome="success", session="elsewhere"),
        an_event("verdict", 30 * MINUTE_US, action="malicious", session="s-tokyo"),
        an_event("verdict", 30 * MINUTE_US, action="benign"),
    ],
)
def test_what_nobody_vouched_for_does_not(no_voucher: PlacedEvent) -> None:
    """Failed MFA, MFA from elsewhere, a verdict against it or about nothing: Milan stays the anchor."""
    events = [login(0, **MILAN), login(20 * MINUTE_US, **TOKYO), no_voucher, login(40 * MINUTE_US, **MILAN)]
    assert last(events) is None


def test_a_late_event_is_judged_against_both_neighbours() -> None:
    """Milan at 8:00 and at 10:00 are held; Tokyo at 9:00 comes late: found, and nothing is learned."""
    this, state = detector(), detector().State()
    feed(this, [login(0, **MILAN), login(2 * HOUR_US, **MILAN)], state)
    before = msgspec.msgpack.encode(state)
    found = this.judge_late(login(HOUR_US, **TOKYO), state)
    assert isinstance(found, Finding)
    only_after = this.judge_late(login(-HOUR_US, **TOKYO), state)
    assert isinstance(only_after, Finding)
    assert msgspec.to_builtins(only_after.evidence)["origin"]["place"] == "Tokyo, JP"
    assert this.judge_late(login(HOUR_US, **MILAN), state) is None
    assert msgspec.msgpack.encode(state) == before


def test_the_sentence_says_it_in_words() -> None:
    """Places, distance, time, speed and limit, in one sentence."""
    found = last([login(0, **MILAN), login(30 * MINUTE_US, **TOKYO)])
    assert isinstance(found, Finding)
    assert ImpossibleTravel.sentence(msgspec.to_builtins(found.evidence), "Ann") == (
        "Ann signed in from Milan, IT and 30 minutes later from Tokyo, JP, at least 9,675 km away,"
        " which takes at least 19,350 km/h (limit 900 km/h)"
    )


@pytest.mark.parametrize(
    ("circumstance", "says"),
    [
        ({"asn": 3269}, "; one step less severe: same network operator at both ends"),
        ({"network_class": "vpn"}, "; one step less severe: a VPN at one end"),
        ({"network_class": "tor"}, "; one step more severe: the Tor network at one end"),
        (
            {"asn": 3269, "network_class": "mobile"},
            "; two steps less severe: same network operator at both ends, a mobile network at one end",
        ),
        (
            {"asn": 3269, "network_class": "tor"},
            (
                "; one step less severe: same network operator at both ends"
                "; one step more severe: the Tor network at one end"
            ),
        ),
        ({}, "(limit 900 km/h)"),
    ],
)
def test_the_sentence_says_what_moved_its_severity(circumstance: dict[str, Any], says: str) -> None:
    """As many steps as the severity moved, each with its reason in plain words; also without the engine's key."""
    place = msgspec.structs.replace(CITIES["Tokyo"], **circumstance)
    found = last([login(0, **MILAN), login(30 * MINUTE_US, ip="198.51.100.7", place=place)])
    assert isinstance(found, Finding)
    told = {**msgspec.to_builtins(found.evidence), "set_aside": list(found.set_aside)}
    said = ImpossibleTravel.sentence(told, "Ann")
    assert said.endswith(says)
    assert said.count("severe") == len([part for part in says.split(";") if "severe" in part])
    del told["set_aside"]
    assert "less severe" not in ImpossibleTravel.sentence(told, "Ann")


def test_a_near_miss_too_near_says_so() -> None:
    """A great speed over a short way is no alert: the sentence names the distance that it takes."""
    miss = feed(detector(near_misses=True), [login(0, **MILAN), login(1, city="Monza", ip="192.0.2.9")])[-1]
    assert not isinstance(miss, Finding)
    short = feed(detector(near_misses=True, distance_min_km=500), [login(0, **MILAN), login(1, city="Rome")])[-1]
    assert isinstance(short, NearMiss)
    said = ImpossibleTravel.sentence(msgspec.to_builtins(short.evidence), "Ann")
    assert said.endswith("; counts from 500 km")


@given(st.lists(st.tuples(st.integers(0, 30 * DAY_US), st.sampled_from(sorted(CITIES))), max_size=60))
def test_fixes_stay_few_and_in_order(stops: list[tuple[int, str]]) -> None:
    """However a person moves, a bounded few fixes are held, in order of time."""
    this, state = detector(), detector().State()
    feed(
        this,
        [login(at, city=city, ip=f"192.0.2.{len(city)}", id=f"{i}") for i, (at, city) in enumerate(sorted(stops))],
        state,
    )
    assert len(state.fixes) <= FIXES_MAX
    assert [one.ref.at_us for one in state.fixes] == sorted(one.ref.at_us for one in state.fixes)
