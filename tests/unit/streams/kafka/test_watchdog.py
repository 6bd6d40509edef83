"""A process that does not end is ended."""

from __future__ import annotations

import threading

from streams.kafka.watchdog import EXIT_GIVEN_UP, watch_exit


def test_a_process_that_hangs_at_its_end_is_ended() -> None:
    """With an exit code of its own."""
    ended: list[int] = []
    watch_exit(lambda: True, 0.0, ended.append, look_every_s=0.01).join(30)
    assert ended == [EXIT_GIVEN_UP]


def test_a_process_that_works_is_left_alone() -> None:
    """However often it is looked at; the time counts from the last moment of work."""
    answers = iter([True, False] * 20 + [True] * 1_000)
    ended = threading.Event()
    looked = []

    def ending() -> bool:
        looked.append(next(answers))
        return looked[-1]

    watch_exit(ending, 0.001, lambda code: ended.set(), look_every_s=0.002)
    assert ended.wait(30)
    assert len(looked) > 40
