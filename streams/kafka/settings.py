"""How a lane works: its topic, group and changelog, and how long it waits for what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WRITE_BYTES_MAX: Final = 1 << 20
"""Bytes of one record batch that is written; one entry of state with its key must fit it."""
FETCH_RECORDS_MAX: Final = 5_000
"""Records of one fetch over all partitions of a process, and so of one batch."""
FETCH_BYTES_MAX: Final = 32 << 20
"""Bytes of one fetch over all partitions of a process."""


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """Times in seconds.

    `session_timeout_s` is how long the broker waits for a sign of life before it gives our partitions to others; it
    may not be longer than `request_timeout_s`. `exit_max_s` is how long a crashed process may take to end by itself.
    `member` is a lasting name of this process in the group: after a restart it has its partitions back at once.
    """

    group: str
    topic: str
    changelog: str
    partitions: int
    member: str = ""
    tries_max: int = 5
    fetch_records_max: int = FETCH_RECORDS_MAX
    fetch_bytes_max: int = FETCH_BYTES_MAX
    commit_every_s: float = 1.0
    watch_every_s: float = 30.0
    tick_every_s: float = 1.0
    measure_every_s: float = 5.0
    drain_max_s: float = 4.0
    exit_max_s: float = 60.0
    session_timeout_s: float = 45.0
    heartbeat_every_s: float = 3.0
    rebalance_timeout_s: float = 60.0
    request_timeout_s: float = 60.0
    data_folder: str = ""
