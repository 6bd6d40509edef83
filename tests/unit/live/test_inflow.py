"""What a partition knows of its writers: what is new of theirs, what must wait for them, when their input has ended."""

from __future__ import annotations

import msgspec
import pytest

from models.instants import NEVER_US
from sessionwatch.errors import BadRecordError, StateError
from sessionwatch.live.inflow import INFLOW_SCHEMA, SILENT_MAX_MS, Inflow, InflowState
from streams.kafka.marks import Origin, Progress, Told, ended, mark_of, marked, origin_of, progress_of
from tests.property.topology_in_memory import One

TOPICS = {"raw.okta": 2}


def told(told_ms: int, **sources: Told) -> Progress:
    """Progress of partitions of `raw.okta`, named `p0` and `p1`."""
    return Progress(told_ms, {f"raw.okta/{name[1:]}": one for name, one in sources.items()}, TOPICS)


def test_what_a_writer_writes_again_is_known_by_its_origin() -> None:
    """Also after a restart, and for each source partition alone; an event of nobody's is always new."""
    inflow = Inflow(None)
    assert [inflow.is_new(Origin("a/0", 5, n)) for n in (0, 1, 1, 0)] == [True, True, False, False]
    assert inflow.is_new(Origin("a/1", 2, 0))
    again = Inflow(inflow.stored())
    assert not again.is_new(Origin("a/0", 5, 1))
    assert again.is_new(Origin("a/0", 6, 0))
    assert again.is_new(None)
    assert again.is_new(None)


def test_nothing_settles_before_every_source_has_caught_up() -> None:
    """Not before a partition that is known by its topic's size alone, and not beyond one that is behind."""
    inflow = Inflow(None)
    assert inflow.hold_us == NEVER_US
    inflow.hear(told(0, p0=Told(newest_us=70, caught_up=True)))
    assert inflow.hold_us == -NEVER_US
    inflow.hear(told(1, p1=Told(newest_us=50)))
    assert (inflow.hold_us, inflow.caught_up) == (50, False)
    inflow.hear(told(2, p1=Told(newest_us=90, caught_up=True)))
    assert (inflow.hold_us, inflow.newest_us, inflow.caught_up) == (NEVER_US, 90, True)


def test_having_caught_up_once_is_no_promise() -> None:
    """A source that falls behind, or that nobody hears of any more while others speak, holds again."""
    inflow = Inflow(None)
    inflow.hear(told(0, p0=Told(newest_us=70, caught_up=True), p1=Told(newest_us=60, caught_up=True)))
    inflow.hear(told(1, p1=Told(newest_us=60)))
    assert inflow.hold_us == 60
    inflow.hear(told(2, p1=Told(newest_us=60, caught_up=True)))
    inflow.hear(told(SILENT_MAX_MS + 3, p0=Told(newest_us=99, caught_up=True)))
    assert inflow.hold_us == 60


def test_a_lane_that_makes_events_of_others_is_always_waited_for() -> None:
    """Once it has any; nobody waits for himself."""
    inflow = Inflow(None, "by-session")
    inflow.hear(Progress(0, {"x/0": Told(newest_us=10, caught_up=True)}, {"by-session": 3}))
    assert inflow.hold_us == NEVER_US
    inflow.hear(Progress(0, {"s/0": Told(caught_up=True, follows=True)}))
    assert inflow.hold_us == NEVER_US
    inflow.hear(Progress(0, {"s/0": Told(newest_us=8, caught_up=True, follows=True, settled_us=3)}))
    assert (inflow.hold_us, inflow.settled_us) == (8, 3)


def test_input_has_ended_when_all_of_it_has() -> None:
    """It is told once; an event that comes after it makes it no end."""
    inflow = Inflow(None)
    assert not inflow.hear(told(0, p0=Told(newest_us=7, ended=True)))
    assert inflow.hear(told(1, p1=Told(newest_us=9, ended=True)))
    inflow.state.finished = True
    assert not inflow.hear(told(2, p0=Told(newest_us=7, ended=True)))
    inflow.is_new(None)
    assert inflow.hear(told(3, p0=Told(newest_us=7, ended=True)))
    direct = Inflow(None)
    assert direct.hear(ended(5, 0, {}))
    assert direct.newest_us == 5


def test_newer_state_stops_and_newer_marks_are_bad_records() -> None:
    """Nothing is guessed at."""
    with pytest.raises(StateError, match="upgrade"):
        Inflow(msgspec.msgpack.encode(InflowState(schema=INFLOW_SCHEMA + 1)))
    with pytest.raises(StateError, match="cannot be read"):
        Inflow(b"\xc1")
    with pytest.raises(BadRecordError, match="unknown_schema"):
        progress_of(One(0, b'{"told_ms":1,"sources":{},"schema":99}'))
    with pytest.raises(BadRecordError, match="bad_progress"):
        progress_of(One(0, b"no"))
    with pytest.raises(BadRecordError, match="unknown_mark"):
        mark_of(One(0, b"", headers=[("mark", b"later")]))


def test_origins_and_marks_go_through_headers() -> None:
    """As they were written; what is no origin is none."""
    origin = Origin("raw.okta/3", 12, 1)
    assert origin_of(One(0, b"", headers=[origin.header()])) == origin
    assert origin_of(One(0, b"", headers=[("origin", b"nowhere")])) is None
    assert mark_of(One(0, b"", headers=[marked("end")])) == "end"
    assert mark_of(One(0, b"")) is None
