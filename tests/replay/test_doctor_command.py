"""`sessionwatch doctor`, as a user types it: every fault is told, and what to do about it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from geo.bundled import UNPACKED_SUFFIX, bundled_map
from tests.replay.command import sessionwatch
from tests.unit.geo.mmdb import BROKEN, city, write

MILAN = city("IT", city="Milan", at=(45.4642, 9.19), radius_km=20)


def test_a_sound_installation_is_told_to_be_one(tmp_path):
    """Each part with what it is; a site without a list of its own is warned, not failed."""
    fresh = write(tmp_path / "new.mmdb", {"81.2.69.0/24": MILAN}, built=datetime.now(UTC))
    told = sessionwatch("doctor", "--geo", fresh)
    assert told.code == 0, told.out + told.err
    lines = told.out.splitlines()
    assert any(line.startswith("ok       rules: ") and "well formed" in line for line in lines)
    assert any(line.startswith("ok       new.mmdb: GeoLite2-City ") and "1 networks read" in line for line in lines)
    assert any(line.startswith("warning  networks: none of your own") for line in lines)
    # Whether this machine's clock is kept right is its own business.
    assert lines[-1].endswith(("0 faults, 1 warnings", "0 faults, 2 warnings"))


def test_every_fault_is_told_with_what_to_do_and_the_rest_is_still_checked(tmp_path):
    """A record deep in a large file, an old file, a bad list, an expired entry, bad rules: exit code 1."""
    networks = {f"81.{n // 256}.{n % 256}.0/24": MILAN for n in range(3_000)}
    broken = write(tmp_path / "deep.mmdb", {**networks, "90.1.2.3/32": BROKEN}, padding_bytes=1_000_000)
    old = write(tmp_path / "old.mmdb", {"81.2.69.0/24": MILAN}, built=datetime(2024, 5, 1, tzinfo=UTC))
    bad = tmp_path / "bad.yaml"
    bad.write_text("id: bad\ntitle: x\ntype: network_classes\nentries: [{network: AS0, class: vpn, reason: x}]\n")
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "one.yaml").write_text("id: one\n")
    told = sessionwatch("doctor", "--geo", broken, "--geo", old, "--networks", bad, "--rules", rules)
    assert told.code == 1
    assert "FAULT    rules: cannot be used" in told.out
    assert '"AS0" is no autonomous system' in told.out
    assert "FAULT    deep.mmdb: cannot be used" in told.out
    assert "get the file again" in told.out
    assert "ok       old.mmdb: GeoLite2-City 2024-05-01" in told.out
    assert "days old" in told.out


def test_an_entry_that_has_ended_is_warned_of(tmp_path):
    """It says nothing any more, and its owner may not know."""
    ours = tmp_path / "ours.yaml"
    entry = '{network: 192.0.2.0/24, class: vpn, reason: x, owner: IT, until: "2020-01-01"}'
    ours.write_text(f"id: ours\ntitle: x\ntype: network_classes\nentries: [{entry}]\n")
    told = sessionwatch("doctor", "--networks", ours)
    assert told.code == 0
    assert "warning  networks: ended: 192.0.2.0/24" in told.out


def test_a_damaged_copy_of_the_map_is_found_and_nothing_ends_in_a_traceback(tmp_path, monkeypatch):
    """Half of it never reached the disk: a look-up says so, and doctor which file to remove."""
    bundled_map()
    (file,) = Path(os.environ["SESSIONWATCH_CACHE"]).glob(f"*{UNPACKED_SUFFIX}")
    whole, cache = file.read_bytes(), tmp_path / "cache"
    cache.mkdir(mode=0o700)
    (cache / file.name).write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    monkeypatch.setenv("SESSIONWATCH_CACHE", str(cache))
    told = sessionwatch("where", "41.76.192.9")
    assert told.code == 3, told.err
    assert "41.76.192.9: a record of the database is damaged: run sessionwatch doctor" in told.out
    found = sessionwatch("doctor")
    assert found.code == 1
    assert "FAULT    bundled map: cannot be used" in found.out
    assert f"{cache / file.name}: damaged" in found.out
    assert "remove the file" in found.out
    (cache / file.name).unlink()
    assert "41.76.192.9: Lagos, NG" in sessionwatch("where", "41.76.192.9").out
