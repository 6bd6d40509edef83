"""One measured step of the replay benchmark, in a process of its own: prints what it took as one JSON object.

python -m bench.step decode|pack|sql|travel|memory|state FILE [--workers N] [--threads N] [--rules DIR]
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import heapq
import io
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench.state_shares import lived, sizes  # noqa: E402 - a script finds the packages once the path is set
from models.events import SessionEvent  # noqa: E402 - as above
from sessionwatch.cli.replay import Request, run  # noqa: E402 - as above
from sessionwatch.engine.plan import EnginePlan  # noqa: E402 - as above
from streams.reading import ReadSettings, read_blocks  # noqa: E402 - as above
from streams.replay import Window, replay  # noqa: E402 - as above

BLOCK_BYTES: Final = 128 * 1024
LATE_MAX_S: Final = 100
PACK_SQL: Final = Path(__file__).parent / "pack.sql"


def queries() -> dict[str, str]:
    """The SQL pack: its queries by name, in order."""
    found = re.finditer(r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", PACK_SQL.read_text(), re.DOTALL | re.MULTILINE)
    return {one.group(1): one.group(2) for one in found}


def decode(asked: argparse.Namespace) -> dict[str, Any]:
    """Decode every line, and nothing else."""
    decoder = msgspec.json.Decoder(SessionEvent)
    events, rest = 0, b""
    with asked.file.open("rb") as file:
        while data := file.read(BLOCK_BYTES):
            end = data.rfind(b"\n") + 1
            events += len(decoder.decode_lines(rest + data[:end]))
            rest = data[end:]
    return {"events": events}


def pack(asked: argparse.Namespace) -> dict[str, Any]:
    """What `sessionwatch replay FILE --alerts FILE --json` does, with any counter and check that it has."""
    with tempfile.TemporaryDirectory() as folder:
        request = Request(
            paths=[str(asked.file)],
            settings=ReadSettings(),
            plan=EnginePlan((asked.rules,), near_misses=asked.near_misses),
            window=Window(),
            alerts=str(Path(folder) / "alerts.jsonl"),
            dead_letter=None,
            redact=False,
            workers=asked.workers,
            as_json=True,
        )
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            run(request)
    summary = msgspec.json.decode(told.getvalue())
    names = ("events", "duplicates", "users", "alerts", "rules")
    return {name: summary[name] for name in names if name in summary}


def sql(asked: argparse.Namespace) -> dict[str, Any]:
    """Load the file, and run every query of the pack."""
    found = queries()
    return _queried(asked, {name: text for name, text in found.items() if name != "travel_load"})


def travel(asked: argparse.Namespace) -> dict[str, Any]:
    """Load what the travel query needs, and run it."""
    found = queries()
    return _queried(asked, {name: found[name] for name in ("travel_load", "impossible_travel")})


def _queried(asked: argparse.Namespace, texts: dict[str, str]) -> dict[str, Any]:
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {asked.threads}")
    rows, seconds = {}, {}
    for name, text in texts.items():
        begun = time.perf_counter()
        rows[name] = len(connection.execute(text.replace("{file}", str(asked.file))).fetchall())
        seconds[name] = round(time.perf_counter() - begun, 3)
    return {"rows": rows, "seconds": seconds, "duckdb": duckdb.__version__}


class Pauses:
    """The collector's pauses: its own processor time and the time on the wall, the longest of each in ms."""

    def __init__(self) -> None:
        self.processor_ms = 0.0
        self.wall_ms = 0.0
        self.collections = 0
        self._begun = (0, 0)

    def __call__(self, phase: str, _: dict[str, Any]) -> None:
        """Called by the collector as it begins and ends."""
        now = (time.thread_time_ns(), time.perf_counter_ns())
        if phase == "start":
            self._begun = now
            return
        self.collections += 1
        self.processor_ms = max(self.processor_ms, (now[0] - self._begun[0]) / 1e6)
        self.wall_ms = max(self.wall_ms, (now[1] - self._begun[1]) / 1e6)


def memory(asked: argparse.Namespace) -> dict[str, Any]:
    """Memory and the collector's pauses of an engine through which the whole stream has gone."""
    engine = EnginePlan((asked.rules,)).engine()
    pauses = Pauses()
    gc.collect()
    before = _resident_bytes()
    gc.callbacks.append(pauses)
    replay(_nearly_sorted(asked.file), engine, Window())
    gc.callbacks.remove(pauses)
    gc.collect()
    resident = _resident_bytes() - before
    users = {subject for lane in engine.lanes if lane.program.by == "user" for subject in lane.subjects}
    return {
        "events": engine.counts.events,
        "users": len(users),
        "resident_bytes_per_user": round(resident / max(1, len(users)), 1),
        "gc_pause_ms_max": round(pauses.processor_ms, 3),
        "gc_pause_wall_ms_max": round(pauses.wall_ms, 3),
        "gc_collections": pauses.collections,
        "fired": sum(rule.fired for rule in engine.counts.rules.values()),
    }


def state(asked: argparse.Namespace) -> dict[str, Any]:
    """What a store keeps of a user after a long stream, which is never written down: of one user in `sample`."""
    return {"state_events": asked.events, **sizes(lived(asked.rules, asked.events, asked.seed, asked.sample))}


def _nearly_sorted(file: Path) -> Iterator[SessionEvent]:
    return _in_order(event for block in read_blocks([file]) for event in block)


def _in_order(events: Iterable[SessionEvent]) -> Iterator[SessionEvent]:
    """The events in order of time, holding back no more than the stream is late, so that memory is the engine's."""
    held: list[tuple[float, int, SessionEvent]] = []
    for number, event in enumerate(events):
        at_s = event.at.timestamp()
        heapq.heappush(held, (at_s, number, event))
        while held[0][0] <= at_s - LATE_MAX_S:
            yield heapq.heappop(held)[2]
    while held:
        yield heapq.heappop(held)[2]


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


STEPS: Final[dict[str, Callable[[argparse.Namespace], dict[str, Any]]]] = {
    "decode": decode,
    "pack": pack,
    "sql": sql,
    "travel": travel,
    "memory": memory,
    "state": state,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one step and print what it took; processor time includes that of child processes."""
    parser = argparse.ArgumentParser(description="One measured step.")
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--near-misses", action="store_true", help="judge everybody")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rules", type=Path, default=ROOT / "rules")
    asked = parser.parse_args(arguments)
    begun, begun_processor = time.perf_counter(), os.times()
    found = STEPS[asked.step](asked)
    wall, processor = time.perf_counter() - begun, os.times()
    used = sum(processor[:4]) - sum(begun_processor[:4])
    sys.stdout.buffer.write(msgspec.json.encode({"wall_s": wall, "processor_s": used, **found}) + b"\n")


if __name__ == "__main__":
    main()
