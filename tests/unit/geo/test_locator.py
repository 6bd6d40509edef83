"""What the locator makes of an event: instants, networks, and who is believed about the place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from unittest import mock

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo import locator as module
from geo.databases import WALKED_MAX_BYTES, Databases
from geo.locator import Locator
from geo.networks import KnownNetwork
from models.events import KINDS, PlacedEvent, SessionEvent
from models.instants import to_us
from models.places import Place
from sessionwatch.errors import UsageError
from tests.unit.geo.mmdb import BROKEN, asn, city, write

AT = datetime(2026, 3, 2, 9, 30, 0, 123456, tzinfo=UTC)
MILAN = city("IT", city="Milan", region="Lombardy", at=(45.46, 9.19), radius_km=20)
BUILD = "GeoLite2-City 2024-05-01"


def event(**fields) -> SessionEvent:
    """A login with `fields`."""
    return SessionEvent(**{"id": "e1", "at": AT, "kind": "login", **fields})


@pytest.fixture(scope="module")
def databases(tmp_path_factory):
    """A City and an ASN database of one day."""
    folder = tmp_path_factory.mktemp("geo")
    cities = {"81.2.69.0/24": MILAN, "81.2.70.0/24": city("GB", at=(51.48, 0.0), radius_km=5)}
    numbers = {"81.2.69.0/24": asn(3269, "ASN-IBSNAZ")}
    files = [write(folder / "city.mmdb", cities), write(folder / "asn.mmdb", numbers, type="GeoLite2-ASN")]
    return Databases.open(files)


def test_every_field_of_an_event_arrives_in_its_own_place():
    """Fields are handed over by position, so each one here has a value of its own."""
    texts = {name: f"the {name}" for name, said in SessionEvent.__annotations__.items() if said == "str"}
    placed = Locator().locate(
        event(
            **{**texts, "ip": "2001:db8:1:2::00ff"},
            received_at=AT + timedelta(seconds=3),
            sequence=7,
            outcome="success",
            mfa=True,
            interactive=False,
            count=11,
            bytes=13,
            attributes={"key": "value"},
        )
    )
    expected = {
        **texts,
        "at_us": to_us(AT),
        "received_us": to_us(AT) + 3_000_000,
        "sequence": 7,
        "rank": 4,
        "id": "e1",
        "kind": "login",
        "outcome": "success",
        "ip": "2001:db8:1:2::ff",
        "network": "2001:db8:1:2::/64",
        "mfa": True,
        "interactive": False,
        "count": 11,
        "bytes": 13,
        "place": None,
        "attributes": {"key": "value"},
    }
    assert {name: getattr(placed, name) for name in PlacedEvent.__struct_fields__} == expected


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_keeps_its_order(kind):
    """Order is the same before and after an event is placed, for every kind."""
    one = event(kind=kind, sequence=3)
    assert Locator().locate(one).order == one.order


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.timezones() | st.just(UTC)))  # noqa: DTZ001 - Hypothesis takes bounds without a zone and adds one
def test_instants_are_exact_to_the_microsecond_in_any_zone(at):
    """Also before 1970, and across changes of summer time."""
    assert Locator().locate(event(at=at, received_at=at)).at_us == to_us(at)
    assert Locator().locate(event(at=at, received_at=at)).received_us == to_us(at)


def test_one_instant_in_two_zones_is_one_instant():
    """An offset is a way of writing."""
    shifted = AT.astimezone(timezone(timedelta(hours=-7)))
    assert Locator().locate(event(at=shifted)).at_us == Locator().locate(event()).at_us


def test_the_place_of_the_log_stands(databases):
    """Who wrote the log knew more than a database does; coordinate, radius and names stay as they are."""
    said = Place(41.9, 12.5, 5.0, "IT", "", "Rome")
    place = Locator(databases).locate(event(ip="81.2.69.1", place=said)).place
    assert (place.latitude, place.longitude, place.radius_km) == (41.9, 12.5, 5.0)
    assert (place.city, place.region, place.source) == ("Rome", "", "log")


def test_the_network_of_an_address_is_told_beside_the_place_of_the_log(databases):
    """And the place then names the database that it came from."""
    place = Locator(databases).locate(event(ip="81.2.69.1", place=Place(41.9, 12.5, 5.0, "IT"))).place
    assert (place.asn, place.organisation) == (3269, "ASN-IBSNAZ")
    assert "GeoLite2-ASN 2024-05-01" in place.build


def test_a_log_without_a_coordinate_takes_that_of_a_database_that_agrees(databases):
    """The log's own names stay, written as codes."""
    place = Locator(databases).locate(event(ip="81.2.69.1", place=Place(country="Italy", city="Milan"))).place
    assert (place.latitude, place.radius_km, place.country, place.city) == (45.46, 20, "IT", "Milan")
    assert place.source == "database"


def test_a_log_and_a_database_that_name_two_countries_give_no_coordinate(databases):
    """One of them is wrong and nobody knows which: that is no evidence against anyone."""
    place = Locator(databases).locate(event(ip="81.2.69.1", place=Place(country="FR"))).place
    assert not place.located
    assert (place.country, place.source) == ("FR", "log")


def test_without_a_place_in_the_log_the_databases_are_asked(databases):
    """Greenwich, at longitude 0, included."""
    locate = Locator(databases).locate
    milan, greenwich = locate(event(ip="81.2.69.1")).place, locate(event(ip="81.2.70.1")).place
    assert (milan.city, milan.source) == ("Milan", "database")
    assert milan.build == f"GeoLite2-ASN 2024-05-01, {BUILD}"
    assert (greenwich.latitude, greenwich.longitude, greenwich.located) == (51.48, 0.0, True)


@pytest.mark.parametrize("ip", ["", "9.9.9.9", "AWS Internal", "224.0.0.1", "240.0.0.1", "203.0.113.5", "2a02::1"])
def test_nobody_is_placed_where_nobody_knows(databases, ip):
    """No place at all, also for text that is no address, which stays as it is."""
    placed = Locator(databases).locate(event(ip=ip))
    assert placed.place is None
    assert placed.ip == ip


@pytest.mark.parametrize("said", [Place(), Place(source="log")])
def test_a_place_that_says_nothing_is_none(said):
    """An adapter may hand over an empty place."""
    assert Locator().locate(event(ip="9.9.9.9", place=said)).place is None


@pytest.mark.parametrize(
    "ip", ["10.0.0.1", "100.64.3.4", "127.0.0.1", "169.254.0.9", "fd00::1", "fe80::1", "::ffff:10.0.0.1"]
)
def test_internal_addresses_are_private_and_nowhere(databases, ip):
    """A private against a public address is a change of network, not a distance."""
    place = Locator(databases).locate(event(ip=ip)).place
    assert place.network_class == ("loopback" if ip in {"127.0.0.1", "::1"} else "private")
    assert not place.located


def test_a_log_may_place_an_internal_address_and_an_example_of_the_documentation(databases):
    """The coordinate stands; that the address is internal is said beside it."""
    said = Place(45.46, 9.19, 20.0, "IT", "", "Milan")
    locate = Locator(databases).locate
    inside, example = locate(event(ip="10.0.0.1", place=said)).place, locate(event(ip="203.0.113.5", place=said)).place
    assert (inside.located, inside.network_class) == (True, "private")
    assert (example.located, example.network_class) == (True, "")


def test_a_coordinate_of_the_log_that_contradicts_its_country_is_left_out():
    """Seen in real logs; the names stay, for rules that count countries."""
    place = Locator().locate(event(place=Place(37.77, -122.42, 0.0, "Argentina", "", "Wheelwright"))).place
    assert not place.located
    assert (place.country, place.city) == ("AR", "Wheelwright")


def test_the_users_own_list_sets_class_and_organisation_over_all_else(databases):
    """Those who run a VPN know its addresses."""
    networks = {"81.2.69.0/24": KnownNetwork("vpn", "St. Anna"), "10.0.0.0/8": "corporate", "9.9.9.0/24": "sase"}
    locate = Locator(databases, networks=networks).locate
    vpn, office, elsewhere = (locate(event(ip=ip)).place for ip in ("81.2.69.1", "10.0.0.1", "9.9.9.9"))
    assert (vpn.network_class, vpn.organisation, vpn.city) == ("vpn", "St. Anna", "Milan")
    assert (office.network_class, elsewhere.network_class) == ("corporate", "sase")
    said = Place(45.46, 9.19, 5.0, network_class="hosting", organisation="X")
    place = locate(event(ip="81.2.69.1", place=said)).place
    assert (place.network_class, place.organisation, place.radius_km) == ("vpn", "St. Anna", 5.0)


def test_a_list_of_networks_with_a_bad_line_is_refused():
    """Before the first event."""
    with pytest.raises(UsageError):
        Locator(networks={"office": "vpn"})


def test_what_was_placed_once_stands_unless_it_is_looked_up_anew(databases, tmp_path):
    """A stream that was placed with an older build gives the same alerts again, or on demand the newer answer."""
    once = Locator(databases).locate(event(ip="81.2.69.1")).place
    moved = {"81.2.69.0/24": city("IT", city="Rome", at=(41.9, 12.5), radius_km=10)}
    newer = Databases.open([write(tmp_path / "n.mmdb", moved, built=datetime(2025, 1, 1, tzinfo=UTC))])
    again = event(ip="81.2.69.1", place=once)
    assert Locator(newer).locate(again).place == once
    assert Locator().locate(again).place == once
    anew = Locator(newer, relocate=True).locate(again).place
    assert (anew.city, anew.build) == ("Rome", "GeoLite2-City 2025-01-01")
    assert Locator(relocate=True).locate(again).place is None


def test_looking_up_anew_keeps_the_logs_own_place_and_forgets_the_older_network(databases, tmp_path):
    """The network beside a log's place came from a database too."""
    said = Place(45.46, 9.19, 5.0, "IT", "", "Milan")
    once = Locator(databases).locate(event(ip="81.2.69.1", place=said)).place
    assert once.asn == 3269
    numbers = {"81.2.69.0/24": asn(64512, "MOVED")}
    newer = Databases.open([write(tmp_path / "n.mmdb", numbers, type="GeoLite2-ASN")])
    anew = Locator(newer, relocate=True).locate(event(ip="81.2.69.1", place=once)).place
    assert (anew.asn, anew.organisation, anew.latitude, anew.source) == (64512, "MOVED", 45.46, "log")


def test_only_the_attributes_that_rules_read_are_kept():
    """State holds what was read; None keeps all."""
    attributes = {"a": "1", "b": "2", "c": "3"}
    kept = [Locator(reads=reads).locate(event(attributes=attributes)).attributes for reads in (None, frozenset())]
    assert kept == [attributes, {}]
    assert Locator(reads=frozenset({"b", "z"})).locate(event(attributes=attributes)).attributes == {"b": "2"}
    assert attributes == {"a": "1", "b": "2", "c": "3"}


def test_the_build_names_all_databases_and_nothing_where_there_is_none(databases):
    """It is what alerts say they were judged with."""
    assert Locator(databases).build == f"GeoLite2-ASN 2024-05-01, {BUILD}"
    assert Locator().build == ""


def test_a_database_that_fails_over_an_address_leaves_it_unplaced_and_counted_each_time(tmp_path):
    """Counts must not depend on what was asked before, or two workers would report another sum than one."""
    broken = {"81.2.0.0/16": MILAN, "81.2.69.0/28": BROKEN, "80.0.0.0/8": MILAN}
    locator = Locator(Databases.open([write(tmp_path / "l.mmdb", broken, padding_bytes=WALKED_MAX_BYTES)]))
    said = Place(country="IT")
    placed = [locator.locate(event(ip="81.2.69.1", place=place)).place for place in (None, None, said, said)]
    assert [place is None for place in placed] == [True, True, False, False]
    assert not placed[-1].located
    assert locator.failed == {BUILD: 4}
    assert locator.locate(event(ip="81.2.70.1")).place.located


def test_strings_that_repeat_are_one_object():
    """State refers to them for as long as a subject lives."""
    locator = Locator()
    wire = msgspec.json.encode(event(user="ann", device="tablet-7", user_agent="Mozilla/5.0", source="okta"))
    one, other = (locator.locate(msgspec.json.decode(wire, type=SessionEvent)) for _ in range(2))
    for name in ("user", "device", "user_agent", "source"):
        assert getattr(one, name) is getattr(other, name)


ADDRESSES = st.sampled_from(["", "81.2.69.1", "81.2.69.2", "81.2.70.1", "10.0.0.1", "::ffff:81.2.69.1", "x", "2a02::1"])
PLACES = st.none() | st.builds(
    Place,
    st.sampled_from([None, 0.0, 45.46]),
    st.sampled_from([None, 0.0, 9.19]),
    st.sampled_from([0.0, 5.0]),
    st.sampled_from(["", "IT", "FR"]),
    source=st.sampled_from(["", "log", "database"]),
    build=st.sampled_from(["", BUILD]),
)


@given(st.lists(st.tuples(ADDRESSES, PLACES), max_size=30), st.integers(1, 4), st.booleans())
def test_what_is_said_of_an_event_does_not_depend_on_the_events_before_it(databases, sequence, room, relocate):
    """However small the memory of the locator, and whatever filled it."""
    networks = {"81.2.69.2/32": KnownNetwork("vpn", "St. Anna")}
    networks["81.2.69.1/32"] = KnownNetwork("corporate", "", to_us(AT) + 5_000_000)
    with mock.patch.object(module, "LOCATED_MAX", room), mock.patch.object(module, "STRINGS_MAX", room):
        used = Locator(databases, networks=networks, relocate=relocate)
        for n, (ip, place) in enumerate(sequence):
            one = event(ip=ip, place=place, user=f"user {n}", at=AT + timedelta(seconds=n * 7 % 11))
            fresh = Locator(databases, networks=networks, relocate=relocate)
            if n % 3 == 0:
                used.twin().warm([event(ip=ip) for ip, _ in sequence])
            assert used.locate(one) == fresh.locate(one)
            for memory in (used._addresses, used._places, used._aside):
                assert max(map(len, (memory.lasting, memory._older, memory._dated))) <= room
            assert len(used._strings) <= room + 5


@given(ADDRESSES, PLACES)
def test_a_placed_place_placed_again_is_the_same(databases, ip, place):
    """So a stream may be placed by one stage and read by the next."""
    locator = Locator(databases)
    once = locator.locate(event(ip=ip, place=place)).place
    if once is not None:
        assert locator.locate(event(ip=ip, place=once)).place == once


def test_who_is_believed_about_the_class_of_a_network():
    """The narrowest network of any list, the site's systems, the log, the curated systems; in this order."""
    curated = {"192.0.2.0/24": "cloud_backend", "AS64500": "hosting", "AS64501": "mobile", "198.51.100.64/26": "relay"}
    site = {"192.0.2.128/25": "corporate", "AS64501": "sase", "198.51.100.0/25": "vpn", "203.0.113.0/24": "corporate"}
    locate = Locator(networks=site, curated=curated | {"203.0.113.0/24": "tor"}).locate

    def said(ip: str, asn: int, network_class: str = "") -> str:
        return locate(event(ip=ip, place=Place(asn=asn, network_class=network_class))).place.network_class

    assert said("192.0.2.200", 64500, "vpn") == "corporate"
    assert said("192.0.2.20", 64501, "vpn") == "cloud_backend"
    assert said("198.51.100.1", 0) == "vpn"
    assert said("198.51.100.70", 0) == "relay"
    assert said("203.0.113.7", 64501) == "corporate"
    assert said("198.51.100.200", 64501, "vpn") == "sase"
    assert said("198.51.100.200", 64500, "vpn") == "vpn"
    assert said("198.51.100.200", 64500) == "hosting"
    assert said("198.51.100.200", 64502) == ""


def test_an_entry_that_expires_is_asked_for_each_event():
    """By the event's own time: nothing is remembered across the end of an entry, in either direction."""
    end = datetime(2026, 3, 2, 12, tzinfo=UTC)
    locate = Locator(networks={"192.0.2.0/24": KnownNetwork("vpn", "", to_us(end))}).locate
    before, after = (event(ip="192.0.2.7", at=end + timedelta(seconds=s)) for s in (-1, 0))
    classes = [locate(one).place for one in (before, after, before, after)]
    assert [place.network_class if place else None for place in classes] == ["vpn", None, "vpn", None]


def test_a_log_that_contradicts_itself_loses_its_coordinate_and_where_a_database_knows_better_its_country(databases):
    """San Francisco beside Argentina: the country stands unless a database knows the address; each is counted once."""
    said = Place(37.77, -122.42, 20.0, "Argentina", "", "Wheelwright", 64500, "X")
    alone = Locator()
    for _ in range(2):
        place = alone.locate(event(ip="81.2.69.1", place=said)).place
        assert (place.located, place.country, place.city) == (False, "AR", "Wheelwright")
    assert alone.set_aside == {"AR": 1}
    knows = Locator(databases)
    place = knows.locate(event(ip="81.2.69.1", place=said)).place
    assert (place.city, place.country, place.asn, place.source) == ("Milan", "IT", 64500, "database")
    place = knows.locate(event(ip="9.9.9.9", place=said)).place
    assert (place.located, place.country) == (False, "AR")
    assert knows.set_aside == {"AR": 2}


def test_an_entry_that_ends_is_looked_up_twice_and_not_for_each_event():
    """Also when events before and after its end come by turns: what holds until then is remembered until then."""
    end = datetime(2026, 3, 2, 12, tzinfo=UTC)
    locator = Locator(networks={f"10.0.{n}.0/24": KnownNetwork("vpn", str(n), to_us(end)) for n in range(200)})
    with mock.patch.object(locator, "_classed", wraps=locator._classed) as classed:
        for n in range(40):
            place = locator.locate(event(ip="10.0.7.7", at=end + timedelta(seconds=(-1) ** n * n - 1))).place
            assert (place.network_class, place.organisation) == (("vpn", "7") if n % 2 or not n else ("private", ""))
    assert classed.call_count == 2


def test_a_twin_remembers_the_same_and_counts_for_itself(databases):
    """One looks through a log before the other judges it: neither may change what the other reports."""
    said = Place(37.77, -122.42, 20.0, "Argentina", "", "Wheelwright")
    one = Locator(databases)
    other = one.twin()
    events = [event(ip=f"81.2.69.{n}") for n in range(9)]
    one.warm(events)
    with mock.patch.object(Databases, "look_up", side_effect=AssertionError):
        assert [other.locate(each).place.city for each in events] == ["Milan"] * 9
        assert all(other.remembers(each) for each in events)
    for locator in (one, one, other):
        assert not locator.locate(event(ip="9.9.9.9", place=said)).place.located
    assert (one.set_aside, other.set_aside) == ({"AR": 1}, {"AR": 1})


def test_warming_counts_no_failure_and_remembers_none(tmp_path):
    """What a broken record costs is counted where an event meets it."""
    broken = {"81.2.0.0/16": MILAN, "81.2.69.0/28": BROKEN, "80.0.0.0/8": MILAN}
    locator = Locator(Databases.open([write(tmp_path / "l.mmdb", broken, padding_bytes=WALKED_MAX_BYTES)]))
    events = [event(ip=f"81.2.{n}.1") for n in range(60, 80)]
    locator.warm(events)
    assert locator.failed == {}
    assert [one.ip for one in events if not locator.remembers(one)] == ["81.2.69.1"]
    assert [locator.locate(one).place is None for one in events].count(True) == 1
    assert locator.failed == {BUILD: 1}


def test_a_database_that_knows_the_country_alone_is_believed_over_a_log_that_contradicts_itself(tmp_path):
    """It needs no coordinate for that."""
    countries = Databases.open([write(tmp_path / "c.mmdb", {"81.2.69.0/24": city("GB")}, type="GeoLite2-Country")])
    said = Place(37.77, -122.42, 20.0, "Argentina", "", "Wheelwright")
    place = Locator(countries).locate(event(ip="81.2.69.1", place=said)).place
    assert (place.located, place.country, place.city) == (False, "GB", "")
