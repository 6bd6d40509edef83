"""What each step of the spine costs beside decoding alone: bytes, events, placed events, alerts.

    python -m bench.spine [--events N] [--rounds N] [--seed N] [--rules DIR] [--geo FILE ...]

Synthetic native events (seeded, so the same in each run) go through decoding alone, decoding and placing, and the
whole replay; every round measures all of them in turn, and the medians are compared. Compare ratios, not rates: the
rates are those of one machine on one day.
"""

from __future__ import annotations

import argparse
import gc
import platform
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import msgspec

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from geo.databases import Databases  # noqa: E402 - a script finds the packages once the path is set
from geo.locator import Locator  # noqa: E402 - as above
from models.events import EventKind, SessionEvent  # noqa: E402 - as above
from models.places import Place  # noqa: E402 - as above
from sessionwatch.engine.in_order import Engine  # noqa: E402 - as above
from sessionwatch.engine.plan import EnginePlan, attributes_read  # noqa: E402 - as above
from sessionwatch.ruleset.compiled import Ruleset  # noqa: E402 - as above
from streams.replay import Window, replay  # noqa: E402 - as above

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
BLOCK_EVENTS = 500
"""About 128 KB of lines: larger blocks leave the processor's cache."""

AWAY_SHARE = 0.002
"""Share of events that come from another city than the person's own."""

CITIES = (
    Place(45.4642, 9.19, 20.0, "IT", "Lombardy", "Milan"),
    Place(41.9028, 12.4964, 20.0, "IT", "Lazio", "Rome"),
    Place(51.48, 0.0, 10.0, "GB", "England", "Greenwich"),
    Place(40.7128, -74.006, 20.0, "US", "New York", "New York"),
    Place(35.6895, 139.6917, 50.0, "JP", "Tokyo", "Tokyo"),
)
KINDS: Sequence[EventKind] = (
    "login",
    "activity",
    "activity",
    "activity",
    "refresh",
    "export",
    "login_failed",
    "logout",
)
AGENTS = tuple(f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/{n}.0.0.0 Safari/537.36" for n in range(118, 126))


def events(count: int, seed: int) -> Iterator[SessionEvent]:
    """`count` events in order of time: people with a home, an address and two devices each, now and then elsewhere."""
    made_by = random.Random(seed)
    people = max(10, count // 50)
    for n in range(count):
        person = made_by.randrange(people)
        away = made_by.random() < AWAY_SHARE
        kind = made_by.choice(KINDS)
        yield SessionEvent(
            id=f"{n:032x}",
            at=BEGIN + timedelta(milliseconds=400 * n),
            kind=kind,
            source="okta",
            user=f"person{person}@clinic.example",
            session=f"s{person}-{made_by.randrange(3)}",
            action=f"user.session.{kind}",
            outcome="failure" if kind == "login_failed" else "success",
            ip=f"203.0.113.{made_by.randrange(256)}" if away else f"198.51.{person // 256 % 256}.{person % 256}",
            user_agent=AGENTS[person % len(AGENTS)],
            device=f"device-{person}-{made_by.randrange(2)}",
            app="ehr",
            interactive=kind != "refresh",
            resource=f"record/{made_by.randrange(5_000)}" if kind == "export" else "",
            bytes=made_by.randrange(50_000) if kind == "export" else 0,
            place=CITIES[(person + away) % len(CITIES)] if kind in {"login", "login_failed"} else None,
            attributes={"ward": f"w{person % 12}"},
        )


def blocks(count: int, seed: int) -> list[bytes]:
    """The events as JSON lines, in blocks."""
    lines = [msgspec.json.encode(event) for event in events(count, seed)]
    return [b"\n".join(lines[at : at + BLOCK_EVENTS]) + b"\n" for at in range(0, len(lines), BLOCK_EVENTS)]


def decoded(data: Sequence[bytes]) -> Iterator[SessionEvent]:
    """The events of all blocks."""
    decoder = msgspec.json.Decoder(SessionEvent)
    for block in data:
        yield from decoder.decode_lines(block)


def decode_only(data: Sequence[bytes]) -> None:
    """The baseline."""
    for _ in decoded(data):
        pass


def locate(data: Sequence[bytes], locator: Locator) -> None:
    """Decode and place."""
    place = locator.locate
    for event in decoded(data):
        place(event)


def judge(data: Sequence[bytes], engine: Engine) -> int:
    """Decode, place and judge: what a replay does after sorting. The number of alerts."""
    return len(replay(decoded(data), engine, Window()).alerts)


def steps(data: Sequence[bytes], rules: Path, geo: Sequence[Path]) -> dict[str, Callable[[], object]]:
    """The steps by name, the baseline first; each run begins with nothing remembered, but for the one that says so."""
    databases = Databases.open(geo)
    plan = EnginePlan((rules,), tuple(geo))
    ruleset = plan.ruleset()
    reads = attributes_read(ruleset)
    warm = Locator(databases, reads=reads)
    return {
        "decode": lambda: decode_only(data),
        "decode, place": lambda: locate(data, Locator(databases, reads=reads)),
        "decode, place (addresses known)": lambda: locate(data, warm),
        "replay, no rules": lambda: judge(data, Engine(Ruleset((), ""), Locator(databases, reads=reads))),
        f"replay, {len(ruleset.rules)} rules": lambda: judge(data, plan.engine()),
    }


def measured(found: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of processor time of each step, once in every round, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for counts in [False] + [True] * rounds:
        for name, step in found.items():
            gc.collect()
            begun = time.process_time()
            step()
            if counts:
                seconds[name].append(time.process_time() - begun)
    return seconds


def shown(seconds: dict[str, list[float]], count: int) -> Iterator[str]:
    """A line for each step: ratio to the baseline, its spread over the rounds, time an event, events a second."""
    baseline = next(iter(seconds.values()))
    yield f"{'step':<34}{'x decode':>9}{'spread':>15}{'us/event':>10}{'events/s':>12}"
    for name, taken in seconds.items():
        ratios = [one / base for one, base in zip(taken, baseline, strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        middle = median(taken)
        yield f"{name:<34}{median(ratios):>9.2f}{spread:>15}{middle / count * 1e6:>10.2f}{count / middle:>12,.0f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What each step costs beside decoding alone.")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rules", type=Path, default=ROOT / "rules", help="rule files or a folder of them")
    parser.add_argument("--geo", type=Path, action="append", default=[], help="a geo database; may be repeated")
    asked = parser.parse_args(arguments)
    data = blocks(asked.events, asked.seed)
    found = steps(data, asked.rules, asked.geo)
    versions = f"{platform.python_implementation()} {platform.python_version()}, msgspec {msgspec.__version__}"
    print(f"{platform.machine()}, {versions}")
    made = f"{asked.events:,} events of {sum(map(len, data)) / asked.events:.0f} bytes, seed {asked.seed}"
    print(f"{made}; medians of {asked.rounds} rounds, processor time")
    for line in shown(measured(found, asked.rounds), asked.events):
        print(line)


if __name__ == "__main__":
    main()
