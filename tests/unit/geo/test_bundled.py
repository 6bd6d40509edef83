"""The bundled map: what a packed map answers, and how it is unpacked for the first time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from geo.addresses import address
from geo.bundled import UNPACKED_SUFFIX, BundledMap, bundled_map, opened
from geo.cache import cache_folders
from geo.completion import NOWHERE
from geo.databases import Databases
from models.places import Place
from sessionwatch.errors import DatabaseError
from tests.unit.geo import mmdb
from tests.unit.geo.made_maps import BERN, GENEVA, KOENIZ, MILAN, source, write

V4 = {"5.0.0.0/24": BERN, "5.0.1.0/24": KOENIZ, "5.0.2.0/23": GENEVA, "9.0.0.0/8": MILAN, "223.255.255.255/32": BERN}
V6 = {"2a00::/32": BERN, "2a00:1:0:1::/64": MILAN, "2a00:1:0:2::/63": GENEVA}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A packed map of a few networks; part of 9.0.0.0/8 is announced by another, the rest of it by nobody."""
    announced = dict.fromkeys((cidr for cidr in (*V4, *V6) if cidr != "9.0.0.0/8"), 64500) | {"9.1.0.0/16": 64501}
    return write(tmp_path_factory.mktemp("packed") / "a.map", source(V4, V6, announced=announced))


@pytest.fixture(scope="module")
def made(packed, tmp_path_factory) -> BundledMap:
    """The same, unpacked."""
    return opened(packed, (tmp_path_factory.mktemp("cache"),))


def ask(made: BundledMap, ip: str) -> Place:
    """The place alone."""
    return made.look_up(address(ip))[0]


def test_a_place_says_all_that_is_known_and_by_which_build(made):
    """As a database would."""
    place = ask(made, "9.1.2.3")
    assert (place.latitude, place.longitude, place.country, place.region, place.city) == (
        45.46,
        9.19,
        "IT",
        "Lombardy",
        "Milan",
    )
    assert (place.asn, place.organisation, place.source, place.build) == (
        64501,
        "Beispiel AG",
        "database",
        "invented-2026-06",
    )


def test_the_first_and_the_last_address_of_a_network_are_in_it_and_their_neighbours_are_not(made):
    """A range ends where it ends, in both families."""
    inside = ["5.0.2.0", "5.0.3.255", "2a00:1:0:2::", "2a00:1:0:3:ffff:ffff:ffff:ffff"]
    assert {ask(made, ip).city for ip in inside} == {"Geneva"}
    outside = ["4.255.255.255", "5.0.4.0", "10.0.0.0", "2a00:1::ffff", "2a00:1:0:4::", "29ff:ffff:ffff:ffff::"]
    assert {ask(made, ip) for ip in outside} == {NOWHERE}
    assert ask(made, "223.255.255.255").city == "Bern"
    assert (ask(made, "2a00::").city, ask(made, "2a00:0:ffff:ffff:ffff::1").city) == ("Bern", "Bern")
    assert ask(made, "2a00:1:0:1::9").city == "Milan"


def test_an_answer_is_good_for_the_whole_network_that_it_names_and_for_no_more(made):
    """Answers are remembered by network."""
    assert made.look_up(address("5.0.3.7"))[1] == 23
    assert made.look_up(address("9.1.2.3"))[1] == 16
    assert made.look_up(address("9.0.2.3"))[1] == 16
    assert made.look_up(address("9.128.0.1"))[1] == 9
    assert made.look_up(address("2a00:1:0:3::9"))[1] == 63


def test_ipv4_keeps_what_nobody_announces_today_and_ipv6_does_not(packed, tmp_path):
    """The source fills all of IPv6, also what was never given out."""
    assert (ask(opened(packed, (tmp_path,)), "9.200.0.1").city, ask(opened(packed, (tmp_path,)), "9.200.0.1").asn) == (
        "Milan",
        0,
    )
    unannounced = write(tmp_path / "b.map", source(V4, V6, announced={"2a00::/32": 64500}))
    made = opened(unannounced, (tmp_path,))
    assert (ask(made, "2a00::1").city, ask(made, "2a00:1:0:1::1")) == ("Bern", NOWHERE)


@pytest.mark.parametrize("ip", ["192.0.2.1", "2002:500::1", "2001:0:5::1", "ff02::1", "10.1.2.3"])
def test_what_is_no_place_has_none(made, ip):
    """Examples, tunnels, groups: whatever a source says of them."""
    assert ask(made, ip) is NOWHERE


def test_many_asked_at_once_are_told_what_each_alone_is(made):
    """Both families, edges of networks, what is no place, and no address at all."""
    edges = ["5.0.2.0", "5.0.3.255", "5.0.4.0", "9.1.2.3", "223.255.255.255", "1.0.0.0", "10.1.2.3", "224.0.0.1"]
    asked = [address(ip) for ip in (*edges, "2a00:1:0:2::", "2a00:1:0:4::", "::1", "5.0.2.0", "2002:500::1")]
    assert made.look_up_many(asked) == [made.look_up(one)[0] for one in asked]
    assert Databases([], made).look_up_many(asked) == [made.look_up(one)[0] for one in asked]
    assert Databases().look_up_many(asked[:2]) == [NOWHERE, NOWHERE]


def test_ipv4_written_in_ipv6_is_that_ipv4_address(made):
    """As everywhere."""
    assert ask(made, "::ffff:5.0.2.1").city == "Geneva"


def test_the_map_answers_what_databases_leave_open_however_new_it_is(made, tmp_path):
    """And thanks are due only where it did."""
    city = {"5.0.0.0/24": mmdb.city("FR", city="Lyon", at=(45.76, 4.83), radius_km=5)}
    own = Databases.open([mmdb.write(tmp_path / "city.mmdb", city, type="GeoIP2-City")], made)
    assert own.build == "GeoIP2-City 2024-05-01, invented-2026-06"
    first = own.look_up(address("5.0.0.1"))[0]
    assert (first.city, first.radius_km, first.asn) == ("Lyon", 5, 64500)
    assert (own.look_up(address("5.0.2.1"))[0].city, own.attributions) == ("Geneva", {made.attribution})
    alone = Databases([], made)
    assert (alone.attributions, alone.look_up(address("192.0.2.1"))[0], alone.attributions) == (set(), NOWHERE, set())


SEVERAL = """
import sys
from pathlib import Path
from geo.addresses import address
from geo.bundled import opened
made = opened(Path(sys.argv[1]), (Path(sys.argv[2]),), lambda line: print("said", line))
print(made.look_up(address("5.0.2.1"))[0].city)
"""


def test_processes_that_start_at_once_all_find_the_map_and_one_file_is_left(packed, tmp_path, root):
    """Each answers, whoever unpacked."""
    command = [sys.executable, "-c", SEVERAL, packed, tmp_path]
    started = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    told = [process.communicate()[0] for process in started]
    assert all(out.splitlines()[-1] == "Geneva" for out in told)
    assert [path.suffix for path in tmp_path.iterdir() if path.name != "lock"] == [UNPACKED_SUFFIX]


def test_the_second_use_says_nothing_and_an_older_version_s_map_is_removed(packed, tmp_path):
    """Only what takes time is said."""
    old = tmp_path / f"0123{UNPACKED_SUFFIX}"
    old.write_bytes(b"old")
    (tmp_path / "mine.txt").write_text("kept", encoding="utf-8")
    said: list[str] = []
    opened(packed, (tmp_path,), said.append)
    assert len(said) == 1
    assert str(tmp_path) in said[0]
    assert not old.exists()
    assert (tmp_path / "mine.txt").exists()
    again = packed.with_name("again.map")  # another path: this process remembers what it opened
    again.write_bytes(packed.read_bytes())
    opened(again, (tmp_path,), said.append)
    assert len(said) == 1


HOLDS = """
import sys
from pathlib import Path
from geo.bundled import opened
made = opened(Path(sys.argv[1]), (Path(sys.argv[2]),))
print("open", flush=True)
sys.stdin.read()
"""


def test_what_nobody_uses_is_swept_from_the_cache_and_what_somebody_uses_stays(packed, tmp_path, root):
    """At every start, also where the map is there already: maps of other versions, and halves of those who died."""
    cache = tmp_path / "cache"
    other = write(tmp_path / "other.map", source({"5.0.0.0/24": BERN}))
    command = [sys.executable, "-c", HOLDS, other, cache]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holding:
        assert holding.stdout.readline() == "open\n"
        (used,) = cache.glob(f"*{UNPACKED_SUFFIX}")
        young, old = cache / "young.part", cache / "old.part"
        young.write_bytes(b"")
        old.write_bytes(b"")
        os.utime(old, (0, 0))
        copies = [packed.with_name(f"copy {n}.map") for n in range(3)]  # this process remembers what it opened
        for copy in copies:
            copy.write_bytes(packed.read_bytes())
        opened(copies[0], (cache,))
        assert used.exists()
        assert (young.exists(), old.exists()) == (True, False)
        holding.communicate("")
    opened(copies[1], (cache,))
    assert not used.exists()
    assert ask(opened(copies[2], (cache,)), "5.0.2.1").city == "Geneva"


def test_a_map_in_memory_is_written_once_for_several_workers(packed, tmp_path):
    """Where there is no cache, the folder of the run itself serves."""
    blocked, run = tmp_path / "file", tmp_path / "run"
    blocked.write_bytes(b"")
    run.mkdir(mode=0o700)
    lonely = packed.with_name("lonely.map")
    lonely.write_bytes(packed.read_bytes())
    made = opened(lonely, (blocked / "cache",))
    assert made.in_memory
    made.write(run)
    said: list[str] = []
    shared = opened(lonely, (run, blocked / "cache"), said.append)
    assert (shared.in_memory, said, ask(shared, "5.0.2.1").city) == (False, [], "Geneva")


def test_an_unpacked_map_that_was_cut_short_is_made_again(packed, tmp_path):
    """A full disk must not place people wrongly."""
    other = tmp_path / "other.map"
    other.write_bytes(packed.read_bytes())
    cache = tmp_path / "cache"
    opened(packed, (cache,))
    (file,) = cache.glob(f"*{UNPACKED_SUFFIX}")
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    assert ask(opened(other, (cache,)), "5.0.2.1").city == "Geneva"
    assert file.read_bytes() == whole


def test_an_unpacked_map_with_damage_inside_fails_look_ups_and_is_found_by_reading_it_whole(packed, tmp_path):
    """Contents that never reached the disk: some answers cannot be given, and that is counted, never a traceback."""
    copy, cache = tmp_path / "copy.map", tmp_path / "cache"
    copy.write_bytes(packed.read_bytes())
    opened(packed, (cache,)).check()
    (file,) = cache.glob(f"*{UNPACKED_SUFFIX}")
    whole = file.read_bytes()
    half = len(whole) - (len(whole) - whole.index(b"\n", 40)) // 2
    file.write_bytes(whole[:half] + bytes(len(whole) - half))
    damaged = opened(copy, (cache,))
    asked = [address(ip) for ip in ("5.0.0.1", "5.0.2.1", "9.1.2.3", "2a00::1", "2a00:1:0:2::", "10.1.2.3")]
    databases = Databases([], damaged)
    alone = [databases.look_up(one) for one in asked]
    assert alone[-1] == (NOWHERE, True)
    lost = [whole for _, whole in alone].count(False)
    assert databases.failed == {"invented-2026-06": lost}
    assert lost == 5
    assert Databases([], damaged).look_up_many(asked) == [*[None] * 5, NOWHERE]
    for refused in (lambda: damaged.look_up(asked[0]), damaged.check):
        with pytest.raises(DatabaseError, match="remove the file, and the next start makes it again") as caught:
            refused()
        assert str(file) in str(caught.value)


def test_one_changed_byte_anywhere_in_an_unpacked_map_is_found_by_reading_it_whole(packed, tmp_path):
    """Where it only moves people somewhere else, no look-up can tell."""
    opened(packed, (tmp_path / "first",))
    (file,) = (tmp_path / "first").glob(f"*{UNPACKED_SUFFIX}")
    whole = file.read_bytes()
    begin = whole.index(b"\n", 40) + 1
    for n, at in enumerate((begin, (begin + len(whole)) // 2, len(whole) - 1)):
        cache, copy = tmp_path / f"cache {n}", tmp_path / f"{n}.map"
        cache.mkdir(mode=0o700)
        copy.write_bytes(packed.read_bytes())
        (cache / file.name).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(DatabaseError, match="damaged"):
            opened(copy, (cache,)).check()


def test_contents_are_on_the_disk_before_the_name_is(packed, tmp_path, monkeypatch):
    """A power cut leaves the whole map or none; and one made before maps had a hash of their contents is made again."""
    synced: list[str] = []
    real = os.fsync

    def seen(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", seen)
    opened(packed, (tmp_path / "cache",))
    assert [name.endswith(".part") for name in synced] == [True, False]
    assert synced[1] == str(tmp_path / "cache")
    (file,) = (tmp_path / "cache").glob(f"*{UNPACKED_SUFFIX}")
    whole, copy = file.read_bytes(), tmp_path / "copy.map"
    copy.write_bytes(packed.read_bytes())
    file.write_bytes(re.sub(rb',"body":"[0-9a-f]{64}"}', b"}" + b" " * 75, whole, count=1))
    opened(copy, (tmp_path / "cache",)).check()
    assert file.read_bytes() == whole


def test_without_a_folder_to_write_to_the_map_is_in_memory_and_that_is_said(packed, tmp_path):
    """Slower, and it works. A file stands where the folder should be, which stops the superuser too."""
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    said: list[str] = []
    assert ask(opened(packed, (blocked / "cache",), said.append), "5.0.2.1").city == "Geneva"
    assert len(said) == 1
    assert "memory" in said[0]
    second: list[str] = []
    assert ask(opened(packed, (blocked / "cache", tmp_path / "spare"), second.append), "5.0.2.1").city == "Geneva"
    assert any("SESSIONWATCH_CACHE" in line for line in second)


def test_a_folder_that_others_can_write_to_is_not_trusted(packed, tmp_path):
    """Somebody else's file there would say where people are."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    opened(packed, (shared, tmp_path / "own"))
    assert list(shared.iterdir()) == []


def test_the_folder_is_the_one_named_else_the_user_s(monkeypatch, tmp_path):
    """A relative XDG_CACHE_HOME counts as none, as its specification says."""
    monkeypatch.setenv("SESSIONWATCH_CACHE", str(tmp_path / "named"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert next(cache_folders()) == tmp_path / "named"
    monkeypatch.delenv("SESSIONWATCH_CACHE")
    assert next(cache_folders()) == tmp_path / "xdg" / "sessionwatch"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert next(cache_folders()) == tmp_path / "home" / ".cache" / "sessionwatch"
    assert str(os.getuid()) in list(cache_folders())[-1].name


def test_a_damaged_map_is_refused_in_one_line_whatever_is_damaged(packed, tmp_path):
    """Cut short anywhere, one byte changed anywhere, or no map at all."""
    whole = packed.read_bytes()
    bad = tmp_path / "bad.map"
    damages = [b"", b"no map", whole[:40], whole[:-1], whole[: len(whole) // 2]]
    damages += [
        whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in (0, 25, len(whole) // 2, len(whole) - 1)
    ]
    for damage in damages:
        bad.write_bytes(damage)
        with pytest.raises(DatabaseError) as caught:
            opened(bad, (tmp_path / "cache",))
        assert str(bad) in str(caught.value)
        assert "install sessionwatch again" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_map_that_comes_with_sessionwatch_is_small_and_places_the_world():
    """Well-known networks, which have not moved in years; a hub knows that it is one."""
    made = bundled_map()
    assert made.path.stat().st_size <= 10_000_000
    lagos, okinawa = ask(made, "41.76.192.9"), ask(made, "133.13.1.1")
    assert (lagos.country, lagos.city, ask(made, "144.172.122.200").country) == ("NG", "Lagos", "US")
    assert okinawa.country == "JP"
    assert okinawa.radius_km > 1_500
    assert ask(made, "2001:218::1").country == "JP"
    assert "DB-IP" in made.attribution


def test_the_unpacked_map_fits_where_it_should():
    """At most 60 MB of the user's disk."""
    bundled_map()
    (folder,) = (Path(os.environ["SESSIONWATCH_CACHE"]),)
    (file,) = folder.glob(f"*{UNPACKED_SUFFIX}")
    assert file.stat().st_size <= 60_000_000
