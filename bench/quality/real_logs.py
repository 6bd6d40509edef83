"""Every alert of the bundled rules on the real logs, with the verdict of whoever looked at its records.

    python -m bench.quality.real_logs FOLDER [--page docs/quality.md]

The verdicts stand in `verdicts.toml` beside this file. An alert without one, or a verdict without an alert, is told.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from bench.quality.page import kept, table
from bench.quality.scoring import judged
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.ruleset.loading import bundled_rules
from streams.reading import ReadSettings, read

FOLDERS: Final = (
    "pingid",
    "entra_signins",
    "aws_invictus",
    "aws_stratus",
    "otrf",
    "lanl_auth",
    "panther_scenarios",
    "keycloak",
    "format_samples",
)
WRAPPED: Final = "format_samples"
"""Its lines hold a record each, beside what its makers say of it."""

VERDICTS: Final = Path(__file__).with_name("verdicts.toml")
WORDS: Final = frozenset({"true", "expected", "false"})
"""`true`: what the rule looks for did happen. `expected`: it did, and the log shows that it was meant to. `false`: it
did not."""

BEGIN, END = "<!-- real logs: python -m bench.quality.real_logs -->", "<!-- end of real logs -->"


class Key(NamedTuple):
    """What an alert is known by when limits move: where, by which rule, on whom, about what."""

    folder: str
    rule: str
    subject: str
    key: str


class Verdict(NamedTuple):
    """What it was, and why."""

    verdict: str
    why: str


def alerts_of(folder: Path) -> dict[Key, list[dict[str, Any]]]:
    """The alerts of a replay of `folder` with the bundled rules and map, by what they are known by."""
    with TemporaryDirectory() as unwrapped:
        paths = [_unwrapped(file, Path(unwrapped)) for file in sorted(folder.glob("*.jsonl"))]
        events = list(read(paths if folder.name == WRAPPED else [folder], ReadSettings()))
    found: dict[Key, list[dict[str, Any]]] = {}
    for alert in judged(EnginePlan((bundled_rules(),)), events):
        key = Key(folder.name, alert["rule"]["id"], alert["subject"]["value"], alert["key"])
        found.setdefault(key, []).append(alert)
    return found


def all_alerts(root: Path) -> dict[Key, list[dict[str, Any]]]:
    """Of every folder that is there."""
    found: dict[Key, list[dict[str, Any]]] = {}
    for name in FOLDERS:
        if (root / name).is_dir():
            found |= alerts_of(root / name)
    return found


def verdicts() -> dict[Key, Verdict]:
    """Every verdict by what its alert is known by.

    Raises:
        ValueError: a verdict is none of `WORDS`, gives no reason, or stands twice.
    """
    given: dict[Key, Verdict] = {}
    for one in tomllib.loads(VERDICTS.read_text())["verdict"]:
        key = Key(one["folder"], one["rule"], one["subject"], one.get("key", ""))
        if one["verdict"] not in WORDS or not one["why"].strip() or key in given:
            raise ValueError(f"{VERDICTS.name}: {key} has no verdict of {sorted(WORDS)}, no reason, or two of them")
        given[key] = Verdict(one["verdict"], " ".join(one["why"].split()))
    return given


def differences(found: Iterable[Key], given: Iterable[Key]) -> list[str]:
    """Alerts without a verdict, and verdicts without an alert."""
    return [
        *(f"no verdict: {key}" for key in sorted(set(found) - set(given))),
        *(f"no alert any more: {key}" for key in sorted(set(given) - set(found))),
    ]


def page(found: Mapping[Key, list[dict[str, Any]]], given: Mapping[Key, Verdict]) -> str:
    """The table of all alerts with their verdicts."""
    rows = []
    for key, alerts in found.items():
        verdict = given.get(key, Verdict("none yet", ""))
        first = alerts[0]
        about = f" ({key.key})" if key.key and key.key != key.subject else ""
        rows.append(
            (
                key.folder,
                f"`{key.rule}`{about}",
                first["severity"],
                _short(key.subject),
                first["first_at"][:16].replace("T", " "),
                f"**{verdict.verdict}**",
                verdict.why,
            )
        )
    return table(("log", "rule", "severity", "subject", "from (UTC)", "verdict", "why"), rows)


def _short(subject: str) -> str:
    """The end of a name that is a path; the page is for people."""
    return subject.rpartition(":")[2]


def _unwrapped(file: Path, into: Path) -> Path:
    copy = into / file.name
    logs = [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
    copy.write_text("".join(json.dumps(one.get("log", one)) + "\n" for one in logs))
    return copy


def main() -> int:
    """Print the table, keep it, and tell what does not fit; 1 where something does not."""
    parser = argparse.ArgumentParser(prog="python -m bench.quality.real_logs")
    parser.add_argument("folder", type=Path, help="the folder of real logs (CONTRIBUTING.md)")
    parser.add_argument("--page", type=Path, help="keep the table in this page")
    said = parser.parse_args()
    found, given = all_alerts(said.folder), verdicts()
    text = page(found, given)
    print(text)
    if said.page:
        kept(said.page, (BEGIN, END), text)
    wrong = differences(found, given)
    print("\n".join(wrong), file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
