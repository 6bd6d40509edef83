"""Blobs as a store keeps them: smaller, the same when they come back, and read across versions."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
import zstandard

from geo.locator import Locator
from models.instants import MINUTE_US
from sessionwatch.errors import StateError
from sessionwatch.live.judging import LiveJudge
from sessionwatch.live.packing import MARK, PACKING, Packing, dictionary
from tests.property.sketch_rules import ruleset
from tests.property.stores import MemoryStore
from tests.property.worlds import lateness
from tests.unit.engine.story import TOKYO, changes, event

SHIPPED = {1: "52b5b53a5d85bfa982460d78a2be9a11"}
"""Of each dictionary, the beginning of its SHA-256."""
ANN = ("user", "", "ann")


def judge_over(store: MemoryStore) -> LiveJudge:
    """A judge that goes on from `store`."""
    return LiveJudge(ruleset(5 * MINUTE_US), Locator(), lateness(slow=False), store)


def store_with_ann() -> MemoryStore:
    """What is stored once ann has signed in."""
    store = MemoryStore()
    store.write(judge_over(store).judge([event("home", 0), event("on", 1)]).changed)
    return store


def test_a_subject_is_stored_packed_and_goes_on() -> None:
    """Fewer bytes, and the alert that the history asks for."""
    store = store_with_ann()
    stored = store.held[ANN].blob
    assert stored is not None
    assert stored[:2] == MARK + bytes((PACKING,))
    assert len(stored) < len(Packing().unpacked(stored, "ann"))
    assert ("raised", "travel", 1) in changes(judge_over(store).judge([event("far", 2, place=TOKYO)]).notices)


def test_a_blob_that_was_stored_unpacked_is_read_and_packed_when_it_is_written_again() -> None:
    """A state file of the version before needs nothing done to it."""
    store = store_with_ann()
    entry = store.held[ANN]
    store.held[ANN] = entry._replace(blob=Packing().unpacked(entry.blob or b"", "ann"))
    judged = judge_over(store).judge([event("far", 2, place=TOKYO)])
    assert ("raised", "travel", 1) in changes(judged.notices)
    store.write(judged.changed)
    assert (store.held[ANN].blob or b"").startswith(MARK)


def test_what_packing_would_not_make_smaller_is_stored_as_it_is() -> None:
    """A few bytes are shorter than a frame around them."""
    small = msgspec.msgpack.encode([1])
    assert Packing().packed(small) == small


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (MARK + bytes((PACKING + 1,)) + b"whatever", "upgrade"),
        (MARK, "restore an older"),
        (MARK + bytes((PACKING,)) + b"no frame", "restore an older"),
        (Packing().packed(b"long enough " * 99)[:-3], "restore an older"),
        (MARK + bytes((PACKING,)) + zstandard.compress(bytes(65 * 1024 * 1024))[4:], "claims to have"),
    ],
)
def test_what_a_newer_version_packed_or_what_is_damaged_is_refused(stored: bytes, told: str) -> None:
    """Stop rather than guess; and a frame of a few bytes cannot ask for all memory."""
    store = store_with_ann()
    store.held[ANN] = store.held[ANN]._replace(blob=stored)
    with pytest.raises(StateError, match=told):
        judge_over(store).judge([event("far", 2)])


def test_a_dictionary_never_changes() -> None:
    """Whatever was packed with it could not be read any more: a better one gets a number of its own."""
    told = {n: hashlib.sha256(dictionary(n).as_bytes()).hexdigest()[:32] for n in range(1, PACKING + 1)}
    assert told == SHIPPED
