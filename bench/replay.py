"""A replay under the whole starter pack beside decoding alone and beside the same pack as an analyst's SQL.

    python -m bench.replay [--events N] [--rounds N] [--seed N] [--rules DIR] [--state-events N] [-o FILE]

Every round runs each step in a process of its own, so that none inherits another's memory. Ratios are of speed, ours
over theirs: above 1 is faster. Compare ratios, not rates.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench import geography  # noqa: E402 - a script finds the packages once the path is set
from bench.step import queries  # noqa: E402 - as above
from bench.stream import write  # noqa: E402 - as above
from sessionwatch.ruleset.loading import load_ruleset  # noqa: E402 - as above

STEPS: Final[dict[str, tuple[str, ...]]] = {
    "decode": ("decode",),
    "pack, 1 worker": ("pack",),
    "pack, 2 workers": ("pack", "--workers", "2"),
    "all judged, 1 worker": ("pack", "--near-misses"),
    "all judged, 2 workers": ("pack", "--near-misses", "--workers", "2"),
    "SQL pack, 1 thread": ("sql",),
    "SQL pack, 2 threads": ("sql", "--threads", "2"),
    "travel as SQL, 1 thread": ("travel",),
}
RATIOS: Final = {
    "pack_vs_sql_pack_1_thread": ("pack, 1 worker", "SQL pack, 1 thread"),
    "pack_vs_travel_sql_1_thread": ("pack, 1 worker", "travel as SQL, 1 thread"),
    "pack_vs_decode": ("pack, 1 worker", "decode"),
    "pack_2_workers_vs_sql_pack_2_threads": ("pack, 2 workers", "SQL pack, 2 threads"),
    "pack_2_workers_vs_1_worker": ("pack, 2 workers", "pack, 1 worker"),
    "all_judged_vs_pack": ("all judged, 1 worker", "pack, 1 worker"),
    "all_judged_2_workers_vs_1_worker": ("all judged, 2 workers", "all judged, 1 worker"),
}
"""Ours, theirs. Those of more than one process or thread are taken by the wall, the others by processor time."""
BY_WALL: Final = frozenset(
    {"pack_2_workers_vs_sql_pack_2_threads", "pack_2_workers_vs_1_worker", "all_judged_2_workers_vs_1_worker"}
)


def step(*words: str) -> dict[str, Any]:
    """What one step took, run in a process of its own."""
    command = [sys.executable, "-m", "bench.step", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.decode())
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measured(file: Path, rules: Path, rounds: int, steps: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Each step once in every round, after decoding once so that the file is in memory."""
    step("decode", str(file))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in steps}
    for n in range(rounds):
        for name in steps:
            first, *more = STEPS[name]
            found[name].append(step(first, str(file), "--rules", str(rules), *more))
            print(f"round {n + 1}: {name}: {found[name][-1]['processor_s']:.2f} s", file=sys.stderr)
    return found


def ratios(found: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    """The median over the rounds of each ratio."""
    made = {}
    for name, (ours, theirs) in RATIOS.items():
        if ours not in found or theirs not in found:
            continue
        time = "wall_s" if name in BY_WALL else "processor_s"
        pairs = zip(found[ours], found[theirs], strict=True)
        made[name] = round(median(their[time] / our[time] for our, their in pairs), 3)
    return made


def uncovered(rules: Path) -> list[str]:
    """Rules that alert and have no query in the SQL pack, which makes the comparison too kind to SQL."""
    alerting = [rule.id for rule in load_ruleset((rules,)).rules if rule.mode in {"alert", "enforce"}]
    return [name for name in alerting if name not in queries()]


def machine() -> dict[str, str]:
    """The machine and the versions, as a reader needs them."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = f"{len(names)} x {names[0]}" if names else model
    return {
        "processor": model,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "msgspec": msgspec.__version__,
    }


def shown(found: dict[str, list[dict[str, Any]]], made: dict[str, Any]) -> Iterator[str]:
    """The table and the ratios."""
    yield f"{'step':<26}{'processor s':>12}{'wall s':>9}{'us/event':>10}{'events/s':>11}"
    for name, rounds in found.items():
        processor = median(one["processor_s"] for one in rounds)
        wall = median(one["wall_s"] for one in rounds)
        each_us, rate = processor / made["events"] * 1e6, made["events"] / wall
        yield f"{name:<26}{processor:>12.2f}{wall:>9.2f}{each_us:>10.2f}{rate:>11,.0f}"
    for name, value in made.items():
        if isinstance(value, float) and not name.endswith("_s"):
            yield f"{name:<40}{value:>12,.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description="A replay beside decoding and beside SQL.")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument(
        "--state-events",
        type=int,
        default=10_000_000,
        help="events behind stored state, which is that of one user in twenty",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rules", type=Path, default=ROOT / "rules")
    parser.add_argument("--steps", choices=list(STEPS), nargs="+", default=list(STEPS))
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "out" / "bench" / "replay.json")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="sessionwatch-bench-") as folder:
        file = Path(folder) / "events.jsonl"
        size = write(file, asked.events, asked.seed)
        found = measured(file, asked.rules, asked.rounds, asked.steps)
        memory = step("memory", str(file), "--rules", str(asked.rules))
        del memory["events"]
        places = geography.measured(file, asked.rules, asked.rounds, asked.seed)
    memory |= step("state", "--events", str(asked.state_events), "--rules", str(asked.rules))
    made: dict[str, Any] = {"events": asked.events, "bytes_per_event": round(size / asked.events, 1)}
    made |= ratios(found) | places
    made |= {name: value for name, value in memory.items() if not name.endswith("_s")}
    made |= {"rules": len(load_ruleset((asked.rules,)).rules), "rules_without_sql": uncovered(asked.rules)}
    made |= {"rounds": asked.rounds, "seed": asked.seed, "machine": machine(), "steps": found}
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(made, indent=1) + "\n")
    print(", ".join(made["machine"].values()))
    for line in shown(found, made):
        print(line)
    if made["rules_without_sql"]:
        print(f"no SQL for {', '.join(made['rules_without_sql'])}: the comparison is that much too kind to SQL")


if __name__ == "__main__":
    main()
