"""Concurrent sessions: true overlap, by any measure, with ends known or bounded, and roaming left in peace."""

from __future__ import annotations

from typing import Any

import msgspec
import pydantic
import pytest

from detectors.concurrent_sessions import LIVE_MAX, ConcurrentParams, ConcurrentSessions
from detectors.worlds import CITIES, an_event, feed
from models.events import EventKind, PlacedEvent
from models.findings import Finding, NearMiss, NotEvaluable, Verdict
from models.instants import DAY_US, HOUR_US, MINUTE_US
from models.places import Place

LOGINS: frozenset[EventKind] = frozenset({"login"})
SPOTS = [("Milan", "192.0.2.1"), ("London", "198.51.100.1"), ("Tokyo", "203.0.113.1"), ("New York", "192.0.2.99")]


def concurrent(*, near_misses: bool = False, **params: Any) -> ConcurrentSessions:
    """The detector with `params`; these people have no history, so that counts as nothing unless a test says so."""
    return ConcurrentSessions(ConcurrentParams(**{"nothing_unfamiliar": "normal", **params}), near_misses=near_misses)


def login(at_us: int, n: int, **fields: Any) -> PlacedEvent:
    """A sign-in of session n on device n at spot n."""
    city, ip = SPOTS[n]
    return an_event("login", at_us, **{"session": f"s{n}", "device": f"d{n}", "city": city, "ip": ip, **fields})


def act(kind: EventKind, at_us: int, n: int, **fields: Any) -> PlacedEvent:
    """Something else in session n."""
    return an_event(kind, at_us, **{"session": f"s{n}", "device": f"d{n}", "ip": SPOTS[n][1], **fields})


def fires(events: list[PlacedEvent], **params: Any) -> list[int]:
    """The positions of findings, when sign-ins are judged."""
    verdicts = feed(concurrent(**params), events, kinds=LOGINS)
    return [n for n, verdict in enumerate(verdicts) if isinstance(verdict, Finding)]


def last(events: list[PlacedEvent], **params: Any) -> Verdict:
    """What it says of the last of `events`."""
    return feed(concurrent(**params), events, kinds=LOGINS)[-1]


def test_finds_three_devices_on_three_networks_at_once() -> None:
    """Three sign-ins within minutes, none ended: found at the third, all three told."""
    found = last([login(n * MINUTE_US, n) for n in range(3)])
    assert isinstance(found, Finding)
    told = msgspec.to_builtins(found.evidence)
    assert (told["sessions"], told["devices"], told["networks"], told["places"]) == (3, 3, 3, 3)
    assert told["at_least"] == {"devices": 3, "networks": 3}
    assert [one["session"] for one in told["live"]] == ["s0", "s1", "s2"]
    assert [one.session for one in found.candidates] == ["s0", "s1", "s2"]
    assert [ref.session for ref in found.events] == ["s0", "s1"]


def test_without_history_nobody_is_a_stranger() -> None:
    """Desk, telephone and tablet on somebody's first day: nothing is known, so nothing is strange."""
    events = [login(n * MINUTE_US, n) for n in range(3)]
    assert last(events, nothing_unfamiliar="ignore") is None
    known = [login(-2 * DAY_US, 0), *events]
    found = last(known, nothing_unfamiliar="ignore")
    assert isinstance(found, Finding)
    assert [bool(one.unfamiliar) for one in found.candidates] == [False, True, True]


@pytest.mark.parametrize("end", ["logout", "timeout", "revoked"])
def test_what_has_ended_is_not_live(end: EventKind) -> None:
    """A logout, time-out or revocation ends a session at once."""
    events = [login(0, 0), login(1, 1), act(end, 2, 0), login(3, 2)]
    assert fires(events) == []


def test_without_an_end_the_idle_bound_ends_it() -> None:
    """A session without a sign of life for half an hour is not live; one second less, and it is."""
    assert fires([login(0, 0), login(20 * MINUTE_US, 1), login(30 * MINUTE_US, 2)]) == []
    assert fires([login(0, 0), login(20 * MINUTE_US, 1), login(30 * MINUTE_US - 1, 2)]) == [2]


@pytest.mark.parametrize("life", ["activity", "refresh", "export"])
def test_what_is_done_in_it_keeps_it_alive(life: EventKind) -> None:
    """Activity extends a session; activity in an unknown one opens it, for logs begin in the middle."""
    events = [login(0, 0), act(life, 25 * MINUTE_US, 0), login(26 * MINUTE_US, 1), login(50 * MINUTE_US, 2)]
    assert fires(events) == [3]
    assert fires([act(life, 0, 0), login(1, 1), login(2, 2)]) == [2]


def test_a_session_that_roams_is_one() -> None:
    """One session on four networks is one session, one device, one network."""
    moves = [act("activity", n * MINUTE_US, n, session="s0", device="d0", city=SPOTS[n][0]) for n in range(4)]
    this = concurrent(at_least={"networks": 2})
    state = this.State()
    feed(this, [login(0, 0), *moves], state, kinds=LOGINS)
    assert len(state.live) == 1
    assert state.live["s0"].fix.network == SPOTS[3][1]
    assert fires([login(0, 0), *moves, login(5 * MINUTE_US, 0)], at_least={"networks": 2}) == []


def test_sessions_of_one_device_count_once() -> None:
    """Four sign-ins of one phone on four networks: one device, where it was last, though four sessions."""
    events = [login(n * MINUTE_US, n, device="phone") for n in range(4)]
    assert fires(events) == []
    assert fires(events, at_least={"networks": 2}) == []
    assert fires(events, at_least={"places": 2}) == []
    assert fires(events, at_least={"sessions": 4}) == [3]


def test_needs_all_or_any() -> None:
    """All measures must be reached, or any, as a parameter says."""
    here = [login(n, n, city="Milan", ip="192.0.2.1") for n in range(3)]
    assert fires(here, at_least={"devices": 3, "networks": 2}) == []
    assert fires(here, at_least={"devices": 3, "networks": 2}, needs="any") == [2]


def test_places_count_only_where_they_are_evidence() -> None:
    """Neighbouring towns, VPN exits, private and unknown places are no second place."""
    vpn = msgspec.structs.replace(CITIES["Tokyo"], network_class="vpn")
    for second in ({"city": "Monza"}, {"place": vpn}, {"place": Place(network_class="private")}, {"place": None}):
        pair = [login(0, 0), an_event("login", 1, session="s1", device="d1", ip="198.51.100.1", **second)]
        assert fires(pair, at_least={"places": 2}) == []
    assert fires([login(0, 0), login(1, 1)], at_least={"places": 2}) == [1]


def test_private_addresses_are_one_network() -> None:
    """Three ward workstations inside are three devices on one network."""
    inside = Place(network_class="private")
    ward = [
        an_event("login", n, session=f"s{n}", device=f"ws{n}", ip=f"10.0.0.{n + 1}", place=inside) for n in range(3)
    ]
    assert fires(ward) == []
    assert fires(ward, at_least={"devices": 3}) == [2]


def test_a_persons_own_devices_are_left_in_peace() -> None:
    """Desk, laptop and phone, all known for days, at once: set aside, unless the rule says otherwise."""
    days = [
        e
        for day in range(3)
        for n in range(3)
        for e in (login(day * DAY_US + n * HOUR_US, n), act("logout", day * DAY_US + n * HOUR_US + 1, n))
    ]
    at_once = [login(5 * DAY_US + n, n) for n in range(3)]
    assert fires([*days, *at_once], nothing_unfamiliar="ignore") == []
    found = last([*days, *at_once], nothing_unfamiliar="lower")
    assert isinstance(found, Finding)
    assert found.severity_shift == -1
    stranger = [*days, *at_once[:2], login(5 * DAY_US + 2, 3)]
    found = last(stranger)
    assert isinstance(found, Finding)
    odd = {one.session: one.unfamiliar for one in found.candidates}
    assert odd == {"s0": (), "s1": (), "s3": ("place", "network", "device")}


def test_what_has_no_session_is_not_evaluable() -> None:
    """Without a session nothing can overlap; what ran without the person is not judged."""
    assert last([login(0, 0, session="")]) == NotEvaluable("no_session")
    assert last([login(0, 0), login(1, 1), login(2, 2, interactive=False)]) is None


def test_background_refreshes_neither_open_nor_move_a_session() -> None:
    """A mail server refreshes from abroad: the session lives on where its person is."""
    refresh = act("refresh", 25 * MINUTE_US, 0, ip="203.0.113.77", interactive=False)
    this = concurrent()
    state = this.State()
    feed(this, [login(0, 0), refresh, act("refresh", 1, 2, interactive=False)], state, kinds=LOGINS)
    assert list(state.live) == ["s0"]
    assert state.live["s0"].fix.network == SPOTS[0][1]
    assert state.live["s0"].last_us == refresh.at_us


def test_flagged_sessions_are_live_all_the_same() -> None:
    """The third session fires, and so does the fourth."""
    assert fires([login(n, n) for n in range(4)]) == [2, 3]


def test_near_misses_say_how_near() -> None:
    """Desk and telephone are a quarter of the way to three and three, a third device half; all are under the limit."""
    pair = [login(n, n) for n in range(2)]
    third = login(2, 2, city="London", ip=SPOTS[1][1])
    for events, params, strength in (
        (pair, {}, 0.25),
        ([*pair, third], {}, 0.5),
        (pair, {"at_least": {"sessions": 5}}, 0.25),
        (pair, {"at_least": {"sessions": 5, "devices": 3}, "needs": "any"}, 0.5),
        ([login(0, 0, device=""), login(1, 0, device="", session="s1")], {}, 0.0),
    ):
        verdict = feed(concurrent(near_misses=True, **params), events, kinds=LOGINS)[-1]
        assert isinstance(verdict, NearMiss)
        assert verdict.strength == strength


def test_live_sessions_are_bounded() -> None:
    """However many open, a bounded number is kept, the longest idle going first."""
    this = concurrent()
    state = this.State()
    feed(this, [login(n, 0, session=f"s{n}") for n in range(300)], state, kinds=LOGINS)
    assert len(state.live) == LIVE_MAX
    assert "s299" in state.live


@pytest.mark.parametrize("at_least", [{}, {"devices": 1}, {"rooms": 2}, {"devices": 33}])
def test_parameters_that_make_no_sense_are_refused(at_least: dict[str, int]) -> None:
    """No measure, one that is always reached, one that does not exist, one that no state can hold."""
    with pytest.raises(pydantic.ValidationError):
        concurrent(at_least=at_least)


def test_the_sentence_says_it_in_words() -> None:
    """How much at once, on what, and the limit."""
    found = last([login(n, n) for n in range(3)])
    assert isinstance(found, Finding)
    assert ConcurrentSessions.sentence(msgspec.to_builtins(found.evidence), "Ann") == (
        "Ann had 3 sessions live at once, on 3 devices, 3 networks, 3 places (alerts from 3 devices and 3 networks)"
    )


def test_the_sentence_says_why_it_is_less_severe() -> None:
    """Where the person's own devices weigh less, the sentence ends with it; and one place is a place."""
    days = [
        e
        for day in range(3)
        for n in range(3)
        for e in (login(day * DAY_US + n * HOUR_US, n), act("logout", day * DAY_US + n * HOUR_US + 1, n))
    ]
    found = last([*days, *(login(5 * DAY_US + n, n, place=None) for n in range(3))], nothing_unfamiliar="lower")
    assert isinstance(found, Finding)
    told = {**msgspec.to_builtins(found.evidence), "places": 1, "set_aside": list(found.set_aside)}
    assert ConcurrentSessions.sentence(told, "Ann") == (
        "Ann had 3 sessions live at once, on 3 devices, 3 networks, 1 place (alerts from 3 devices and 3 networks);"
        " one step less severe: network and device of each are the person's own"
    )


def test_a_device_that_the_sign_in_did_not_name_is_learned_from_what_follows() -> None:
    """A collector lost the desk's device in the sign-in; a minute later the session names it, and it counts."""
    desk = login(0, 0, device="")
    others = [login(2 * MINUTE_US, 1), login(3 * MINUTE_US, 2)]
    assert fires([desk, *others]) == []
    assert fires([desk, act("activity", MINUTE_US, 0), *others]) == [3]
