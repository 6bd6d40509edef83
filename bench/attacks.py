"""Staged attacks of the benchmark's stream: about one event in a thousand raises an alert for one of them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from bench.world import BEGIN_S, FAR_CITIES, HOURS, USERS, Step, is_role

MINUTE_US: Final = 60_000_000
BEGIN_US: Final = BEGIN_S * 1_000_000
STARTS_US: Final = (HOURS - 2) * 60 * MINUTE_US
"""The last attack begins two hours before the end."""

IN_A_MILLION: Final = {
    "travel": 200,
    "hijack": 80,
    "brute_force": 25,
    "spray": 25,
    "mfa_fatigue": 25,
    "mass_export": 40,
}
"""Attacks of each family in a million events."""

PUSHES: Final = 12
"""Pushes refused before one is approved."""


class Attack(NamedTuple):
    """A family, whom or what it is about, and its events in order."""

    family: str
    subject: str
    steps: tuple[Step, ...]


def attacks(events: int, seed: int) -> list[Attack]:
    """The attacks of a stream of `events`, the same for the same seed; at least one of each family."""
    draw = Random(seed)
    found = []
    for family, share in IN_A_MILLION.items():
        for n in range(max(1, share * events // 1_000_000)):
            at_us = BEGIN_US + draw.randrange(STARTS_US)
            user = draw.randrange(USERS)
            user -= is_role(user)
            steps = tuple(_STAGED[family](draw, at_us, user, f"{family}-{n:05d}"))
            found.append(Attack(family, steps[0].ip if family == "spray" else str(user), steps))
    return found


def _foreign(draw: Random) -> tuple[int, str]:
    """A far city, and an address in it that nobody else has."""
    return draw.randrange(len(FAR_CITIES)), f"198.19.{draw.randrange(256)}.{draw.randrange(1, 255)}"


def _travel(draw: Random, at_us: int, user: int, name: str) -> Iterator[Step]:
    """At home, and half an hour later elsewhere on another machine."""
    far, ip = _foreign(draw)
    yield Step(at_us, f"{name}-0", "login", user, -1, "", "", "", "success")
    yield Step(at_us + 30 * MINUTE_US, f"{name}-1", "login", user, far, ip, f"d-{name}", f"x-{name}", "success")


def _hijack(draw: Random, at_us: int, user: int, name: str) -> Iterator[Step]:
    """A session that goes on from another machine and address."""
    far, ip = _foreign(draw)
    session = f"h-{name}"
    yield Step(at_us, f"{name}-0", "login", user, -1, "", "", session, "success")
    for n in range(1, 4):
        yield Step(at_us + n * MINUTE_US, f"{name}-{n}", "activity", user, far, ip, f"d-{name}", session, "success")


def _brute_force(draw: Random, at_us: int, user: int, name: str) -> Iterator[Step]:
    """Twenty-five wrong passwords in six minutes, and then the right one."""
    far, ip = _foreign(draw)
    for n in range(25):
        at = at_us + n * MINUTE_US // 4
        yield Step(at, f"{name}-{n}", "login_failed", user, far, ip, f"d-{name}", f"x-{name}", "failure")
    yield Step(at_us + 8 * MINUTE_US, f"{name}-25", "login", user, far, ip, f"d-{name}", f"x-{name}", "success")


def _spray(draw: Random, at_us: int, user: int, name: str) -> Iterator[Step]:
    """One address that tries twenty names."""
    far, ip = _foreign(draw)
    for n in range(20):
        other = (user + n * 37) % USERS
        yield Step(at_us + n * MINUTE_US, f"{name}-{n}", "login_failed", other, far, ip, f"d-{name}", "", "failure")


def _mfa_fatigue(draw: Random, at_us: int, user: int, name: str) -> Iterator[Step]:
    """Pushes that nobody wanted, and one approved."""
    far, ip = _foreign(draw)
    for n in range(PUSHES + 1):
        outcome = "failure" if n < PUSHES else "success"
        yield Step(at_us + n * MINUTE_US, f"{name}-{n}", "mfa_result", user, far, ip, f"d-{name}", "", outcome)


def _mass_export(draw: Random, at_us: int, user: int, name: str) -> Iterator[Step]:
    """Twelve exports of a hundred objects each."""
    for n in range(12):
        fields = f',"resource":"list/{draw.randrange(1000)}","count":100,"bytes":{draw.randrange(10_000_000)}'
        yield Step(at_us + n * MINUTE_US, f"{name}-{n}", "export", user, -1, "", "", "", "success", fields)


_STAGED: Final = {
    "travel": _travel,
    "hijack": _hijack,
    "brute_force": _brute_force,
    "spray": _spray,
    "mfa_fatigue": _mfa_fatigue,
    "mass_export": _mass_export,
}
