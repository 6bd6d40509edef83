"""Events in order of time: the same whether they fit into memory or go through runs on disk, of which none stays."""

from __future__ import annotations

import random
import stat
import tempfile
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.events import SessionEvent
from models.instants import EPOCH
from models.places import Place
from streams.sorting import BLOCK_EVENTS, EventSorter, merged, read_run


def event(at_s: int, name: str = "e") -> SessionEvent:
    """An event so many seconds after the epoch, with fields of every kind."""
    return SessionEvent(
        id=name,
        at=EPOCH + timedelta(seconds=at_s, microseconds=7),
        received_at=EPOCH + timedelta(seconds=at_s + 1),
        kind="login",
        user="ann",
        mfa=None if at_s % 2 else True,
        attributes={"é": "\ud7ff"},
        place=Place(latitude=45.46, longitude=9.19, source="log"),
    )


def disorder(count: int) -> list[SessionEvent]:
    """Events in no order, all at different times."""
    events = [event(n, f"e{n}") for n in range(count)]
    random.Random(7).shuffle(events)
    return events


@pytest.mark.parametrize("in_memory_max", [1, 7, 100, 2_500, 2_501])
@pytest.mark.parametrize("together", [1, 40, 2_500])
def test_through_runs_comes_the_same_as_through_memory(in_memory_max, together, tmp_path) -> None:
    """However little is kept in memory, and however the events come in, the same ones come out in the same order."""
    events = disorder(2_500 if in_memory_max > 7 else 60)
    with EventSorter(in_memory_max=in_memory_max, directory=tmp_path) as sorter:
        for start in range(0, len(events), together):
            sorter.add(events[start : start + together])
        assert sorter.count == len(events)
        assert bool(list(tmp_path.iterdir())) is (len(events) >= in_memory_max)
        assert list(sorter) == sorted(events, key=lambda each: each.at)


@given(st.lists(st.lists(st.integers(0, 9), max_size=9), max_size=9), st.integers(1, 20))
def test_nothing_is_lost_among_equal_times(batches: list[list[int]], in_memory_max: int) -> None:
    """Many events of one instant, spread over runs, all come out, in order of time."""
    given_events = [event(at, f"{n}.{m}") for n, batch in enumerate(batches) for m, at in enumerate(batch)]
    with EventSorter(in_memory_max=in_memory_max) as sorter:
        start = 0
        for batch in batches:
            sorter.add(given_events[start : start + len(batch)])
            start += len(batch)
        got = list(sorter)
    assert all(earlier.at <= later.at for earlier, later in pairwise(got))
    assert sorted(each.id for each in got) == sorted(each.id for each in given_events)


def test_nothing_gives_nothing(tmp_path) -> None:
    """No events: no order, no runs, no files."""
    with EventSorter(directory=tmp_path) as sorter:
        assert list(sorter) == []
        assert sorter.runs() == []
        assert list(merged(sorter.runs())) == []
        assert not list(tmp_path.iterdir())


def test_runs_are_for_the_owner_alone_and_do_not_stay(tmp_path) -> None:
    """They hold what logs hold: nobody else may look into their folder, and the end of the context deletes it."""
    with EventSorter(in_memory_max=10, directory=tmp_path) as sorter:
        sorter.add(disorder(25))
        (folder,) = tmp_path.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert [run.parent for run in sorter.runs()] == [folder]
    assert not list(tmp_path.iterdir())


def test_runs_are_deleted_when_the_command_fails(tmp_path) -> None:
    """Also when something goes wrong in the middle of reading them."""

    def fail() -> None:
        with EventSorter(in_memory_max=10, directory=tmp_path) as sorter:
            sorter.add(disorder(25))
            next(iter(sorter))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not list(tmp_path.iterdir())


def test_without_a_folder_runs_stand_where_the_system_keeps_its_own(tmp_path, monkeypatch) -> None:
    """Whoever sets TMPDIR decides where space is needed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with EventSorter(in_memory_max=1) as sorter:
        sorter.add([event(1)])
        (run,) = sorter.runs()
        assert run.is_relative_to(tmp_path)


@pytest.mark.parametrize("in_memory_max", [10, 10_000])
def test_workers_merge_runs_to_the_same(in_memory_max, tmp_path) -> None:
    """`runs` has everything on disk, what was still in memory too, each run in order; asking again adds none."""
    events = disorder(3 * BLOCK_EVENTS + 5)
    with EventSorter(in_memory_max=in_memory_max, directory=tmp_path) as sorter:
        sorter.add(events[:-3])
        sorter.add(events[-3:])
        runs = list(sorter.runs())
        assert sorter.runs() == runs
        for run in runs:
            ats = [each.at for each in read_run(run)]
            assert ats == sorted(ats)
        expected = sorted(events, key=lambda each: each.at)
        assert list(merged(runs)) == expected
        assert list(merged(runs)) == expected, "every worker reads them"
        assert list(sorter) == expected


def test_a_run_is_read_a_block_at_a_time(tmp_path) -> None:
    """The first event of a run costs one block, whatever follows it in the file."""
    with EventSorter(in_memory_max=1, directory=tmp_path) as sorter:
        sorter.add(disorder(BLOCK_EVENTS + 1))
        (run,) = sorter.runs()
        whole = Path(run).read_bytes()
        first = int.from_bytes(whole[:4], "big")
        cut = tmp_path / "cut"
        cut.write_bytes(whole[: 4 + first])
        assert len(list(read_run(cut))) == BLOCK_EVENTS


@pytest.mark.parametrize("in_memory_max", [7, 100, 2_501])
def test_some_come_in_order_by_their_place_in_what_was_added(in_memory_max: int, tmp_path: Path) -> None:
    """What a mark stands for does not depend on what went to disk meanwhile."""
    events = disorder(2_500)
    marks = [int(one.id[1:]) % 3 == 0 for one in events]
    with EventSorter(in_memory_max=in_memory_max, directory=tmp_path) as sorter:
        for start in range(0, len(events), 40):
            sorter.add(events[start : start + 40])
        found = [one.id for one in sorter.only(marks)]
    assert found == [f"e{n}" for n in range(0, 2_500, 3)]
