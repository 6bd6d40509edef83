"""Every registered adapter under records changed at random; `make fuzz` runs any number of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import pytest

from bench.fuzz import fuzz, main, outcome, shrunk
from bench.mutation import Mutator, words_of
from models.events import SessionEvent
from streams.adapters import adapters
from streams.adapters.adapter import Dropped
from streams.adapters.pingid import PingId

RECORDS = 400


@pytest.mark.parametrize("name", adapters())
def test_an_adapter_holds_its_promises_whatever_a_record_holds(name) -> None:
    """Nothing but BadRecordError, valid events or a declared drop, the same again, and sums that add up."""
    report = fuzz(adapters()[name], RECORDS, seed=20260302, read_every=4)
    assert report.faults == {}
    assert report.outcomes.total() == report.records == RECORDS
    assert report.read_whole == RECORDS / 4
    assert report.outcomes["mapped"] > RECORDS / 10
    assert sum(n for what, n in report.outcomes.items() if what.startswith("dead: ")) > RECORDS / 20


class Raising(PingId):
    """Breaks its first promise: something is raised that is no BadRecordError."""

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """Trust the record."""
        assert record["actors"][0]["name"].strip()
        return super().adapt(record)


class Hollow(PingId):
    """Makes nothing of a record, without a reason."""

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """Nothing."""
        return []


class Silent(PingId):
    """Drops records without having said so."""

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """A drop that nobody declared."""
        return Dropped("tired")


class Fickle(PingId):
    """Gives another id each time."""

    asked: ClassVar[list[int]] = [0]

    def identity(self, own: str, record: Any) -> str:
        """A number."""
        self.asked[0] += 1
        return str(self.asked[0])


class Wordless(PingId):
    """Gives an id that the schema does not allow."""

    def identity(self, own: str, record: Any) -> str:
        """Nothing."""
        return ""


class Untidy(PingId):
    """Gives texts with blanks around them."""

    def copied(self, view: Any) -> dict[str, str]:
        """What the record has, and a blank."""
        return {**super().copied(view), "app": " "}


@pytest.mark.parametrize(
    ("adapter", "fault"),
    [
        (Raising(), "was raised"),
        (Hollow(), "neither events nor a drop"),
        (Silent(), "no declared drop"),
        (Fickle(), "the second time it is another"),
        (Wordless(), "cannot go over the wire"),
        (Untidy(), "`app` is too long, or has blanks around it"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_broken_promise_is_found_and_its_record_made_small(adapter, fault) -> None:
    """Each kind of promise has an adapter that breaks it."""
    report = fuzz(adapter, RECORDS, seed=1)
    found = [line for said, line in report.faults.items() if fault in said]
    assert found
    assert all(len(line) < 400 for line in found)


def test_the_same_seed_gives_the_same_records() -> None:
    """What one run found another finds again."""
    seeds = [msgspec.json.encode(dict(one.record)) for one in adapters()["okta"].examples]
    words = words_of(adapters()["okta"])
    one, same, other = (Mutator(seeds, words, seed) for seed in (1, 1, 2))
    first = [next(one) for _ in range(200)]
    assert first == [next(same) for _ in range(200)]
    assert first != [next(other) for _ in range(200)]
    assert len(set(first)) > 190
    assert not any(b"\n" in line for line in first)


def test_a_formats_own_words_are_known() -> None:
    """Changed records come by all branches: event types stand in modules beside the adapter's, and in mappings."""
    assert {"user.session.start", "UNANSWERED"} <= set(words_of(adapters()["okta"]))
    assert {"USER_DISABLED_BY_TEMPORARY_LOCKOUT", "realmId"} <= set(words_of(adapters()["keycloak"]))
    assert {"ScreenLock", "TGS"} <= set(words_of(adapters()["lanl_auth"]))


def test_a_record_is_made_small_only_as_far_as_it_still_breaks() -> None:
    """What matters to the fault stays."""
    line = b'{"a": {"b": "xyz", "c": [1, 2, {"d": "poison and more"}]}, "e": 7}'
    small = shrunk(line, lambda each: b"poison" in each)
    assert b"poison" in small
    assert len(small) < 45


def test_the_command_says_what_it_did(capsys, monkeypatch) -> None:
    """One line for a format, with seed and sums, and exit code 0 where all is well."""
    monkeypatch.delenv("SESSIONWATCH_REAL_LOGS", raising=False)
    assert main(["--records", "50", "--seed", "3", "--format", "pingid"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("pingid: 50 records (seed 3, changed from 5 examples and 0 real records)")
    assert "0 faults" in told


def test_dead_letters_are_told_by_their_reason() -> None:
    """An outcome names what became of the record."""
    assert outcome(adapters()["okta"], b"{") == ("dead: invalid_json", b"")
    assert outcome(adapters()["okta"], b"[]")[0] == "dead: not_an_object"
