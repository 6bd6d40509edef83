"""A stream of a hospital group's day for benchmarks: native events, honest people and staged attacks, with labels.

    python -m bench.stream -o events.jsonl [--events N] [--seed N] [--labels labels.jsonl]

Seeded, so the same bytes each time. People by Zipf (0.75) over 22 hours; every event has a place from its log. One
event in a hundred stands up to 100 s late in the file. The labels name each attack: family, subject, events.
"""

from __future__ import annotations

import argparse
import heapq
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench.attacks import Attack, attacks  # noqa: E402 - a script finds the packages once the path is set
from bench.world import ADDRESSES, BEGIN_S, HOURS, ROLES_EVERY, USERS, World  # noqa: E402 - as above

LATE_SHARE: Final = 0.01
LATE_MAX_US: Final = 100_000_000
BLOCK_EVENTS: Final = 100_000
"""Events whose numbers are drawn together."""

SHARES: Final = {
    "activity": 0.40,
    "refresh": 0.20,
    "login": 0.12,
    "logout": 0.06,
    "timeout": 0.02,
    "mfa_challenge": 0.04,
    "mfa_result": 0.04,
    "login_failed": 0.05,
    "export": 0.05,
    "device_enrolled": 0.004,
    "credential_change": 0.006,
    "privilege_change": 0.004,
    "account_change": 0.004,
    "policy_change": 0.002,
}
"""What share of the honest events is of which kind."""
KINDS: Final = tuple(SHARES)


class Line(NamedTuple):
    """One event on its way into the file: when it comes to stand there, and its JSON."""

    arrives_us: int
    number: int
    json: str


def lines(events: int, seed: int, every: int = 1) -> Iterator[str]:
    """`events` JSON lines in the order of the file; of them, those of one user in `every`."""
    late: list[Line] = []
    draw = Random(seed + 1)
    for number, (at_us, text) in enumerate(_in_order(events, seed, attacks(events, seed), every)):
        while late and late[0].arrives_us <= at_us:
            yield heapq.heappop(late).json
        if draw.random() < LATE_SHARE:
            heapq.heappush(late, Line(at_us + draw.randrange(LATE_MAX_US), number, text))
        else:
            yield text
    while late:
        yield heapq.heappop(late).json


def _in_order(events: int, seed: int, staged: Sequence[Attack], every: int) -> Iterator[tuple[int, str]]:
    """The events in order of time: honest ones, and those of `staged` among them."""
    world = World()
    steps = sorted(((step.at_us, n, step) for n, step in enumerate(s for one in staged for s in one.steps)))
    honest = max(1, events - len(steps))
    steps = [one for one in steps if one[2].user % every == every // 2]
    next_step = 0
    for number, at_us, user, kind, die in _drawn(honest, seed, every):
        while next_step < len(steps) and steps[next_step][0] <= at_us:
            yield steps[next_step][0], world.staged(steps[next_step][2])
            next_step += 1
        yield at_us, world.event(number, at_us, user, KINDS[kind], die)
    for _, _, step in steps[next_step:]:
        yield step.at_us, world.staged(step)


def _drawn(events: int, seed: int, every: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Its number, when, who, which kind, and a die of 30 bits for all the rest; of one user in `every`."""
    draw = np.random.default_rng(seed)
    weights = np.arange(1, USERS + 1, dtype=float) ** -0.75
    cumulated = np.cumsum(weights / weights.sum())
    shares = np.cumsum(np.array(list(SHARES.values())) / sum(SHARES.values()))
    failed = KINDS.index("login_failed")
    span_us = HOURS * 3_600_000_000
    for start in range(0, events, BLOCK_EVENTS):
        size = min(BLOCK_EVENTS, events - start)
        begin, end = start * span_us // events, (start + size) * span_us // events
        at_us = np.sort(draw.integers(begin, end, size)) + BEGIN_S * 1_000_000
        kinds = np.searchsorted(shares, draw.random(size)).clip(max=len(KINDS) - 1)
        users = np.searchsorted(cumulated, draw.random(size)).clip(max=USERS - 1)
        # Everybody mistypes alike: the busiest are machines, and those do not.
        users = np.where(kinds == failed, draw.integers(0, USERS, size), users)
        dice = draw.integers(0, 2**30, size)
        (chosen,) = (users % every == every // 2).nonzero()
        drawn = (one[chosen].tolist() for one in (at_us, users, kinds, dice))
        yield from zip((chosen + start + 1).tolist(), *drawn, strict=True)


def labels(staged: Sequence[Attack]) -> Iterator[dict[str, Any]]:
    """One object for each attack."""
    for one in staged:
        first, last = one.steps[0], one.steps[-1]
        yield {
            "family": one.family,
            "subject": one.subject,
            "begin": datetime.fromtimestamp(first.at_us / 1e6, UTC).isoformat(),
            "end": datetime.fromtimestamp(last.at_us / 1e6, UTC).isoformat(),
            "events": [step.id for step in one.steps],
        }


def write(path: Path, events: int, seed: int, labels_path: Path | None = None) -> int:
    """Write the stream, block by block; the bytes written."""
    written = 0
    with path.open("w", encoding="ascii", buffering=1024 * 1024) as file:
        for line in lines(events, seed):
            written += file.write(line)
    if labels_path is not None:
        with labels_path.open("w", encoding="ascii") as file:
            file.writelines(json.dumps(label) + "\n" for label in labels(attacks(events, seed)))
    return written


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a stream."""
    parser = argparse.ArgumentParser(description="Write a labelled stream of native events.")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--labels", type=Path)
    asked = parser.parse_args(arguments)
    written = write(asked.output, asked.events, asked.seed, asked.labels)
    print(f"{asked.events:,} events of {written / asked.events:.0f} bytes to {asked.output}")
    print(f"{USERS:,} users, {ADDRESSES:,} addresses, every {ROLES_EVERY}th user a role of the cloud")


if __name__ == "__main__":
    main()
