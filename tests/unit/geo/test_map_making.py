"""How the bundled map is made: nothing is lost in packing, and no radius is smaller than the error of merging."""

from __future__ import annotations

import io
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from geo.countries import country_radius_km
from geo.distance import great_circle_km
from geo.map_codec import pack, unpack
from geo.map_making import sources
from geo.map_making.accuracy import ADDRESSES_COMPARED, MARK_BEGIN, MARK_END, write_table
from geo.map_making.cells import CELL_RADIUS_KM, clustered, made
from geo.map_making.packing import write_map
from geo.map_making.sources import City, Package, Spot
from geo.packed import UNPACKED_MAGIC, MapTitle, header_in
from sessionwatch.errors import DatabaseError
from tests.unit.geo import mmdb
from tests.unit.geo.made_maps import BERN, GENEVA, KOENIZ, MILAN, PEOPLE, source

SPOTS = st.builds(
    Spot,
    st.sampled_from(["CH", "FJ"]),
    st.sampled_from(["", "North"]),
    st.sampled_from(["A", "B", "C"]),
    st.floats(-90, 90) | st.floats(46.0, 46.5) | st.just(-90.0),
    st.floats(-180, 180) | st.floats(179.8, 180) | st.floats(-180, -179.8) | st.floats(7.0, 7.6),
)


@given(st.lists(st.integers(1, 2**62), max_size=30), st.lists(st.integers(0, 2**16 - 1), max_size=30))
@example([1, 1, 2**62, 128, 127], [0, 65535])
def test_what_is_unpacked_is_what_was_packed(tmp_path_factory, gaps, ids):
    """Starts, numbers and texts, also none of them."""
    path = tmp_path_factory.mktemp("codec") / "x.map"
    starts = np.cumsum([0, *gaps], dtype=np.uint64)
    starts = starts[np.concatenate([[True], starts[1:] > starts[:-1]])]  # sums that went round are left out
    starts = starts[: int(np.argmax(np.concatenate([starts[1:] < starts[:-1], [True]]))) + 1]
    narrow = np.unique(starts & np.uint64(2**32 - 1)).astype(np.uint32)
    narrow = narrow if narrow[0] == 0 else np.concatenate([[0], narrow]).astype(np.uint32)
    text = np.frombuffer("a\nÄ\n\n".encode(), np.uint8)
    arrays = {"wide_starts": starts, "starts": narrow, "ids": np.array(ids, np.uint16), "texts": text}
    pack(path, MapTitle("b", "2026-06-01T00:00:00+00:00", ""), arrays)
    out = io.BytesIO()
    unpack(path, out)
    raw = out.getvalue()
    header, begin = header_in(raw, UNPACKED_MAGIC, path)

    def array(name):
        section = header.sections[name]
        at = begin + section.begins
        return np.frombuffer(raw[at : at + section.size_bytes], np.dtype("<" + section.type))

    high = np.repeat(array("wide_starts_high"), np.diff(array("wide_starts_from"))).astype(np.uint64)
    assert (high << np.uint64(32) | array("wide_starts_low")).tolist() == starts.tolist()
    assert array("starts").tolist() == narrow.tolist()
    assert array("ids").tolist() == ids
    assert array("texts_at").tolist() == [0, 2, 5, 6]
    assert len(raw) == begin + sum(s.size_bytes + -s.size_bytes % 8 for s in header.sections.values())


@given(st.lists(st.tuples(SPOTS, st.floats(0, 1e6)), min_size=1, max_size=25))
def test_no_radius_is_smaller_than_the_error_of_merging_beside_that_of_a_city(weighted):
    """Whatever is merged, also at the poles and the date line: 50 km remain for the source."""
    spots = [spot for spot, _ in weighted]
    weights = np.array([weight for _, weight in weighted])
    cell_of, cells = made(spots, [weights], PEOPLE)
    for spot, cell in zip(spots, cell_of.tolist(), strict=True):
        lat, lon = float(cells.latitudes[cell]) / 100, float(cells.longitudes[cell]) / 100
        assert great_circle_km(spot.latitude, spot.longitude, lat, lon) + 50 <= float(cells.radii_km[cell]) + 1e-3
        assert cells.countries[cell] == spot.country


def test_neighbours_of_one_country_become_one_cell_where_most_of_its_addresses_are():
    """Across a border they do not."""
    abroad = Spot("FR", "", "Bourg", BERN.latitude, BERN.longitude)
    spots, weights = [KOENIZ, BERN, GENEVA, abroad], np.array([10.0, 90.0, 50.0, 1.0])
    cell_of, leaders = clustered(spots, weights)
    assert cell_of[0] == cell_of[1]
    assert len({*cell_of.tolist()}) == 3
    assert spots[leaders[cell_of[0]]] == BERN
    _, cells = made(spots, [weights], PEOPLE)
    assert "Köniz" not in cells.cities


def test_a_cell_over_the_date_line_is_one_cell():
    """It has two longitudes, which are 2 km apart."""
    east, west = Spot("FJ", "", "East", -16.8, 179.99), Spot("FJ", "", "West", -16.8, -179.99)
    cell_of, _ = clustered([east, west], np.array([2.0, 1.0]))
    assert cell_of[0] == cell_of[1]


def test_a_city_with_more_addresses_than_people_is_as_wide_as_its_country_s_people():
    """Geneva lies 130 km from Bern; a city that its people explain stays narrow."""
    people = [City("CH", "Bern", 500_000, 46.95, 7.45), City("CH", "Geneva", 500_000, 46.2, 6.15)]
    bern_km = great_circle_km(BERN.latitude, BERN.longitude, GENEVA.latitude, GENEVA.longitude)
    _, even = made([BERN, GENEVA], [np.array([50.0, 50.0])], people)
    assert even.radii_km.max() <= 51
    assert not even.hubs.any()
    cell_of, hub = made([BERN, GENEVA], [np.array([90.0, 10.0])], people)
    assert hub.radii_km[cell_of[0]] >= bern_km
    assert (hub.hubs[cell_of[0]], hub.hubs[cell_of[1]]) == (True, False)
    assert hub.radii_km[cell_of[1]] <= 51


def test_a_hub_of_either_family_is_one_and_of_a_country_without_known_people_as_wide_as_the_country():
    """Nothing is known that would make it narrower."""
    cell_of, cells = made([BERN, GENEVA], [np.array([41.0, 59.0]), np.array([1.0, 0.0])], PEOPLE)
    assert cells.hubs[cell_of[0]]
    _, unknown = made([MILAN], [np.array([1.0])], [])
    assert unknown.radii_km.tolist() == [country_radius_km("IT")]


def test_too_many_cells_are_refused(tmp_path):
    """Their numbers have 16 bits."""
    with mock.patch("geo.map_making.packing.CELLS_MAX", 1), pytest.raises(ValueError, match="2 cells; at most 1"):
        write_map(source({"5.0.0.0/24": BERN, "5.0.1.0/24": MILAN}), tmp_path / "x.map")
    assert CELL_RADIUS_KM < 25


def test_the_same_source_gives_the_same_bytes(tmp_path):
    """So that anybody can check where the map comes from."""
    given_networks = {"5.0.0.0/24": BERN, "5.0.1.0/24": MILAN, "9.0.0.0/8": KOENIZ}
    one, two = tmp_path / "1.map", tmp_path / "2.map"
    write_map(source(given_networks, {"2a00::/32": BERN}), one)
    write_map(source(given_networks, {"2a00::/32": BERN}), two)
    assert one.read_bytes() == two.read_bytes()


def test_lines_of_numbers_become_ranges_and_of_a_shared_64_the_first_speaks(tmp_path):
    """IPv6 is counted in /64."""
    lines = tmp_path / "n.csv"
    lines.write_text('16777216,16777471,64500,"Example, Net"\n16777472,16777727,64500,x\n33554432,4294967295,7,y\n')
    names: dict[int, str] = {}
    read = sources.read_numbers(lines, 32, names)
    assert read.starts.tolist() == [0, 16777216, 16777728, 33554432]
    assert read.ids.tolist() == [0, 64500, 0, 7]
    assert names == {64500: "Example, Net", 7: "y"}
    lines.write_text(f"{5 << 64},{(5 << 64) + 9},1,a\n{(5 << 64) + 10},{6 << 64},2,b\n{7 << 64},{(8 << 64) - 1},3,c\n")
    read = sources.read_numbers(lines, 128, names)
    assert (read.starts.tolist(), read.ids.tolist()) == ([0, 5, 6, 7, 8], [0, 1, 0, 3, 0])


def test_an_archive_that_is_not_the_pinned_one_is_refused(tmp_path):
    """Nothing unpacks what somebody else put there."""
    (tmp_path / "some-1.tgz").write_bytes(b"other")
    with pytest.raises(DatabaseError, match="not the pinned"):
        sources.fetched(Package("some", "1", "x"), tmp_path)


def test_cities_and_their_people_are_read_from_protocol_buffers(tmp_path):
    """Coordinates are differences; sections of cities are left out, and count for the next difference."""

    def city(name, feature, people, east, north):
        fields = b"\x12" + bytes([len(name)]) + name + b"\x1a\x02CH" + b"\x3a" + bytes([len(feature)]) + feature
        fields += b"\x48" + varint(people) + b"\x50" + varint(zigzag(east)) + b"\x58" + varint(zigzag(north))
        return bytes([len(fields)]) + fields

    def varint(number):
        return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)

    def zigzag(number):
        return number << 1 ^ number >> 63

    file = tmp_path / "c.pbf"
    file.write_bytes(city(b"Bern", b"PPLC", 300, 745000, 4695000) + city(b"Part", b"PPLX", 9, -100, -100))
    assert sources.read_people(file) == [City("CH", "Bern", 300, 46.95, 7.45)]


def test_a_database_with_records_of_another_width_is_refused(tmp_path):
    """It would be read as something else."""
    wide = mmdb.write(tmp_path / "w.mmdb", {"5.0.0.0/24": {"city": "x"}})
    with pytest.raises(DatabaseError, match="records of 32 bits; expected 28"):
        sources.read_cities(wide)


def test_the_tables_stand_in_the_page_between_their_marks(tmp_path, root):
    """The page has what the command made, for as many addresses as it says."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{MARK_BEGIN}old\n{MARK_END}after\n", encoding="utf-8")
    write_table(page, "| new |\n")
    assert page.read_text(encoding="utf-8") == f"before\n{MARK_BEGIN}\n| new |\n\n{MARK_END}after\n"
    shown = (root / "docs" / "geography.md").read_text(encoding="utf-8").split(MARK_BEGIN)[1].split(MARK_END)[0]
    assert f"| {ADDRESSES_COMPARED:,} |" in shown
