"""`sessionwatch where`, as a user types it."""

from __future__ import annotations

import json
import re

from tests.replay.command import sessionwatch
from tests.unit.geo.mmdb import asn, city, write


def test_tells_where_how_sure_what_network_and_who_says_so(tmp_path):
    """A place, an address of each scope, and a network that a list knows; a name is told to be no address."""
    milan = city("IT", city="Milan", region="Lombardy", at=(45.4642, 9.19), radius_km=20)
    cities = write(tmp_path / "city.mmdb", {"81.2.69.0/24": milan, "81.2.70.0/24": city("GB", at=(54.0, -2.0))})
    numbers = write(tmp_path / "asn.mmdb", {"81.2.69.0/24": asn(3269, "ASN-IBSNAZ")}, type="GeoLite2-ASN")
    asked = ["81.2.69.7", "81.2.70.1", "10.1.2.3", "2002:5102:4507::1", "mail.example", "8.8.8.8", "203.0.113.9"]
    told = sessionwatch("where", *asked, "--geo", cities, "--geo", numbers)
    assert told.code == 3, told.err
    assert told.out.splitlines()[:5] == [
        "81.2.69.7: Milan, IT, within 20 km",
        "  coordinate  45.4642, 9.1900",
        "  operator    AS3269 ASN-IBSNAZ",
        "  class       ordinary, or not known",
        "  from        GeoLite2-ASN 2024-05-01, GeoLite2-City 2024-05-01",
    ]
    for line in (
        "10.1.2.3: inside one organisation (RFC 1918, RFC 4193): no place",
        "2002:5102:4507::1: reserved, or a tunnel whose other end is elsewhere: no place",
        "mail.example: no address: host names are not looked up",
        "203.0.113.9: for documentation (RFC 5737, RFC 3849)",
        "  class       anycast",
    ):
        assert line in told.out.splitlines()
    assert "81.2.70.1: GB, within " in told.out


def test_tells_machines_the_same_and_asks_lists_at_an_instant(tmp_path):
    """One JSON object an address; an entry of a list that has expired says nothing."""
    networks = tmp_path / "ours.yaml"
    entry = '{network: 192.0.2.0/24, class: vpn, organisation: St. Anna, reason: x, owner: IT, until: "2026-07-01"}'
    networks.write_text(f"id: ours\ntitle: Ours\ntype: network_classes\nentries:\n  - {entry}\n", "utf-8")
    for at, wanted in (("2026-06-30", "vpn"), ("2026-07-01T00:00:00Z", "")):
        told = sessionwatch("where", "192.0.2.7", "--networks", networks, "--at", at, "--json")
        (line,) = told.out.splitlines()
        assert json.loads(line)["network_class"] == wanted
    refused = sessionwatch("where", "192.0.2.7", "--at", "tomorrow")
    assert refused.code == 2
    assert "write 2026-03-02" in refused.err


def test_without_a_database_the_bundled_map_answers_and_its_makers_are_thanked():
    """Until it is asked not to. An address for documentation is no place, whatever the map."""
    told = sessionwatch("where", "133.13.1.1")
    assert told.out.startswith("133.13.1.1: Chiyoda City, JP, within ")
    assert "places: IP Geolocation by DB-IP" in told.out
    assert told.err == ""
    alone = sessionwatch("where", "133.13.1.1", "--geo", "none")
    assert "nobody knows where" in alone.out
    assert "DB-IP" not in sessionwatch("where", "192.0.2.1").out + alone.out


def test_draws_places_with_their_radii_and_nothing_that_is_no_place(tmp_path):
    """One page that fetches nothing; what people wrote is escaped; a page that cannot be written is refused first."""
    cities = write(tmp_path / "city.mmdb", {"81.2.69.0/24": city("IT", city="Milan", at=(45.46, 9.19), radius_km=20)})
    page = tmp_path / "places.html"
    told = sessionwatch("where", "81.2.69.7", "8.8.8.8", "<script>x</script>", "--geo", cities, "--map", page)
    assert told.code == 3, told.err
    text = page.read_text("utf-8")
    assert text.count("<circle") == 1
    assert "Milan, IT, within 20 km" in text
    assert "anycast" in text
    assert "<script" not in text
    assert not re.findall(r"(?:src|href)=\"?(?!#)", text)
    refused = sessionwatch("where", "81.2.69.7", "--map", tmp_path)
    assert refused.code == 2
    assert "--map" in refused.err


def test_the_page_names_no_folder_of_who_made_it(tmp_path):
    """It is handed on: databases and lists stand in it by their builds and names, never by their paths."""
    cities = write(tmp_path / "city.mmdb", {"81.2.69.0/24": city("IT", city="Milan", at=(45.46, 9.19), radius_km=20)})
    networks = tmp_path / "ours.yaml"
    entry = "{network: 81.2.69.0/24, class: vpn, organisation: St. Anna, reason: x, owner: IT}"
    networks.write_text(f"id: ours\ntitle: Ours\ntype: network_classes\nentries:\n  - {entry}\n", "utf-8")
    page = tmp_path / "places.html"
    told = sessionwatch("where", "81.2.69.7", "--geo", cities, "--networks", networks, "--map", page)
    assert told.code == 0, told.err
    assert "St. Anna" in page.read_text("utf-8")
    assert str(tmp_path) not in page.read_text("utf-8") + told.out


def test_networks_that_are_no_place_are_told_and_not_drawn(tmp_path):
    """A gateway's coordinate is nobody's; a VPN, a telephone and a rented machine are drawn where they lie."""
    drawn, hidden = (
        ("vpn", "tor", "mobile", "hosting", "corporate"),
        ("relay", "sase", "satellite", "cloud_backend", "anycast"),
    )
    classes = (*drawn, *hidden)
    milan = city("IT", city="Milan", at=(45.46, 9.19), radius_km=20)
    cities = write(tmp_path / "city.mmdb", {"81.2.64.0/20": milan})
    entries = [
        f"  - {{network: 81.2.{64 + n}.0/24, class: {name}, reason: x, owner: IT}}\n" for n, name in enumerate(classes)
    ]
    networks = tmp_path / "ours.yaml"
    networks.write_text("id: ours\ntitle: Ours\ntype: network_classes\nentries:\n" + "".join(entries), "utf-8")
    page = tmp_path / "places.html"
    asked = [f"81.2.{64 + n}.7" for n in range(len(classes))]
    told = sessionwatch("where", *asked, "--geo", cities, "--networks", networks, "--map", page)
    assert told.code == 0, told.err
    text = page.read_text("utf-8")
    assert text.count("<circle") == len(drawn)
    for name in hidden:
        assert f"no place of a person: {name} (the network is put in Milan, IT)" in text


def test_what_is_no_address_is_told_why_and_what_to_type():
    """Ports, brackets, prefixes, zeros, nothing at all; the others are told as ever, and the code is 3."""
    wanted = {
        "80.114.221.214:52378": "no address: it has a port; give the bare address, 80.114.221.214",
        "[2a01::1]:47114": "no address: it has a port; give the bare address, 2a01::1",
        "[2a01::1]": "no address: it has brackets; give the bare address, 2a01::1",
        "010.1.1.1": "no address: it has a leading zero; give the bare address, 10.1.1.1 unless it is octal",
        "41.76.192.9/24": "no address: it has a prefix; give the bare address, 41.76.192.9",
        "": "no address: it is empty; give an address such as 192.0.2.7",
        "mail.example:25": "no address: host names are not looked up",
        "300.1.1.1": "no address: IPv4 is four numbers from 0 to 255, with dots between them",
    }
    told = sessionwatch("where", *wanted, "192.0.2.1", "--geo", "none")
    assert told.code == 3
    for written, said in wanted.items():
        assert f"{written or '(empty)'}: {said}" in told.out.splitlines()
    assert "192.0.2.1: for documentation (RFC 5737, RFC 3849)" in told.out.splitlines()
    for words in (("192.0.2.1/24",), ("192.0.2.1/24", "--json")):
        assert sessionwatch("where", *words, "--geo", "none").code == 3
    sound = sessionwatch("where", "fe80::1%eth0", "--geo", "none")
    assert (sound.code, sound.out.splitlines()[0]) == (0, "fe80::1%eth0: link-local: one cable or radio: no place")
