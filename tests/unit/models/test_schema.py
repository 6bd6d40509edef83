"""The published schemas: up to date, and kept by what is emitted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.locator import Locator
from models.events import KINDS, SessionEvent
from models.places import Place
from models.schema import alert_schema, event_schema, main, notice_schema, schema_files
from sessionwatch.engine.disorder import DisorderEngine
from sessionwatch.engine.in_order import Engine
from sessionwatch.engine.lateness import Lateness
from sessionwatch.ruleset.compiled import Ruleset
from sessionwatch.ruleset.loading import bundled_rules, load_rules

BOUND = Lateness.of({"": timedelta(minutes=2)})


def check(schema: dict[str, Any], content: bytes) -> None:
    """Hold `content` against `schema`."""
    jsonschema.Draft202012Validator(schema).validate(json.loads(content))


def test_the_files_are_up_to_date(root: Path) -> None:
    """Whoever changes a wire form publishes it: python -m models.schema docs/schema."""
    published = {path.name: path.read_bytes() for path in (root / "docs" / "schema").glob("*.json")}
    assert published == schema_files()


def test_the_command_writes_them(tmp_path: Path) -> None:
    """Into any folder; without one it says what to type."""
    assert main([str(tmp_path / "new")]) == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(schema_files())
    assert main([]) == 2
    assert main(["--help"]) == 2


@pytest.mark.parametrize(
    "schema", [json.loads(content) for content in schema_files().values()], ids=list(schema_files())
)
def test_they_are_schemas(schema: dict[str, Any]) -> None:
    """Of the dialect that they name."""
    jsonschema.Draft202012Validator.check_schema(schema)


WORDS = st.text(max_size=8)
EVENTS = st.builds(
    SessionEvent,
    id=st.text(min_size=1, max_size=8),
    at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - aware by timezones
    kind=st.sampled_from(KINDS),
    user=WORDS,
    session=WORDS,
    ip=WORDS,
    mfa=st.none() | st.booleans(),
    interactive=st.booleans(),
    count=st.integers(0, 2**53),
    place=st.none()
    | st.builds(Place, latitude=st.none() | st.floats(-90, 90), country=WORDS, asn=st.integers(0, 2**32)),
    attributes=st.dictionaries(WORDS, WORDS, max_size=2),
)


@given(EVENTS)
def test_any_event_keeps_its_schema(event: SessionEvent) -> None:
    """Whatever an adapter makes, a consumer can validate."""
    check(event_schema(), msgspec.json.encode(event))


@pytest.mark.parametrize(
    "broken",
    [
        {"id": "1", "kind": "login"},
        {"id": "1", "at": "2026-03-02T10:00:00Z", "kind": "logn"},
        {"id": "1", "at": "2026-03-02T10:00:00Z", "kind": "login", "usr": "ann"},
        {"id": "", "at": "2026-03-02T10:00:00Z", "kind": "login"},
        {"id": "1", "at": "2026-03-02T10:00:00Z", "kind": "login", "count": -1},
    ],
)
def test_what_we_would_refuse_breaks_the_schema(broken: dict[str, Any]) -> None:
    """A sender that validates first sends nothing that ends in a dead letter."""
    with pytest.raises(jsonschema.ValidationError):
        check(event_schema(), json.dumps(broken).encode())
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(broken), type=SessionEvent)


def test_what_the_engines_emit_keeps_its_schema() -> None:
    """Alerts of every rule that comes along, and the notices of the same events out of order."""
    alerts, notices = [], []
    for rule in load_rules([bundled_rules()]):
        for test in rule.tests:
            ruleset = Ruleset((rule.compiled,), rule.compiled.version)
            engine = Engine(ruleset, Locator())
            told = {**engine.process(sorted(test.events, key=lambda event: event.order)), **engine.finish()}
            alerts += [publication[3] for publication in told.values()]
            notices += DisorderEngine(ruleset, Locator(), BOUND).feed(test.events, 0)
            swapped = [event for pair in zip(test.events[1::2], test.events[::2], strict=False) for event in pair]
            notices += DisorderEngine(ruleset, Locator(), BOUND).feed(swapped, 0)
    assert len(alerts) >= 20
    assert {notice.change for notice in notices} >= {"raised", "updated"}
    for content in alerts:
        check(alert_schema(), content)
    for notice in notices:
        check(notice_schema(), notice.to_json())
