"""What mappings can say of records that may hold anything: values, times, conditions, lists."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sessionwatch.errors import BadRecordError, UsageError
from streams.adapters import adapter, adapters, lateness_by_source
from streams.adapters.adapter import Adapter, Dropped
from streams.mapping.loading import FOLDER, load_mappings
from streams.mapping.mapped import EVENTS_EACH_MAX, Mapped
from streams.reading import ReadSettings, read

DAY = '"2026-03-02T09:00:00Z"'
HEAD = """\
name: probe
title: A probe
about: >
  A log that is only here to show what one part of a mapping makes of a record, whatever else may stand in the record.
lateness: 90s
recognised_by: [[probe, t]]
"""
TAIL = """\
kinds:
  - {when: WHEN, kind: export}
  - kind: login
fields: {user: probe, resource: item.x, FIELD}
for_each: list
at: AT
examples:
  - title: one
    record: RECORD
    events: [{user: ann}]
"""


@pytest.fixture
def probe(tmp_path: Path):
    """Makes the adapter of a mapping with one part of its own."""

    def made(  # each is one part of the mapping
        field: str = "device: d", at: str = "t", when: str = "{probe: nobody}", t: str = "", more: str = ""
    ) -> Adapter:
        record = f"{{probe: ann, t: {t or DAY}}}"
        parts = {"FIELD": field, "AT": at, "WHEN": when, "RECORD": record}
        text = HEAD + more + TAIL
        for part, said in parts.items():
            text = text.replace(part, said)
        (tmp_path / "probe.yaml").write_text(text, encoding="utf-8")
        (mapped,) = load_mappings([tmp_path / "probe.yaml"])
        return mapped

    return made


def event_of(made: Adapter, **record: Any) -> Any:
    """The one event of a record."""
    events = made.adapt({"probe": "ann", "t": "2026-03-02T09:00:00Z", **record})
    assert not isinstance(events, Dropped)
    (event,) = events
    return event


@pytest.mark.parametrize(
    ("field", "record", "expected"),
    [
        ("device: [d, e]", {"d": " ", "e": 7}, "7"),
        ("device: {path: [d, e], join: /}", {"d": "a", "e": None}, "a"),
        ("device: {path: d, after: '<', before: '>'}", {"d": "x <y> z"}, "y"),
        ("device: {path: d, before: '>'}", {"d": "x"}, ""),
        ("device: {path: d, otherwise: none}", {"d": [1]}, "none"),
        ("device: {value: 7, when: {d: {at_least: 2}}}", {"d": "2.5"}, "7"),
        ("device: {value: 7, when: {d: {at_most: 2}}}", {"d": True}, ""),
        ("device: 'd[k=v].x'", {"d": [{"k": "u"}, 5, {"k": "v", "x": "y"}]}, "y"),
        ("device: \"d['.t']\"", {"d": {".t": False}}, "false"),
    ],
)
def test_a_value_comes_from_where_it_is_said(probe, field: str, record: dict[str, Any], expected: str) -> None:
    """Whatever stands there: nothing, a number, a list; a constant only where its condition holds."""
    assert event_of(probe(field), **record).device == expected


@pytest.mark.parametrize(
    ("field", "record", "expected"),
    [
        ("count: n", {"n": 7.0}, {"count": 7}),
        ("count: n", {"n": -1}, {"count": 1}),
        ("count: {length: n}", {"n": [1, 2]}, {"count": 2}),
        ("count: {length: n}", {"n": "ab"}, {"count": 1}),
        ("bytes: n", {"n": "2048"}, {"bytes": 2048}),
        ("mfa: n", {"n": "No"}, {"mfa": False}),
        ("mfa: n", {"n": "perhaps"}, {"mfa": None}),
        ("interactive: n", {"n": "perhaps"}, {"interactive": True}),
    ],
)
def test_a_field_that_is_no_text_gets_its_own_type(probe, field: str, record: dict[str, Any], expected: Any) -> None:
    """What cannot be read as one leaves the field as if nothing was said."""
    event = event_of(probe(field), **record)
    assert {name: getattr(event, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("at", "written", "expected"),
    [
        ("{path: t, written: epoch_s}", 1772442000, "2026-03-02T09:00:00+00:00"),
        ("{path: t, written: epoch_s}", "1772442000.000001", "2026-03-02T09:00:00.000001+00:00"),
        ("{path: t, written: epoch_ms}", 1772442000123, "2026-03-02T09:00:00.123000+00:00"),
        ("{path: t, written: epoch_us, since: '2026-03-02T00:00:00Z'}", 5, "2026-03-02T00:00:00.000005+00:00"),
        ("{path: t, zone: Europe/Berlin}", "2026-07-02T11:00:00", "2026-07-02T09:00:00+00:00"),
        ("{path: t, zone: Europe/Berlin}", "2026-07-02T11:00:00Z", "2026-07-02T11:00:00+00:00"),
        ("{path: t, zone: '-05:30', written: '%d/%m/%y %H:%M'}", "02/03/26 09:00", "2026-03-02T14:30:00+00:00"),
        ("{path: t, written: ['%d/%m/%y %H:%M', iso]}", "2026-03-02 09:00:00", "2026-03-02T09:00:00+00:00"),
        ("{path: [u, t], written: epoch_s}", "0", "1970-01-01T00:00:00+00:00"),
    ],
)
def test_a_time_is_read_as_it_is_written(probe, at: str, written: Any, expected: str) -> None:
    """Counts since an epoch, texts in a zone and patterns, of several the first that fits."""
    shown = f'"{written}"' if isinstance(written, str) else str(written)
    assert event_of(probe(at=at, t=shown), t=written).at.isoformat() == expected


def test_the_zone_of_texts_without_one_is_told(probe) -> None:
    """The table says what such a text was taken for, and that it becomes UTC."""
    for at, note in (("t", "in UTC"), ("{path: t, zone: Europe/Berlin}", "in Europe/Berlin, turned to UTC")):
        assert [row.note for row in probe(at=at).table if row.ours == "at"] == [note]


@pytest.mark.parametrize("written", [True, "nan", "9" * 30, 1e300, -(10**15), "", None, {}, "2026-03-02T09:00:00Z"])
def test_a_time_that_is_none_makes_a_bad_record(probe, written: Any) -> None:
    """No guess is made of a time."""
    with pytest.raises(BadRecordError, match=r"no_time|bad_time"):
        event_of(probe(at="{path: t, written: epoch_s}", t="1"), t=written)


@pytest.mark.parametrize(
    ("when", "record", "holds"),
    [
        ("{a: 7}", {"a": 7}, True),
        ("{a: true}", {"a": "true"}, True),
        ("{a: NO}", {"a": "no"}, False),
        ("{a: {not_in: [x, y]}}", {}, True),
        ("{a: {known: false}}", {"a": ""}, True),
        ("{a: {known: true}}", {"a": {"b": 1}}, True),
        ("{a: {starts_with: [x, y], ends_with: z}}", {"a": "yz"}, True),
        ("{any: [{a: x}, {all: [{b: y}, {not: {c: z}}]}]}", {"b": "y"}, True),
        ("{any: [{a: x}, {all: [{b: y}, {not: {c: z}}]}]}", {"b": "y", "c": "z"}, False),
        ("{a: x, b: y}", {"a": "x"}, False),
        ("{a: {contains: [k, q]}}", {"a": ["k"]}, False),
    ],
)
def test_a_condition_holds_as_those_of_rules_do(probe, when: str, record: dict[str, Any], holds: bool) -> None:
    """Values are compared as text; nothing equals nothing that may be written."""
    assert (event_of(probe(when=when), **record).kind == "export") is holds


def test_each_item_of_a_list_is_an_event_with_a_number(probe) -> None:
    """An empty list, or something else in its place, leaves one event; too many are refused whole."""
    made = probe(more="id: i\n")
    record = {"i": "a1", "probe": "ann", "t": "2026-03-02T09:00:00Z"}
    events = made.adapt({**record, "list": [{"x": 1}, "odd", {"x": 2}]})
    assert [(event.id, event.resource) for event in events] == [("a1", "1"), ("a1#2", ""), ("a1#3", "2")]
    assert [event.id for event in made.adapt({**record, "list": []})] == ["a1"]
    assert [event.id for event in made.adapt({**record, "list": "x"})] == ["a1"]
    with pytest.raises(BadRecordError, match="too_many_items"):
        made.adapt({**record, "list": [0] * (EVENTS_EACH_MAX + 1)})


def test_a_mapping_that_a_user_gives_is_a_format(probe, tmp_path: Path) -> None:
    """It is recognised, can be named, has its lateness, and takes no other's name; without it nobody knows it."""
    probe()
    mappings = (tmp_path / "probe.yaml",)
    (tmp_path / "log.jsonl").write_text('{"probe": "ann", "t": "2026-03-02T09:00:00Z"}\n')
    (event,) = read([tmp_path / "log.jsonl"], ReadSettings(mappings=mappings))
    assert (event.source, event.user, event.at) == ("probe", "ann", datetime(2026, 3, 2, 9, tzinfo=UTC))
    assert adapter("probe", adapters(mappings)).title == "A probe"
    assert lateness_by_source(mappings)["probe"].total_seconds() == 90
    with pytest.raises(UsageError, match="no format is called"):
        adapter("probe")


def test_every_mapping_that_is_bundled_proves_itself_and_shows_each_path() -> None:
    """Its examples, also those of records that are refused, come out as they say; every row of its table has one."""
    paths = sorted(FOLDER.glob("*.yaml"))
    assert len(paths) >= 11
    for made in load_mappings(paths):
        assert isinstance(made, Mapped)
        assert [(row.theirs, row.ours) for row in made.table if row.example is None] == [], made.name
