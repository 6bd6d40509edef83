"""What an installation stands on: Python, the clock, the disk, Kafka and its topics."""

from __future__ import annotations

import ctypes
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sessionwatch.cli.checks import Check
from sessionwatch.live.state_file import reading
from sessionwatch.settings.form import Settings
from streams.adapters import adapters
from streams.kafka.connection import Connection
from streams.kafka.topics import admin, faults, find, layouts

TESTED_BEFORE: Final = (3, 14)
"""The first version of Python that nothing was tried on."""
FREE_BYTES_LOW: Final = 1 << 30
FREE_BYTES_FAULT: Final = 100 << 20
"""Below it a watch may have to stop at any moment."""
EXTRAS: Final = ("aiokafka", "faust", "kafka")
GIB: Final = 1 << 30
_UNSYNCHRONISED: Final = 5
"""What adjtimex returns for a clock that nobody sets."""
_TIMEX_BYTES_MIN: Final = 1_024
"""Room for the kernel's answer, which is 208 bytes long."""


def python() -> Iterator[Check]:
    """Whether this Python was tried, and whether the extra for Kafka is there."""
    if sys.version_info[:2] >= TESTED_BEFORE:
        tested = ".".join(map(str, TESTED_BEFORE))
        to_do = "if something is odd, try an older one first"
        yield Check("Python", "warning", f"{platform.python_version()}; tried on those before {tested}", to_do)
    missing = [name for name in EXTRAS if find_spec(name) is None]
    if missing:
        to_do = 'needed for live, topics and a replay of a topic: pip install "sessionwatch[live]"'
        yield Check("Kafka clients", "warning", f"not installed: {', '.join(missing)}", to_do)


def mappings(paths: tuple[Path, ...]) -> Iterator[Check]:
    """Whether every format can be loaded."""
    yield Check("formats", "ok", f"{len(adapters(paths))}, of which {len(paths)} by mappings of your own")


def clock(now: datetime, built_at: datetime, *, unsynchronised: bool | None) -> Iterator[Check]:
    """Whether the clock can be right. `built_at`: before it this program did not exist."""
    if now < built_at - timedelta(days=1):
        to_do = "set it: whether a database is old, a feed silent or a list ended is told by the clock"
        yield Check("clock", "FAULT", f"{now:%Y-%m-%d %H:%M} UTC, before this version was made", to_do)
    elif unsynchronised:
        yield Check("clock", "warning", "nobody sets it", "run an NTP client, such as chrony; judgement knows no clock")
    else:
        yield Check("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC")


def unsynchronised() -> bool | None:
    """Whether the kernel says that its clock is not kept right; None where it does not say."""
    if sys.platform != "linux":
        return None
    try:
        asked = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES_MIN))
    except (OSError, AttributeError):
        return None
    return None if asked < 0 else bool(asked == _UNSYNCHRONISED)


def disk(folder: Path, free_bytes: int) -> Check:
    """Whether there is room where state is written."""
    said = f"{free_bytes / GIB:,.1f} GiB free in {folder}"
    if free_bytes < FREE_BYTES_FAULT:
        return Check("disk", "FAULT", said, "make room: a watch that cannot write stops, and goes on once it can")
    if free_bytes < FREE_BYTES_LOW:
        return Check("disk", "warning", said, "make room, or bound the state with SESSIONWATCH_STATE_PAGES_MAX")
    return Check("disk", "ok", said)


def state(settings: Settings) -> Iterator[Check]:
    """The state file of a watch, where one is set, and the disk that it is on."""
    path = settings.watch.state or Path()
    folder = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.is_dir())
    yield disk(folder, shutil.disk_usage(folder).free)
    if settings.watch.state is not None and path.exists():
        with reading(path) as file:
            letters = len(file.dead_letters())
            yield Check("state file", "ok", f"{path}: {file.size_bytes:,} bytes")
        if letters:
            yield Check("state file", "warning", f"{letters:,} dead letters", "sessionwatch dead-letter list tells why")


def kafka(
    broker: Connection, prefix: str, kinds: Sequence[str] = ("user",), raw: Sequence[str] = ()
) -> Iterator[Check]:
    """Whether Kafka answers, and whether the topics for these kinds of subject and raw formats are as they must be."""
    wanted = layouts(prefix, None, kinds, raw)
    with admin(broker) as client:
        found = find(client, [layout.name for layout in wanted])
    yield Check("Kafka", "ok", f"answers at {', '.join(broker.servers)}")
    wrong = faults(wanted, found)
    for line in wrong:
        what, _, to_do = line.partition("; ")
        yield Check("topics", "FAULT", what, to_do)
    if not wrong:
        yield Check("topics", "ok", f"{len(found)} as they must be")
