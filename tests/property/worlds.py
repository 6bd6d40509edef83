"""Random worlds of events, and the ways in which they may arrive."""

from __future__ import annotations

import random
from datetime import timedelta

import msgspec

from models.events import SessionEvent
from models.instants import instant
from models.places import Place
from sessionwatch.engine.lateness import Lateness

SECOND_US = 1_000_000
BOUNDS = {"fast": timedelta(minutes=2), "slow": timedelta(hours=1)}


def lateness(*, slow: bool) -> Lateness:
    """The bounds of a world, all sources counted for every subject."""
    return Lateness.of(BOUNDS if slow else {"fast": BOUNDS["fast"]}, mode="all")


def world(
    seed: int, gaps_s: tuple[int, ...], *, slow: bool, users: int = 3, events: int = 50, changes: bool = False
) -> list[SessionEvent]:
    """A few users' events: now and then abroad, on a strange device, exporting, with ties in time.

    With `changes` they also change each other's accounts.
    """
    r = random.Random(seed)
    made = []
    for u in range(users):
        home = (r.uniform(-60, 60), r.uniform(-170, 170))
        at_us = 1_700_000_000 * SECOND_US + r.randrange(0, 3600) * SECOND_US
        for i in range(events):
            if r.random() > 0.08:  # else a tie with the event before it
                at_us += int(r.expovariate(1) * r.choice(gaps_s) * SECOND_US)
            away = r.random() < 0.1
            kind = r.choice(["login", "login", "export", "activity", "logout", *["account_change"] * changes])
            shared = r.random() < 0.05  # now and then a session changes hands
            latitude, longitude = (
                (r.uniform(-60, 60), r.uniform(-170, 170))
                if away
                else (home[0] + r.gauss(0, 0.3), home[1] + r.gauss(0, 0.3))
            )
            made.append(
                SessionEvent(
                    id=f"{u}-{i}",
                    at=instant(at_us),
                    kind=kind,
                    source="slow" if slow and r.random() < 0.2 else "fast",
                    user="" if kind in {"activity", "logout"} and r.random() < 0.3 else f"u{u}",
                    target=f"U{r.randrange(users)}" if kind == "account_change" else "",
                    session=f"s{0 if shared else u}{r.randrange(3)}",
                    ip=f"198.51.100.{r.randrange(4)}",
                    device=f"d{r.randrange(4)}",
                    count=r.choice([1, 10, 300, 700]),
                    place=Place(latitude=latitude, longitude=longitude, radius_km=50.0, source="log"),
                )
            )
    return made


def arrivals(events: list[SessionEvent], seed: int, *, slow: bool) -> list[SessionEvent]:
    """`events` as they might arrive: each within its source's bound, some twice, some first in a barer copy."""
    r = random.Random(seed)
    arriving: list[tuple[int, float, SessionEvent]] = []
    for event in events:
        at_us = event.order[0]
        bound_us = int(BOUNDS[event.source].total_seconds() * SECOND_US)
        delay_us = r.randrange(0, bound_us) if r.random() < 0.7 else 0
        arriving.append((at_us + delay_us, r.random(), event))
        if r.random() < 0.1:
            other = msgspec.structs.replace(event, device="", count=1) if r.random() < 0.6 else event
            arriving.append((at_us + r.randrange(0, bound_us), r.random(), other))
    assert slow or all(event.source == "fast" for event in events)
    return [event for _, _, event in sorted(arriving, key=lambda a: a[:2])]
