"""The invented month that rules are measured on is the same each time, and what it stages is plain."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from bench.quality.families import FAMILIES
from bench.quality.log import DAYS, LAG_MAX_S, MONTH_FROM, clock
from bench.quality.scoring import Month, staged_month
from bench.quality.staff import AMSTERDAM_TIME, SYDNEY_TIME
from geo.addresses import address

SMALL = {"size": 100, "days": 12, "every": 5}


@pytest.fixture(scope="module")
def small() -> Month:
    """A small world."""
    return staged_month("test", **SMALL)


def test_same_seed_gives_the_same_month(small: Month) -> None:
    """Two people who measure one seed measure the same events."""
    again = staged_month("test", **SMALL)
    assert again.events == small.events
    assert again.attacks == small.attacks


def test_another_seed_gives_another_month(small: Month) -> None:
    """A month that is held out is not the one that rules were tuned on."""
    other = staged_month("other", **SMALL)
    assert {event.at for event in other.events}.isdisjoint(
        {event.at for event in small.events if event.kind == "refresh"}
    )


def test_addresses_are_addresses(small: Month) -> None:
    """An address that cannot be read would make rules look better than they are."""
    assert not {event.ip for event in small.events if event.ip and not address(event.ip).network}


def test_collector_doubles_delays_and_loses(small: Month) -> None:
    """The month arrives as logs do: some events twice, some out of order within the bound, some without a field."""
    copies = Counter(event.id for event in small.events)
    assert max(copies.values()) == 2
    newest, late_s = small.events[0].at, 0.0
    for event in small.events:
        late_s = max(late_s, (newest - event.at).total_seconds())
        newest = max(newest, event.at)
    assert 3 < late_s <= LAG_MAX_S + 60
    people = [event for event in small.events if event.kind == "login" and event.interactive]
    assert any(not event.ip for event in people)
    assert any(not event.device for event in people)


def test_every_family_is_staged(small: Month) -> None:
    """No family of rules goes unmeasured, not in a small world either."""
    assert {attack.family for attack in small.attacks} == set(FAMILIES)
    assert len(small.attacks) == 30


def test_attacks_are_of_people_of_their_own(small: Month) -> None:
    """Each alert has one cause: nobody is the subject of two attacks."""
    subjects = [subject for attack in small.attacks for subject in attack.subjects]
    assert len(subjects) == len(set(subjects))
    assert all(attack.begin <= attack.end for attack in small.attacks)


def test_month_holds_the_change_to_summer_time() -> None:
    """Shifts keep their hours by the clock on the wall: the night of the change is an hour short."""
    night = datetime(2026, 3, 28, tzinfo=UTC).date()
    assert 0 < (night - MONTH_FROM).days < DAYS
    short = clock(AMSTERDAM_TIME, night, 31) - clock(AMSTERDAM_TIME, night, 23)
    assert short.total_seconds() == 7 * 3600
    assert clock(SYDNEY_TIME, night, 31) - clock(SYDNEY_TIME, night, 23) != short
