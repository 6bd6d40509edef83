"""What geography takes of a replay whose log has addresses and no places, and what a first look-up takes.

    python -m bench.geography share|cold FILE [--rules DIR]

The benchmark's stream with each address replaced by one that people could have: those of a city all lie in one cell of
the bundled map, of the cells with the most networks. Addresses of attackers and IPv6 stay as they are, and have no
place. `share` replays such a stream and prints how much of its processor time went into finding places: opening the
map and the lists, every first look-up, and one of a remembered address for each event, measured after the replay.
`cold` prints what the first look-up of a network takes, in a process that has looked up nothing before.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench.step import pack  # noqa: E402 - a script finds the packages once the path is set
from bench.travel import drawn  # noqa: E402 - as above
from bench.world import ADDRESSES, CITIES, V6_EVERY, address  # noqa: E402 - as above
from geo.addresses import V4_BITS  # noqa: E402 - as above
from geo.addresses import address as parsed  # noqa: E402 - as above
from geo.bundled import bundled_map  # noqa: E402 - as above
from geo.locator import Locator  # noqa: E402 - as above
from models.events import SessionEvent  # noqa: E402 - as above
from sessionwatch.engine.plan import EnginePlan  # noqa: E402 - as above

DRAWN: Final = 60_000
"""Random addresses from which the cells are chosen."""
BLOCK_EVENTS: Final = 400
"""About as many as a replay looks at together."""
FINDS_PLACES: Final = (
    (EnginePlan, "locator"),
    (Locator, "warm"),
    (Locator, "_address_located"),
    (Locator, "_place_located"),
)
"""Where a replay does what is geography."""


def replaced(locator: Locator, seed: int) -> dict[str, str]:
    """What each address of the stream becomes."""
    dice = random.Random(seed)
    cells = sorted(drawn(locator, dice, DRAWN).by_cell.values(), key=len, reverse=True)[: len(CITIES)]
    pools = [_neighbours([spot.ip for spot in cell], dice) for cell in cells]
    return {address(n): next(pools[n % len(CITIES)]) for n in range(ADDRESSES) if n % V6_EVERY}


def _neighbours(ips: list[str], dice: random.Random) -> Iterator[str]:
    """Addresses of the networks that `ips` lie in, each once, without end."""
    look_up, given = bundled_map().look_up, set[int]()
    while True:
        one = parsed(dice.choice(ips))
        beyond = V4_BITS - look_up(one)[1]
        number = (one.number >> beyond << beyond) + dice.randrange(1 << beyond)
        if number not in given:
            given.add(number)
            yield str(IPv4Address(number))


def write_without_places(stream: Path, path: Path, locator: Locator, seed: int) -> None:
    """Write the lines of `stream` anew: the same people and events, by addresses alone."""
    known = replaced(locator, seed)
    with stream.open(encoding="ascii") as lines, path.open("w", encoding="ascii") as file:
        for line in lines:
            said = line.rpartition(',"place":')[0]
            before, _, rest = said.partition('"ip":"')
            ip, _, after = rest.partition('"')
            file.write(f'{before}"ip":"{known.get(ip, ip)}"{after}}}\n')


class Clock:
    """Processor seconds spent inside the functions that it was put around; those that call each other count once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._inside = False

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, measured."""

        def measured(*words: Any, **named: Any) -> Any:
            if self._inside:
                return function(*words, **named)
            self._inside = True
            begun = time.thread_time()
            try:
                return function(*words, **named)
            finally:
                self.seconds += time.thread_time() - begun
                self._inside = False

        return measured


def share(asked: argparse.Namespace) -> dict[str, Any]:
    """Replay the file; what share of its processor time was geography."""
    clock = Clock()
    for owner, name in FINDS_PLACES:
        setattr(owner, name, clock.around(getattr(owner, name)))
    begun = time.process_time()
    found = pack(asked)
    whole = time.process_time() - begun
    spent = clock.seconds + found["events"] * _remembered_s()
    return {"geography_share": round(spent / whole, 4), "geography_s": spent} | found


def _remembered_s() -> float:
    """Processor seconds of one look-up of a remembered address, as it stands in an event that was just decoded."""
    names = [address(n) for n in range(ADDRESSES)]
    places: dict[str, object] = {name: object() for name in names}
    dice, seconds, blocks = random.Random(1), 0.0, 500
    for _ in range(blocks):
        asked = ["".join((name[:1], name[1:])) for name in dice.choices(names, k=BLOCK_EVENTS)]
        begun = time.thread_time()
        for ip in asked:
            places.get(ip)
        seconds += time.thread_time() - begun
    return seconds / blocks / BLOCK_EVENTS


def cold(_: argparse.Namespace) -> dict[str, Any]:
    """Processor time of first look-ups of 10,000 random addresses, nearly all of them in networks of their own."""
    locator, dice = EnginePlan((ROOT / "rules",)).locator(), random.Random(1)
    at, taken = datetime(2026, 3, 2, tzinfo=UTC), []
    for n in range(10_000):
        event = SessionEvent(id=str(n), at=at, kind="activity", ip=str(IPv4Address(dice.randrange(1 << 24, 224 << 24))))
        begun = time.thread_time()
        locator.locate(event)
        taken.append((time.thread_time() - begun) * 1e6)
    hundredths = quantiles(taken, n=100)
    return {"cold_look_up_us_p50": round(hundredths[49], 1), "cold_look_up_us_p99": round(hundredths[98], 1)}


def measured(stream: Path, rules: Path, rounds: int, seed: int) -> dict[str, Any]:
    """The medians over the rounds, each in processes of their own."""
    with tempfile.TemporaryDirectory(prefix="sessionwatch-bench-") as folder:
        file = Path(folder) / "addresses.jsonl"
        write_without_places(stream, file, EnginePlan((rules,)).locator(), seed)
        found = [_run(name, file, rules) for _ in range(rounds) for name in ("share", "cold")]
    names = ("geography_share", "cold_look_up_us_p50", "cold_look_up_us_p99")
    return {name: median(one[name] for one in found if name in one) for name in names}


def _run(name: str, file: Path, rules: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.geography", name, str(file), "--rules", str(rules)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.decode())
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure one thing in this process and print it as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["share", "cold"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--rules", type=Path, default=ROOT / "rules")
    parser.add_argument("--workers", type=int, default=1)
    parser.set_defaults(near_misses=False)
    asked = parser.parse_args(arguments)
    print(json.dumps(share(asked) if asked.what == "share" else cold(asked)))


if __name__ == "__main__":
    main()
