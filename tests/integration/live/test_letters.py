"""Dead letters on a real broker: put back into the topic that they came from, once."""

from __future__ import annotations

from contextlib import closing

import msgspec

from streams.deadletter import Entry
from streams.kafka.connection import connection
from streams.kafka.letters import Letters, place_of
from streams.sources.records import RawRecord
from tests.integration.live.clients import create, feed, read_all


def test_what_fits_now_is_put_back_once(kafka: str, unique: str) -> None:
    """As the same bytes under the same key in the same partition; what does not fit, or is gone, is counted."""
    events, letters = f"{unique}.raw.okta", f"{unique}.dead-letter"
    create(kafka, {events: 2, letters: 1})
    feed(kafka, events, [(1, b"ann", b"one"), (1, b"bo", b"\xfftwo"), (1, b"cy", b"three")])
    told = [
        Entry(f"kafka://{events}/1", 0, 1, "okta", "bad_json"),
        Entry(f"kafka://{events}/1", 0, 2, "okta", "bad_json"),
        Entry(f"kafka://{events}/1", 0, 99, "okta", "bad_json"),
        Entry("log.jsonl", 3, 0, "okta", "bad_json"),
    ]
    feed(kafka, letters, [(0, b"", msgspec.json.encode(one)) for one in told])

    def fits(_entry: Entry, record: RawRecord) -> bool:
        return record.raw == b"\xfftwo"

    broker = connection({"SESSIONWATCH_KAFKA": kafka})
    with closing(Letters(broker, letters)) as known:
        assert list(known.entries()) == told
        assert known.put_back(fits, 3) == (1, 1, 1)
        assert list(known.entries(untried=True)) == told[3:]
        assert known.put_back(fits, 10) == (0, 0, 1)
        assert known.put_back(fits, 10) == (0, 0, 0)
    back = read_all(kafka, events)[3:]
    assert [(one.partition, one.key, one.value) for one in back] == [(1, b"bo", b"\xfftwo")]


def test_where_an_entry_stood() -> None:
    """Only what came from a topic can go back to one."""
    assert place_of(Entry("kafka://a.b/12", 0, 7, "native", "x")) == ("a.b", 12, 7)
    assert place_of(Entry("kafka://a.b", 0, 7, "native", "x")) is None
    assert place_of(Entry("/var/log/12", 0, 7, "native", "x")) is None
