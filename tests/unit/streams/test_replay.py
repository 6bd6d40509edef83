"""A replay hands sorted events to an engine in batches, and keeps of each alert what was said last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import pytest

from models.events import SessionEvent
from models.instants import EPOCH, to_us
from streams.replay import BATCH_EVENTS, Window, replay

Publications = Mapping[str, tuple[str, str, object, bytes]]


def events(count: int) -> list[SessionEvent]:
    """One event a second, of three users and of nobody in turn."""
    users = ("ann", "bob", "cy", "")
    return [SessionEvent(id=f"e{n}", at=at(n), kind="login", user=users[n % 4], session="s") for n in range(count)]


def at(second: int) -> datetime:
    """So many seconds after the epoch."""
    return EPOCH + timedelta(seconds=second)


class Engine:
    """Remembers what it was given; says of each user how many events there were until then."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.until_us: list[int | None] = []
        self._counts: dict[str, int] = {}

    def process(self, batch: Iterable[SessionEvent], /) -> Publications:
        """Count."""
        given = list(batch)
        self.batches.append([event.id for event in given])
        for event in given:
            self._counts[event.user] = self._counts.get(event.user, 0) + 1
        return {event.user: self._said(event.user) for event in given}

    def finish(self, until_us: int | None = None, /) -> Publications:
        """One alert more, made at the end."""
        self.until_us.append(until_us)
        return {"end": ("", "", None, b"end")}

    def _said(self, user: str) -> tuple[str, str, object, bytes]:
        return ("", "", None, b"%d" % self._counts[user])

    @property
    def ids(self) -> list[str]:
        """Ids of all events given, in order."""
        return [name for batch in self.batches for name in batch]


@pytest.mark.parametrize("count", [0, 1, BATCH_EVENTS - 1, BATCH_EVENTS, BATCH_EVENTS + 1, 2 * BATCH_EVENTS])
def test_every_event_is_given_once_in_order(count) -> None:
    """In batches of the size that stands there, the last one shorter; never an empty one."""
    engine, told = Engine(), []
    result = replay(events(count), engine, Window(), progress=told.append)
    assert engine.ids == [f"e{n}" for n in range(count)]
    assert all(len(batch) == BATCH_EVENTS for batch in engine.batches[:-1])
    assert all(engine.batches)
    assert told == [len(batch) for batch in engine.batches]
    assert (result.outside, result.interrupted) == (0, False)


def test_an_alert_is_kept_as_it_was_said_last() -> None:
    """Notices in later batches replace earlier ones of the same alert; those of the end are there too."""
    result = replay(events(2 * BATCH_EVENTS), Engine(), Window())
    count = b"%d" % (BATCH_EVENTS // 2)
    assert result.alerts == {"ann": count, "bob": count, "cy": count, "": count, "end": b"end"}


@pytest.mark.parametrize(
    ("window", "given"),
    [
        (Window(), "0 1 2 3 4 5 6 7"),
        (Window(end=at(4)), "0 1 2 3 4"),
        (Window(begin=at(4)), "0 1 2 3 4 5 6 7"),
        (Window(user="ann"), "0 1 2 3 4 5 6 7"),
        (Window(begin=at(2), end=at(5), user="ann"), "0 1 2 3 4 5"),
        (Window(begin=at(4), cold=True), "4 5 6 7"),
        (Window(begin=at(2), end=at(4), cold=True), "2 3 4"),
        (Window(user="ann", cold=True), "0 3 4 7"),
        (Window(begin=at(1), end=at(6), user="bob", cold=True), "1 3 5"),
        (Window(end=at(-1)), ""),
    ],
)
def test_a_window_limits_what_is_judged(window, given) -> None:
    """Nothing after the end; what stands before the begin still warms up, unless cold; events of nobody stay in."""
    engine = Engine()
    result = replay(events(8), engine, window)
    assert engine.ids == [f"e{n}" for n in given.split()]
    assert result.outside == 8 - len(engine.ids)


@pytest.mark.parametrize("end", [None, at(4)])
def test_the_end_of_the_window_is_the_end_of_time(end) -> None:
    """What is due by then is fired, and without an end the engine decides by its newest event."""
    engine = Engine()
    replay(events(8), engine, Window(end=end))
    assert engine.until_us == [None if end is None else to_us(end)]


def test_stop_ends_after_the_batch_with_what_was_found() -> None:
    """Nothing more is taken from the input, and time does not run on to the end of the window."""
    engine, rest = Engine(), iter(events(3 * BATCH_EVENTS))
    result = replay(rest, engine, Window(end=at(10**6)), stop=lambda: len(engine.batches) >= 2)
    assert result.interrupted
    assert len(engine.ids) == 2 * BATCH_EVENTS
    assert next(rest).id == f"e{2 * BATCH_EVENTS}"
    assert engine.until_us == [None]
    assert result.alerts["end"] == b"end"


def test_without_a_reason_to_stop_it_runs_through() -> None:
    """`stop` is asked after every batch, and false means to go on."""
    asked = []
    result = replay(events(BATCH_EVENTS + 1), Engine(), Window(), stop=lambda: bool(asked.append(1)))
    assert len(asked) == 2
    assert not result.interrupted
