"""The bundled example is what its generator makes, and is honest about being made."""

from __future__ import annotations

import gzip
import ipaddress
import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from models.events import SessionEvent

RESERVED = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]


def lines(folder: Path) -> list[bytes]:
    """Every line of the example."""
    return [
        line for path in sorted(folder.glob("*.jsonl.gz")) for line in gzip.decompress(path.read_bytes()).splitlines()
    ]


@pytest.fixture(scope="module")
def events(example_day: Path) -> list[SessionEvent]:
    """Every event of the example, with its duplicates."""
    found = []
    for line in lines(example_day):
        try:
            found.append(msgspec.json.decode(line, type=SessionEvent))
        except msgspec.DecodeError:
            continue
    return found


def test_making_it_again_gives_the_same_bytes(root: Path, example_day: Path, tmp_path: Path) -> None:
    """Nothing in the files comes from anywhere but the generator."""
    subprocess.run([sys.executable, root / "examples" / "hospital_day.py", tmp_path], check=True, capture_output=True)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made.keys() == {path.name for path in example_day.iterdir()}
    for name, content in made.items():
        bundled = (example_day / name).read_bytes()
        if name.endswith(".gz"):
            # Another zlib may pack otherwise; what is packed must be the same.
            assert gzip.decompress(content) == gzip.decompress(bundled), f"make example ({name})"
            assert bundled[4:8] == b"\0\0\0\0"
        else:
            assert content == bundled, f"make example ({name})"


def test_it_is_small_and_says_that_it_is_generated(example_day: Path) -> None:
    """Nobody must take it for a real hospital's log, and nobody must wait for it."""
    assert sum(path.stat().st_size for path in example_day.iterdir()) < 500_000
    assert "Generated" in (example_day / "README.md").read_text().splitlines()[2]
    assert "Generated" in json.loads((example_day / "staged.json").read_text())["note"]


def test_it_uses_reserved_addresses_only(events: list[SessionEvent]) -> None:
    """No address of the example belongs to anybody."""
    addresses = {ipaddress.ip_address(event.ip) for event in events}
    assert [str(address) for address in addresses if not any(address in network for network in RESERVED)] == []


def test_it_holds_the_faults_that_it_tells_of(example_day: Path, events: list[SessionEvent]) -> None:
    """Broken lines, duplicates, late order, longitude 0, placeholders, private addresses without a place."""
    staged = json.loads((example_day / "staged.json").read_text())
    assert len(lines(example_day)) - len(events) == staged["broken_lines"] == 2
    copies = Counter((event.id, event.at) for event in events)
    assert sum(1 for count in copies.values() if count > 1) > 50
    swapped = [
        (one, two) for one, two in itertools.pairwise(events) if one.user == two.user and timedelta() < one.at - two.at
    ]
    assert swapped
    assert all(
        event.received_at is not None and event.received_at - event.at < timedelta(minutes=2) for event in events
    )
    assert any(event.place is not None and event.place.longitude == 0 for event in events)
    assert {"unknown", "-", "null"} < {event.user for event in events}
    assert any(event.place is None and event.ip.startswith("10.") for event in events)


def test_every_staged_rule_is_a_bundled_one(root: Path, example_day: Path) -> None:
    """What a reader finds in `staged.json` or on the page can be opened in `rules/` under that very name."""
    staged = {attack["rule"] for attack in json.loads((example_day / "staged.json").read_text())["attacks"]}
    rows = [line for line in (example_day / "README.md").read_text().splitlines() if line.startswith("| ")]
    shown = {rule for row in rows for rule in re.findall(r"\| `([a-z_]+)` \|$", row)}
    assert shown == staged
    assert staged <= {path.stem for path in (root / "rules").glob("*.yaml")}


def test_hugo_has_four_live_sessions_as_his_story_says(events: list[SessionEvent]) -> None:
    """Four sessions, each with a sign of life within half an hour before the last of them begins."""
    last_login = max(event.at for event in events if event.user.startswith("hugo.brandt") and event.kind == "login")
    live = [
        event
        for event in events
        if event.user.startswith("hugo.brandt") and timedelta() <= last_login - event.at < timedelta(minutes=30)
    ]
    assert len({event.session for event in live}) == 4
    assert len({event.device for event in live}) == len({event.ip for event in live}) == 4


def test_everybody_staged_has_a_history(example_day: Path, events: list[SessionEvent]) -> None:
    """A baseline is learned before the day: without it an attack or a trap would prove nothing."""
    staged = json.loads((example_day / "staged.json").read_text())
    before = Counter(event.user for event in events if f"{event.at:%Y-%m-%dT%H:%M:%SZ}" < staged["day_from"])
    for one in [*staged["attacks"], *staged["traps"]]:
        assert before[one["user"]] >= 30, one["user"]
    assert {one["user"] for one in staged["attacks"]}.isdisjoint({one["user"] for one in staged["traps"]})
