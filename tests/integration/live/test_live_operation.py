"""`sessionwatch live` as a service: settings from a file, readiness, metrics, an orderly end, and what is refused."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from streams.kafka.connection import connection
from streams.kafka.topics import admin, create, layouts
from tests.integration.live.clients import WAIT_MAX_S, feed, read_all

PASSWORD = "planted-password-of-the-cluster"  # noqa: S105  # in no line that is written
DRAIN_MAX_S = 5.0
EVENT = {
    "at": "2026-03-31T12:00:00Z",
    "kind": "login",
    "user": "ann@clinic.example",
    "source": "okta",
    "outcome": "success",
}


def asked(port: str, path: str) -> tuple[int, str]:
    """What the monitor says."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:  # our own
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def until(port: str, path: str, pattern: str) -> str:
    """Ask until the answer fits."""
    limit = time.monotonic() + WAIT_MAX_S
    while not re.search(pattern, said := asked(port, path)[1], re.MULTILINE):
        assert time.monotonic() < limit, f"{path} does not say {pattern!r}: {said}"
        time.sleep(0.2)
    return said


def lines_until(stderr: IO[bytes], said: str, lines: list[str]) -> dict[str, str]:
    """Read lines of the log until one says this."""
    for raw in stderr:
        lines.append(raw.decode())
        line = json.loads(raw)
        if line["said"] == said:
            return line
    raise AssertionError(f"{said!r} is never said: {lines}")


def test_a_worker_is_ready_counts_and_drains_on_sigterm(kafka: str, unique: str, tmp_path: Path) -> None:
    """Within five seconds of SIGTERM; a silent feed is told among the notices; no line has a secret or a person."""
    with admin(connection({"SESSIONWATCH_KAFKA": kafka})) as client:
        create(client, layouts(unique, 2), 1)
    settings = tmp_path / "sessionwatch.yaml"
    settings.write_text(
        f"prefix: {unique}\nmonitor: 127.0.0.1:0\nlog: json\nexpect: {{duo: 1s}}\n"
        f"kafka: {{servers: '{kafka}'}}\nlive: {{member: one, source: [okta, duo], by: [user]}}\n"
    )
    records = [(n % 2, b"", json.dumps(EVENT | {"id": str(n)}).encode()) for n in range(200)]
    feed(kafka, f"{unique}.events.by-user", [*records, (0, b"", b"no event")])
    command = [sys.executable, "-m", "sessionwatch.cli.main", "live", "--settings", settings]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SESSIONWATCH_")}
    environment |= {"SESSIONWATCH_TOKEN": PASSWORD, "SESSIONWATCH_CACHE": os.environ["SESSIONWATCH_CACHE"]}
    lines: list[str] = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stderr is not None
        try:
            port = str(lines_until(process.stderr, "monitor", lines)["port"])
            assert asked(port, "/readyz")[0] == 503
            assert asked(port, "/healthz")[0] == 200
            until(port, "/readyz", "^ready$")
            said = until(port, "/metrics", r"^sessionwatch_lane_records_total 201$")
            assert "sessionwatch_records_total 201\n" in said
            assert re.search(r'sessionwatch_dead_letters_total\{reason="\w+"\} 1\n', said)
            until(port, "/metrics", r'^sessionwatch_feed_silent\{source="duo"\} 1$')
            said = until(port, "/metrics", r'^sessionwatch_lag_events\{partition="by-user/0"\} 0$')
            assert "sessionwatch_ready 1\n" in said
            process.send_signal(signal.SIGTERM)
            asked_at_s = time.monotonic()
            assert process.wait(WAIT_MAX_S) == 0
            took_s = time.monotonic() - asked_at_s
            lines += [raw.decode() for raw in process.stderr]
        finally:
            process.kill()
    assert json.loads(lines[-1])["said"] == "stopped"
    assert took_s <= DRAIN_MAX_S
    assert PASSWORD not in "".join(lines)
    assert "ann@clinic.example" not in "".join(lines)
    told = [json.loads(one.value or b"") for one in read_all(kafka, f"{unique}.notices")]
    assert [one["source"] for one in told if one.get("operational") == "feed_silent"] == ["duo"]
