"""The command as a user types it, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geo.bundled import bundled_map


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, what it said, what it complained about."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """The summary of `--json`."""
        return json.loads(self.out)


def sessionwatch(*words: str | Path, stdin: bytes | None = None) -> Ended:
    """Run `sessionwatch` with these words. The bundled map is unpacked before, or the first command would say so."""
    bundled_map()
    done = subprocess.run(
        [sys.executable, "-m", "sessionwatch.cli.main", *map(str, words)], input=stdin, capture_output=True, check=False
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def alerts_in(path: Path) -> list[dict[str, Any]]:
    """The alerts of an alerts file."""
    return [json.loads(line) for line in path.read_text().splitlines()]
