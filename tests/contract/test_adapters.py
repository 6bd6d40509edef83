"""Every registered adapter keeps the house style: its table runs, its promises hold, only a bad record fails."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.events import KINDS, SessionEvent
from sessionwatch.errors import BadRecordError, UsageError
from streams.accounting import Accounting
from streams.adapters import adapter, adapters, lateness_by_source
from streams.adapters.adapter import ID_LENGTH_MAX, Adapter, Dropped, Example, Row
from streams.adapters.fields import find, text
from streams.canonical import Canonical
from streams.reading import ReadSettings, read

ADAPTERS = list(adapters().values())
ONLY_PEOPLE = {"pingid", "onepassword_sign_ins", "snowflake_query_history"}
EXAMPLES = [
    pytest.param(each, example, id=f"{each.name}-{example.title}") for each in ADAPTERS for example in each.examples
]
ROWS = [pytest.param(each, row, id=f"{each.name}-{row.theirs}-{row.ours}") for each in ADAPTERS for row in each.table]
each_adapter = pytest.mark.parametrize("each", ADAPTERS, ids=lambda each: each.name)


def adapted(each: Adapter, record: Any) -> list[SessionEvent] | Dropped:
    """What comes of a record, made canonical."""
    made = each.adapt(each.decode(json.dumps(record).encode()))
    if isinstance(made, Dropped):
        return made
    canonical = Canonical("default", {}, Accounting())
    for event in made:
        canonical.make(event, each.name)
    return list(made)


def said(event: SessionEvent, ours: str) -> str:
    """A field of an event, by its name in a table, as text."""
    holder, _, key = ours.partition(".")
    value = getattr(event, holder)
    if key:
        value = value.get(key, "") if isinstance(value, dict) else getattr(value, key, "")
    return value.isoformat() if isinstance(value, datetime) else str(value)


@each_adapter
def test_an_adapter_says_what_it_is(each: Adapter) -> None:
    """Name, title, lateness, table, drops with reasons, examples and a docstring are there."""
    assert each.name == each.name.lower()
    assert each.title
    assert timedelta(0) < each.lateness <= timedelta(days=3)
    assert each.table
    assert each.examples
    assert len((type(each).__doc__ or "").strip()) > 100
    assert all(reason.replace("_", "").isalnum() and len(why) > 20 for reason, why in each.drops.items())
    assert adapter(each.name) is each
    assert lateness_by_source()[each.name] == each.lateness


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    """A wrong `--format` lists what there is."""
    with pytest.raises(UsageError, match=f"there are: auto, {', '.join(adapters())}$"):
        adapter("octa")


@each_adapter
def test_a_table_names_only_fields_of_an_event(each: Adapter) -> None:
    """What a table calls ours is a field of SessionEvent, a place's, or an attribute."""
    for row in each.table:
        assert row.ours.partition(".")[0] in SessionEvent.__struct_fields__
        assert row.ours.count(".") <= 1


@pytest.mark.parametrize(("each", "row"), ROWS)
def test_a_row_of_the_table_maps(each: Adapter, row: Row) -> None:
    """A row's example stands in one of the adapter's examples, and there gives what the row says."""
    wanted = text(row.example) if row.gives is None else row.gives
    found = []
    for example in each.examples:
        value = find(each.view(example.record), each.path(row.theirs))
        if value == row.example and type(value) is type(row.example):
            made = adapted(each, example.record)
            found += [said(event, row.ours) for event in ([] if isinstance(made, Dropped) else made)]
    wanted_here = {wanted, wanted.casefold()} if row.ours == "user" else {wanted}
    assert wanted_here & set(found), f"{row.example!r} stands in no example, or gives {found}"


@pytest.mark.parametrize(("each", "example"), EXAMPLES)
def test_an_example_gives_what_it_says(each: Adapter, example: Example) -> None:
    """An example makes exactly its events, or is dropped for its reason."""
    made = adapted(each, example.record)
    if isinstance(made, Dropped):
        assert made.reason == example.dropped
        return
    assert not example.dropped
    assert len(made) == len(example.events)
    for event, expected in zip(made, example.events, strict=True):
        raw = each.adapt(each.decode(json.dumps(example.record).encode()))
        assert not isinstance(raw, Dropped)
        before = raw[list(made).index(event)]
        for ours, value in expected.items():
            # As the adapter gives it; case and address are made canonical for all formats alike.
            holder, _, key = ours.partition(".")
            field = getattr(before, holder)
            assert (field if not key else field[key] if isinstance(field, dict) else getattr(field, key)) == value, ours


@each_adapter
def test_every_declared_drop_is_reached(each: Adapter) -> None:
    """Each reason to drop a record has an example, and no other reason is used."""
    assert {example.dropped for example in each.examples if example.dropped} == set(each.drops)


@pytest.mark.parametrize(("each", "example"), EXAMPLES)
def test_a_format_is_recognised_by_itself_alone(each: Adapter, example: Example) -> None:
    """Its own examples look like an adapter's format, with a reason; to no other adapter do they look like theirs."""
    likeness = each.recognise(example.record)
    assert likeness.score > 0
    assert likeness.why
    assert [other.name for other in ADAPTERS if other.recognise(example.record).score > 0] == [each.name]


@each_adapter
@pytest.mark.parametrize("record", [{}, {"id": 1}, {"value": []}, {"log": {"uuid": "x"}}, {"a": {"b": [1, None]}}])
def test_what_is_foreign_is_not_recognised(each: Adapter, record: dict[str, Any]) -> None:
    """Objects of no format look like none."""
    assert each.recognise(record).score == 0


@pytest.mark.parametrize(("each", "example"), EXAMPLES)
def test_ids_are_the_same_every_time(each: Adapter, example: Example) -> None:
    """The same record gives the same ids, also without one of its own and with its keys in another order."""
    records = [example.record, dict(reversed(list(example.record.items())))]
    without = [_nameless(each, record) for record in records]
    for one, other in (records, without) if each.record_type is not SessionEvent else (records,):
        first, second = adapted(each, one), adapted(each, other)
        if isinstance(first, Dropped) or isinstance(second, Dropped):
            continue
        assert [event.id for event in first] == [event.id for event in second]
        assert len({event.id for event in first}) == len(first)


def _nameless(each: Adapter, record: Any) -> Any:
    """The record without what the table takes its id from."""
    bare = copy.deepcopy(dict(record))
    for row in each.table:
        holder: Any = bare
        *parents, last = row.theirs.split(".") if row.ours == "id" else [""]
        for parent in parents:
            holder = holder.get(parent, {})
        holder.pop(last, None)
        holder.pop(f"{last}_g", None)
    return bare


@each_adapter
def test_events_of_one_record_are_numbered(each: Adapter) -> None:
    """The first event of a record bears its id, the n-th the id with `#n`."""
    for example in each.examples:
        made = adapted(each, example.record)
        if not isinstance(made, Dropped):
            assert [event.id for event in made[1:]] == [f"{made[0].id}#{n}" for n in range(2, len(made) + 1)]


@each_adapter
def test_what_runs_without_the_person_is_flagged(each: Adapter) -> None:
    """Every adapter tells background events from the person's own and shows one of each, or has only people's."""
    flags = set()
    for example in each.examples:
        made = adapted(each, example.record)
        flags |= {event.interactive for event in ([] if isinstance(made, Dropped) else made)}
    assert flags == ({True} if each.name in ONLY_PEOPLE else {True, False})


@pytest.mark.parametrize(("each", "example"), EXAMPLES)
def test_an_event_can_go_over_the_wire(each: Adapter, example: Example) -> None:
    """What an adapter makes is valid by the schema: written and read again it is the same, and its time is UTC."""
    made = adapted(each, example.record)
    if not isinstance(made, Dropped):
        assert_valid(each, made)


def assert_valid(each: Adapter, made: list[SessionEvent]) -> None:
    """Each event is valid by the schema."""
    for event in made:
        assert msgspec.json.decode(msgspec.json.encode(event), type=SessionEvent) == event
        assert event.at.tzinfo is UTC
        assert event.kind in KINDS
        assert 1 <= len(event.id) <= ID_LENGTH_MAX
        assert event.tenant == "default"
        assert event.source
        assert each.record_type is SessionEvent or event.source == each.name
        assert all(isinstance(value, str) for value in event.attributes.values())
        assert event.place is None or event.place.source in {"log", ""}


@each_adapter
def test_what_is_converted_is_read_back_the_same(each: Adapter, tmp_path: Path) -> None:
    """Events written as native JSON lines are the same events when they are read again."""
    (tmp_path / "theirs.jsonl").write_text("\n".join(json.dumps(dict(one.record)) for one in each.examples), "utf-8")
    events = list(read([tmp_path / "theirs.jsonl"], ReadSettings(format=each.name, tenant="clinic")))
    (tmp_path / "ours.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, events)))
    assert list(read([tmp_path / "ours.jsonl"])) == events


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(
        ["", "null", "-", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2024-02-30T00:00:00Z"]
    ),
    st.sampled_from(["x" * 3000, '{"a": [1', "[[]]", '["\\ud800"]', "1.2.3.4:99999", "ann\x00", "İ", "\U0001f600"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
    st.builds(lambda: [{}, [], None]),
)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Adapter, Any]:
    """An example with up to four of its values, at any depth, replaced, removed or doubled."""
    each = draw(st.sampled_from(ADAPTERS))
    record: Any = copy.deepcopy(dict(draw(st.sampled_from(each.examples)).record))
    for _ in range(draw(st.integers(1, 4))):
        holder, key = draw(st.sampled_from(_places(record) or [(record, None)]))
        if key is None:
            record = copy.deepcopy(draw(ODD))
            break
        change = draw(st.sampled_from(["replace", "remove", "rename"]))
        if change == "replace":
            holder[key] = copy.deepcopy(draw(ODD))
        elif change == "remove":
            del holder[key]
        elif isinstance(holder, dict):
            holder[str(key).swapcase()] = holder.pop(key)
    return each, record


def _places(node: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        found.append((node, key))
        found += _places(value)
    return found


@given(mutated())
def test_a_bad_record_fails_in_one_way_only(case: tuple[Adapter, Any]) -> None:
    """Whatever stands in a record, the outcome is valid events, a declared drop, or BadRecordError; never another."""
    each, record = case
    if isinstance(record, dict):
        assert 0 <= each.recognise(record).score <= 1
    reason, made = "", None
    try:
        made = adapted(each, record)
    except BadRecordError as fault:
        reason = fault.reason
    if isinstance(made, Dropped):
        assert made.reason in each.drops
    elif made is None:
        assert reason.replace("_", "").isalnum()
    else:
        assert made
        assert_valid(each, made)


@given(st.lists(mutated(), min_size=1, max_size=12), st.data())
def test_the_sums_are_exact_whatever_stands_in_a_file(
    tmp_path_factory: pytest.TempPathFactory, cases: list[tuple[Adapter, Any]], data: st.DataObject
) -> None:
    """Every line that is not blank is one record: mapped, dropped, or in the dead letter."""
    each = data.draw(st.sampled_from(ADAPTERS))
    lines = [json.dumps(dict(each.examples[0].record))] + [json.dumps(record) for _, record in cases]
    # A line that holds an envelope makes the file one of envelopes, whose records are counted instead of the lines.
    lines = [line for line in lines if not line.startswith(('{"value"', '{"records"', '{"Records"'))]
    junk = data.draw(st.lists(st.sampled_from(["", "  ", "{", "nonsense", '{"a":1}{"b":2}', "[1]", "7"]), max_size=4))
    content = lines[:1] + data.draw(st.permutations(lines[1:] + junk))
    file = tmp_path_factory.mktemp("sums") / "mixed.jsonl"
    file.write_text("\n".join(content) + "\n", encoding="utf-8")
    accounting = Accounting()
    events = list(read([file], ReadSettings(format=each.name), accounting))
    assert accounting.adds_up
    assert accounting.records_read == sum(bool(line.strip()) for line in content)
    assert accounting.events_made == len(events) == accounting.kinds.total()
    assert "adapter_fault" not in accounting.dead_letters
