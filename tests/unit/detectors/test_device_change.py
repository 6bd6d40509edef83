"""Device change: a stolen session is found, roaming and updates are not, and missing evidence accuses nobody."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from detectors.device_change import SESSIONS_MAX, DeviceChange, DeviceState
from detectors.device_params import DeviceParams
from detectors.traits import OPEN_MAX
from detectors.worlds import CITIES, an_event, feed
from models.events import PlacedEvent
from models.findings import Finding, NotEvaluable, Verdict
from models.instants import DAY_US, HOUR_US, MINUTE_US, SECOND_US

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/{}.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
AGENT = "aws-sdk-go/1.41.4 (go1.18.3; linux; amd64) amazon-ssm-agent/"
HERE = {"ip": "192.0.2.1", "city": "London"}
FAR = {"ip": "198.51.100.7", "city": "New York"}
CHROMIUM = CHROME.format(126)
SDK = "aws-sdk-go-v2/1.17.0 os/linux lang/go/1.18.10 md/GOOS/linux md/GOARCH/amd64 api/sts/1.16.19"


def device_change(**params: Any) -> DeviceChange:
    """The detector with `params`."""
    return DeviceChange(DeviceParams(**params))


def act(at_us: int, **fields: Any) -> PlacedEvent:
    """Something done in session s."""
    return an_event("activity", at_us, **{"session": "s", **fields})


def last(events: list[PlacedEvent], **params: Any) -> Verdict:
    """What it says of the last of `events`."""
    return feed(device_change(**params), events)[-1]


def test_finds_a_role_used_from_elsewhere_seconds_later() -> None:
    """One role session, 6 seconds apart: a public address, then a private one with another program."""
    found = last([act(0, ip="3.225.16.109", user_agent=AGENT), act(6 * SECOND_US, ip="192.168.10.20", user_agent=SDK)])
    assert isinstance(found, Finding)
    told = msgspec.to_builtins(found.evidence)
    assert told["changed"] == ("device", "network")
    assert (told["before_devices"], told["agent"]) == (("amazon-ssm-agent on linux",), "aws-sdk-go-v2 on linux")
    assert (told["before_networks"], told["network"]) == (("3.225.16.109",), "192.168.10.20")
    assert told["seconds_since"] == 6
    assert [(one.session, one.unfamiliar) for one in found.candidates] == [("s", ("device", "network"))]
    assert found.events[0].ip == "3.225.16.109"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"device": "d", "ip": "192.0.2.1", "user_agent": IPHONE}, {"device": "d", "ip": "198.51.100.7"}),
        ({"user_agent": CHROME.format(125), "ip": "192.0.2.1"}, {"user_agent": CHROME.format(126), "ip": "192.0.2.9"}),
        ({"user_agent": IPHONE, "ip": "192.0.2.1"}, {"user_agent": "Outlook-iOS/7.1", "ip": "198.51.100.7"}),
        ({"user_agent": SDK, "ip": "192.0.2.1"}, {"user_agent": "aws-cli/2", "ip": "192.0.2.1"}),
        ({"user_agent": SDK, "ip": "2001:db8::1"}, {"user_agent": "aws-cli/2", "ip": "2001:db8::ffff:9"}),
        (
            {"user_agent": SDK, "ip": "192.0.2.1", "city": "Milan"},
            {"user_agent": "aws-cli/2", "ip": "198.51.100.7", "city": "Monza"},
        ),
        ({"user_agent": SDK, "ip": "192.0.2.1"}, {"user_agent": "AWS Internal", "ip": ""}),
        ({"user_agent": SDK, "ip": "192.0.2.1"}, {"user_agent": "secretsmanager.amazonaws.com", "ip": ""}),
        ({"ip": "41.76.192.9"}, {"ip": "144.172.122.200", "device": "iPhone 6S"}),
    ],
    ids=[
        "roaming on one device id",
        "an update on the way home",
        "two apps of one phone",
        "another program at one address",
        "another program in one /64",
        "another address of one carrier",
        "the provider on behalf",
        "a service on behalf",
        "MFA twins: the accessing address, then the phone",
    ],
)
def test_honest_sessions_are_quiet(before: dict[str, Any], after: dict[str, Any]) -> None:
    """None of what honest people and their providers do in a session looks like another device elsewhere."""
    assert not isinstance(last([act(0, **before), act(MINUTE_US, **after)]), Finding)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"session": "", "ip": "192.0.2.9", "user_agent": SDK}, "no_session"),
        ({"ip": "192.0.2.9"}, "no_device"),
        ({"user_agent": SDK}, "no_address"),
    ],
)
def test_what_is_missing_is_not_evaluable(fields: dict[str, Any], reason: str) -> None:
    """No session, device or address: counted, never a change."""
    assert last([act(0, ip="192.0.2.1", user_agent="curl/8"), act(1, **fields)]) == NotEvaluable(reason)


@pytest.mark.parametrize(
    ("needs", "after", "fires"),
    [
        ("device", {"ip": "192.0.2.1", "user_agent": SDK}, True),
        ("device", {"ip": "198.51.100.7", "user_agent": "curl/9"}, False),
        ("network", {"ip": "198.51.100.7", "user_agent": "curl/9"}, True),
        ("network", {"ip": "192.0.2.1", "user_agent": SDK}, False),
        ("device_or_network", {"ip": "192.0.2.1", "user_agent": SDK}, True),
        ("device_or_network", {"ip": "198.51.100.7"}, True),
        ("device_or_network", {"ip": "192.0.2.1", "user_agent": "curl/9"}, False),
        ("device_and_network", {"ip": "198.51.100.7", "user_agent": SDK}, True),
    ],
)
def test_what_must_differ_is_a_parameter(needs: str, after: dict[str, Any], fires: bool) -> None:
    """Device, network, both or either."""
    found = last([act(0, ip="192.0.2.1", user_agent="curl/8"), act(1, **after)], needs=needs)
    assert isinstance(found, Finding) == fires


def test_a_flagged_device_does_not_become_the_sessions() -> None:
    """The thief stays the stranger, and the honest user stays quiet, until MFA passes from that address."""
    honest, thief = {"ip": "192.0.2.1", "user_agent": CHROME}, {"ip": "198.51.100.7", "user_agent": SDK}
    events = [act(n, **(thief if n % 2 else honest)) for n in range(6)]
    verdicts = feed(device_change(), events)
    assert [isinstance(v, Finding) for v in verdicts] == [False, True, False, True, False, True]
    mfa = an_event("mfa_result", 10, outcome="success", ip="198.51.100.7")
    verdicts = feed(device_change(), [*events, mfa, act(11, **thief)], kinds=frozenset({"activity"}))
    assert not isinstance(verdicts[-1], Finding)


def test_sessions_do_not_mix_and_do_not_live_for_ever() -> None:
    """Another session may be elsewhere; a session found again after days is compared with nothing."""
    here, there = {"ip": "192.0.2.1", "user_agent": "curl/8"}, {"ip": "198.51.100.7", "user_agent": SDK}
    assert last([act(0, **here), act(1, session="t", **there)]) is None
    assert last([act(0, **here), act(DAY_US + 1, **there)]) is None
    assert isinstance(last([act(0, **here), act(DAY_US, **there)]), Finding)


def test_sessions_are_bounded() -> None:
    """Of a flood of sessions the latest are remembered."""
    this = device_change()
    state = this.State()
    feed(this, [act(n, session=f"s{n}", ip="192.0.2.1") for n in range(200)], state)
    assert len(state.sessions) == SESSIONS_MAX
    assert "s199" in state.sessions


def at_work(days: int = 10) -> list[PlacedEvent]:
    """A person's mornings on one laptop in the hospital's network."""
    return [
        an_event("login", d * DAY_US, device="laptop", ip="192.0.2.1", user_agent=CHROME, city="Milan")
        for d in range(days)
    ]


def new_phone(**fields: Any) -> PlacedEvent:
    """A sign-in on a device never seen."""
    return an_event("login", 10 * DAY_US, **{"device": "phone", "session": "p", **fields})


def test_finds_a_new_device_of_a_person() -> None:
    """After ten sign-ins on one laptop, a phone elsewhere is new, and named."""
    found = last([*at_work(), new_phone(ip="198.51.100.7", city="Tokyo")], scope="user")
    assert isinstance(found, Finding)
    assert found.key == "phone"
    assert found.severity_shift == 0
    told = msgspec.to_builtins(found.evidence)
    assert (told["device"], told["learned_events"]) == ("phone", 10)
    assert told["before_devices"] == ("laptop",)
    assert [(one.session, one.unfamiliar) for one in found.candidates] == [("p", ("device", "network"))]


def test_a_new_device_on_a_known_network_is_less() -> None:
    """A new workstation inside the hospital: quiet where both must differ, lowered or ignored where one is enough."""
    phone = new_phone(ip="192.0.2.1", city="Milan")
    assert last([*at_work(), phone], scope="user") is None
    found = last([*at_work(), phone], scope="user", needs="device")
    assert isinstance(found, Finding)
    assert found.severity_shift == -1
    assert found.set_aside == ("known_network: lower",)
    assert last([*at_work(), phone], scope="user", needs="device", known_network="ignore") is None


def test_new_devices_wait_for_the_learning() -> None:
    """On the first days every device is new, and none is held against anybody."""
    phone = new_phone(ip="198.51.100.7")
    assert last([*at_work(2), phone], scope="user") is None
    assert isinstance(last([*at_work(2), phone], scope="user", learn_for="10d"), Finding)
    assert last([phone], scope="user") is None


def test_an_update_is_no_new_device() -> None:
    """Without device ids the fingerprint counts, and an update does not change it."""
    days = [an_event("login", d * DAY_US, ip="192.0.2.1", user_agent=CHROME.format(d)) for d in range(10)]
    abroad = {"ip": "198.51.100.7", "session": "x"}
    assert last([*days, an_event("login", 11 * DAY_US, user_agent=CHROME.format(200), **abroad)], scope="user") is None
    assert isinstance(last([*days, an_event("login", 11 * DAY_US, user_agent=SDK, **abroad)], scope="user"), Finding)


def test_a_device_vouched_for_is_known() -> None:
    """Once MFA passed on the phone it is one of theirs."""
    phone = new_phone(ip="198.51.100.7")
    mfa = an_event("mfa_result", 10 * DAY_US + HOUR_US, outcome="success", device="phone")
    again = an_event("login", 11 * DAY_US, device="phone", ip="203.0.113.1", session="q")
    verdicts = feed(device_change(scope="user"), [*at_work(), phone, mfa, again], kinds=frozenset({"login"}))
    assert [isinstance(v, Finding) for v in verdicts[-3:]] == [True, False, False]


@pytest.mark.parametrize(
    ("scope", "events", "says"),
    [
        (
            "session",
            [act(0, ip="192.0.2.1", user_agent=AGENT), act(6 * SECOND_US, ip="192.168.10.20", user_agent=SDK)],
            (
                "Ann: session s continued on aws-sdk-go-v2 on linux at 192.168.10.20, 6 seconds after"
                " amazon-ssm-agent on linux at 192.0.2.1 (device and network changed)"
            ),
        ),
        (
            "user",
            [*at_work(), new_phone(ip="198.51.100.7", place=CITIES["Tokyo"])],
            "Ann used phone at 198.51.100.7 for the first time; known so far: laptop",
        ),
    ],
)
def test_the_sentence_says_it_in_words(scope: str, events: list[PlacedEvent], says: str) -> None:
    """What changed, from what to what."""
    found = last(events, scope=scope)
    assert isinstance(found, Finding)
    assert DeviceChange.sentence(msgspec.to_builtins(found.evidence), "Ann") == says


def test_a_session_that_is_the_subject_is_named_once() -> None:
    """A role's session has a long name: as the subject it stands in the sentence once, and one second is a second."""
    arn = "arn:aws:sts::123456789012:assumed-role/records-reader-in-production/i-0dbc24d6fc7b9c2a1"
    steps = [
        act(0, session=arn, ip="192.0.2.1", user_agent=AGENT),
        act(SECOND_US, session=arn, ip="192.168.10.20", user_agent=SDK),
    ]
    found = last(steps, scope="session")
    assert isinstance(found, Finding)
    evidence = msgspec.to_builtins(found.evidence)
    assert DeviceChange.sentence(evidence, arn).count(arn) == 1
    assert DeviceChange.sentence(evidence, "Ann").startswith(f"Ann: session {arn} continued on")
    assert ", 1 second after" in DeviceChange.sentence(evidence, arn)


def test_the_sentence_says_why_it_is_less_severe() -> None:
    """A new device on a known network weighs one step less, and the sentence ends with that."""
    found = last([*at_work(), new_phone(ip="192.0.2.1")], scope="user", needs="device")
    assert isinstance(found, Finding)
    told = {**msgspec.to_builtins(found.evidence), "set_aside": list(found.set_aside)}
    said = DeviceChange.sentence(told, "Ann")
    assert said.endswith("; one step less severe: the network is one of the person's own")


def test_a_provider_is_one_network_within_one_city() -> None:
    """The thief at another customer of the same provider; a city that nobody knows is any, on either side."""
    near, far = new_phone(ip="198.51.100.7", city="Milan"), new_phone(ip="198.51.100.7", city="Monza")
    assert last([*at_work(), far], scope="user") is None
    found = last([*at_work(), far], scope="user", same_asn_within="city")
    assert isinstance(found, Finding)
    assert found.evidence.changed == ("device", "network")
    assert last([*at_work(), near], scope="user", same_asn_within="city") is None
    assert far.place is not None
    nowhere = msgspec.structs.replace(far.place, city="")
    assert last([*at_work(), new_phone(ip="198.51.100.7", place=nowhere)], scope="user", same_asn_within="city") is None
    unplaced = [msgspec.structs.replace(one, place=nowhere) for one in at_work()]
    assert last([*unplaced, far], scope="user", same_asn_within="city") is None


def test_a_session_whose_sign_in_said_too_little_is_judged_by_what_follows() -> None:
    """A collector lost the device: the next event that has it is as good; what follows a whole sign-in is not asked."""
    lost = an_event("login", 10 * DAY_US, session="p", ip="198.51.100.7", city="Tokyo")
    later = an_event("activity", 10 * DAY_US + HOUR_US, session="p", device="phone", ip="198.51.100.7", city="Tokyo")
    params: dict[str, Any] = {"scope": "user", "open_sessions": True}
    told = feed(device_change(**params), [*at_work(), lost, later, msgspec.structs.replace(later, id="again")])
    assert told[-3:-1] == [NotEvaluable("no_device"), told[-2]]
    assert isinstance(told[-2], Finding)
    assert told[-1] is None
    whole = msgspec.structs.replace(lost, device="laptop")
    assert last([*at_work(), whole, later], **params) is None
    assert last([*at_work(), later], **params) is None


def test_sessions_left_open_are_bounded() -> None:
    """A source that never names a device keeps the last few sessions, and no more."""
    state = DeviceState()
    lost = [an_event("login", n * MINUTE_US, session=f"s{n}", ip="192.0.2.1", user_agent=CHROME) for n in range(3)]
    unnamed = [an_event("login", (9 + n) * MINUTE_US, session=f"p{n}", ip="192.0.2.1") for n in range(30)]
    feed(device_change(scope="user", open_sessions=True), [*lost, *unnamed], state)
    assert state.open == [f"p{n}" for n in range(30 - OPEN_MAX, 30)]


@pytest.mark.parametrize("lost", [{"ip": "", "network": "", "place": None}, {"device": "", "user_agent": ""}])
def test_an_event_that_lost_a_field_does_not_make_the_thief_the_sessions_own(lost: dict[str, Any]) -> None:
    """Of a thief's first event the address, or the device, was lost on the way: the next one is found all the same."""
    own = {"device": "desk", "user_agent": CHROME.format(125), "ip": "192.0.2.1", "city": "Milan"}
    thief = {"device": "x", "user_agent": SDK, "ip": "198.51.100.7", "city": "Tokyo"}
    cut = msgspec.structs.replace(act(MINUTE_US, **thief), **lost)
    told = feed(device_change(), [act(0, **own), cut, act(2 * MINUTE_US, **thief)])
    assert isinstance(told[1], NotEvaluable)
    assert isinstance(told[2], Finding)
    back = act(3 * MINUTE_US, **own)
    assert last([act(0, **own), msgspec.structs.replace(back, id="cut", **lost), back]) is None


def jump(*fields: dict[str, Any]) -> Verdict:
    """What is said of the last of events a minute apart, in one session, with places counting from 500 km."""
    events = [act(n * MINUTE_US, **{"user_agent": CHROMIUM, **one}) for n, one in enumerate(fields)]
    return last(events, jump_min_km=500.0)


def test_a_session_of_one_browser_at_two_places_is_found() -> None:
    """London, and New York a minute later: how far at least, in what time, and what speed that takes."""
    found = jump(HERE, FAR)
    assert isinstance(found, Finding)
    told = msgspec.to_builtins(found.evidence)
    assert told["changed"] == ("network", "place")
    assert (told["before_place"], told["place"]) == ("London, GB", "New York, US")
    assert 5_500 < told["minimum_km"] < 5_570
    assert (told["hours"], told["distance_min_km"], told["speed_max_kmh"]) == (0.0167, 500.0, 900.0)
    assert [(one.session, one.unfamiliar) for one in found.candidates] == [("s", ("network", "place"))]
    said = DeviceChange.sentence(told, "ann")
    assert said.startswith(
        "ann: session s continued in New York, US on chrome on windows at 198.51.100.7, 60 seconds later than in London"
    )
    assert said.endswith("(limit 900 km/h)")


def test_a_jump_within_a_second_needs_no_division() -> None:
    """Two places in one instant: found, and no speed is told."""
    found = last([act(0, **HERE, user_agent=CHROMIUM), act(1, **FAR, user_agent=CHROMIUM)], jump_min_km=500.0)
    assert isinstance(found, Finding)
    told = msgspec.to_builtins(found.evidence)
    assert "speed_kmh" not in told
    assert "which no speed allows" in DeviceChange.sentence(told, "ann")


@pytest.mark.parametrize(
    ("fields", "params"),
    [
        ([HERE, {**FAR, "city": "Milan"}], {"jump_min_km": 1000.0}),
        ([HERE, {**FAR, "place": replace(CITIES["New York"], network_class="vpn")}], {}),
        ([{**HERE, "place": replace(CITIES["London"], network_class="relay")}, FAR], {}),
        ([{**HERE, "device": "d"}, {**FAR, "device": "d"}], {}),
        ([HERE, {**HERE, "city": "New York"}], {}),
        ([HERE, {**FAR, "place": replace(CITIES["New York"], asn=CITIES["London"].asn)}], {}),
        ([HERE, {**FAR, "place": replace(CITIES["New York"], radius_km=9000.0)}], {}),
        ([HERE, {**FAR, "place": replace(CITIES["New York"], city="London", country="GB")}], {}),
        ([HERE, {"ip": "198.51.100.7"}], {}),
        ([HERE, FAR], {"jump_min_km": None}),
    ],
    ids=["near", "vpn", "relay", "one device", "one address", "one provider", "vague", "one city", "nowhere", "off"],
)
def test_what_is_no_jump(fields: list[dict[str, Any]], params: dict[str, Any]) -> None:
    """Too near; an exit that is no place; one machine, address, provider or city; an unknown place; unasked."""
    events = [act(n * MINUTE_US, **{"user_agent": CHROMIUM, **one}) for n, one in enumerate(fields)]
    assert not isinstance(last(events, **{"jump_min_km": 500.0, **params}), Finding)


def test_a_flight_is_no_jump() -> None:
    """Seven hours are enough for London to New York, six are not."""
    for hours, is_found in ((6.0, True), (7.0, False)):
        events = [act(0, **HERE, user_agent=CHROMIUM), act(int(hours * HOUR_US), **FAR, user_agent=CHROMIUM)]
        assert isinstance(last(events, jump_min_km=500.0), Finding) == is_found


def test_a_session_stays_where_it_last_was_known_to_be() -> None:
    """Events without a place in between change neither from where nor since when a jump is measured."""
    nowhere = {"ip": "203.0.113.5"}
    found = jump(HERE, nowhere, nowhere, FAR)
    assert isinstance(found, Finding)
    told = msgspec.to_builtins(found.evidence)
    assert (told["before_place"], told["hours"], told["seconds_since"]) == ("London, GB", 0.05, 60)
    hours = (0.0, 3.0, 6.9, 7.0)
    flight = zip(hours, (HERE, nowhere, nowhere, FAR), strict=True)
    events = [act(int(hour * HOUR_US), user_agent=CHROMIUM, **one) for hour, one in flight]
    assert not isinstance(last(events, jump_min_km=500.0), Finding)


def test_the_thiefs_place_does_not_become_the_sessions() -> None:
    """The person goes on undisturbed, and the thief is found again."""
    events = [act(n * MINUTE_US, user_agent=CHROMIUM, **one) for n, one in enumerate([HERE, FAR, HERE, FAR, HERE])]
    found = [isinstance(verdict, Finding) for verdict in feed(device_change(jump_min_km=500.0), events)]
    assert found == [False, True, False, True, False]


def test_a_place_is_evidence_where_the_device_is_missing() -> None:
    """Nobody knows whether the device changed; where the session is, is known."""
    assert isinstance(jump(HERE, {**FAR, "user_agent": ""}), Finding)
    assert last([act(0, **HERE, user_agent=CHROMIUM), act(1, **FAR)]) == NotEvaluable("no_device")
