"""`sessionwatch normalise` and `live`: what they have told at the end is what a replay of the same events finds."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessionwatch.engine.plan import EnginePlan
from sessionwatch.live.routing import kinds_of
from sessionwatch.ruleset.loading import bundled_rules
from streams.kafka.topics import events_topic, raw_topic
from tests.integration.live.clients import feed, read_all
from tests.integration.live.equality import assert_as_replayed, end_input, wait_until_judged
from tests.integration.live.site import Site

PARTITIONS = 2
RAW_RECORDS = 1_500
"""Of the end of the day: the whole of it goes through the topology without a broker elsewhere."""


@pytest.fixture(scope="module")
def kinds() -> tuple[str, ...]:
    """The kinds of subject that the bundled rules judge."""
    return kinds_of(EnginePlan((bundled_rules(),)).ruleset())


@pytest.fixture(scope="module")
def lines(example_day: Path) -> list[bytes]:
    """The example day and the days before it, as they arrive, with copies and a broken line."""
    files = [example_day / "warm-up.jsonl.gz", example_day / "day.jsonl.gz"]
    found = [line for file in files for line in gzip.decompress(file.read_bytes()).splitlines() if line.strip()]
    return sorted(found, key=_arrived)


@pytest.fixture
def site(kafka: str, unique: str, tmp_path: Path, kinds: tuple[str, ...]) -> Iterator[Site]:
    """Topics of one test."""
    made = Site(kafka, unique, tmp_path, partitions=PARTITIONS, kinds=kinds, raw=["native"])
    yield made
    made.close()


def test_killed_and_begun_again_it_tells_what_a_replay_finds(site: Site, lines: list[bytes]) -> None:
    """Keyed events, killed in the middle: byte for byte the alerts by user of a replay, and no other."""
    topic = events_topic(site.prefix, "user")
    records = [(_partition(line), b"", line) for line in lines]
    half = len(records) // 2
    feed(site.servers, topic, records[:half])
    words = ("--source", "okta", "--by", "user")
    first = site.start("live", *words)
    site.until_committed(f"{site.prefix}.detect.by-user", topic)
    site.kill(first)
    feed(site.servers, topic, records[half:])
    second = site.start("live", *words)
    end_input(site.servers, site.prefix, "--by", "user")
    wait_until_judged(site.watcher, site.servers, site.prefix)
    site.stop(second)
    assert_as_replayed(site.servers, site.prefix)
    assert len(read_all(site.servers, f"{site.prefix}.dead-letter")) >= 1


def test_raw_records_come_to_what_a_replay_of_the_files_finds(
    site: Site, lines: list[bytes], kinds: tuple[str, ...]
) -> None:
    """Both killed in the middle, rules by all kinds of subject: byte for byte the alerts of a replay, and no other."""
    topic = raw_topic(site.prefix, "native")
    records = [(n % PARTITIONS, b"", line) for n, line in enumerate(lines[-RAW_RECORDS:])]
    half = len(records) // 2
    feed(site.servers, topic, records[:half])
    first = [site.start("normalise", "--raw", "native"), site.start("live", "--source", "okta")]
    site.until_committed(f"{site.prefix}.normalise.native", topic)
    site.until_committed(f"{site.prefix}.detect.by-user", events_topic(site.prefix, "user"))
    for one in first:
        site.kill(one)
    second = [site.start("normalise", "--raw", "native"), site.start("live", "--source", "okta")]
    feed(site.servers, topic, records[half:])
    end_input(site.servers, site.prefix, "--raw", "native")
    site.until_normalised()
    wait_until_judged(site.watcher, site.servers, site.prefix, kinds)
    for one in second:
        site.stop(one)
    assert_as_replayed(site.servers, site.prefix, kinds=kinds, fewest=5)


def _arrived(line: bytes) -> str:
    """When a line arrived; a broken one at once."""
    try:
        event = json.loads(line)
    except ValueError:
        return ""
    return event.get("received_at", event.get("at", ""))


def _partition(line: bytes) -> int:
    try:
        return zlib.crc32(json.loads(line).get("user", "").encode()) % PARTITIONS
    except ValueError:
        return 0
