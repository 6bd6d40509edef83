"""A watch that runs beside the test, as a service would."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

TOKEN = "correct-horse-battery"  # noqa: S105  # of the tests


class Running:
    """The process and what it says."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.said: list[str] = []

    @property
    def stderr(self) -> IO[bytes]:
        """Its standard error."""
        assert self.process.stderr is not None
        return self.process.stderr

    def until(self, pattern: str) -> re.Match[str]:
        """Read its lines until one fits; fails where it ends before."""
        for raw in self.stderr:
            self.said.append(raw.decode())
            if found := re.search(pattern, self.said[-1]):
                return found
        raise AssertionError(f"no line with {pattern!r} in {self.said}")

    def kill(self) -> None:
        """Kill it without notice."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        self.said += self.stderr.read().decode().splitlines()
        return self.process.wait()


@contextlib.contextmanager
def running(*words: str | Path, stdin: int | None = None) -> Iterator[Running]:
    """`sessionwatch watch` with these words; killed at the end where it still runs."""
    command = [sys.executable, "-m", "sessionwatch.cli.main", "watch", *map(str, words)]
    environment = {**os.environ, "SESSIONWATCH_TOKEN": TOKEN}
    with subprocess.Popen(
        command, stdin=stdin, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as made:
        try:
            yield Running(made)
        finally:
            made.kill()


def call(port: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, Mapping[str, str]]:
    """Ask the watch over HTTP: status, what it says, headers."""
    given = {"Authorization": f"Bearer {TOKEN}"} | {name.replace("_", "-"): text for name, text in headers.items()}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, headers=given)  # our own
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310  # our own
            status, text, sent = answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        status, text, sent = error.code, error.read(), error.headers
    told = json.loads(text) if sent.get_content_type() == "application/json" else text.decode()
    return status, told, sent
