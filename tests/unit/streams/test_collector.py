"""The garbage collector during a run."""

from __future__ import annotations

import gc
import weakref

from streams.collector import SAMPLED_EVERY, Young, held_back


class Ring:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.self = self


def test_collector_is_as_it_was_afterwards() -> None:
    """A run leaves the process as it found it, also where one run stands within another."""
    with held_back():
        assert not gc.isenabled()
        with held_back():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_cycles_of_a_sampled_batch_are_freed() -> None:
    """A detector that makes cycles does not fill the memory: they are found, and from then on in every batch."""
    young = Young()
    with held_back():
        for _ in range(SAMPLED_EVERY - 1):
            young()
        for _ in range(2):
            rings = [Ring() for _ in range(200)]
            last = weakref.ref(rings[-1])
            del rings
            assert last() is not None
            young()
            assert last() is None
