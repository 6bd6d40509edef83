"""From a watch's state file to a SIEM, by the command: killed while it sends, nothing is missing and nothing is new."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.sinks.siem_side import SiemSide

COMMAND = Path(sys.executable).with_name("sessionwatch")
SECRET = "planted-key-of-the-siem"  # noqa: S105 - planted to be searched for
ENVIRONMENT = {**os.environ, "SESSIONWATCH_SINK_TOKEN": SECRET, "NO_COLOR": "1"}
PEOPLE = 30


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state file of a watch over some people who are attacked by brute force, one alert each."""
    folder = tmp_path_factory.mktemp("watch")
    lines = [
        {
            "id": f"{person}-{n}",
            "at": f"2026-03-02T{8 + person // 10:02d}:{person % 10 * 5 + n // 20:02d}:{n % 20 * 3:02d}Z",
            "kind": "login_failed",
            "user": f"person{person:02d}",
            "ip": f"198.51.100.{person + 1}",
        }
        for person in range(PEOPLE)
        for n in range(25)
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [COMMAND, "watch", "--once", folder / "log.jsonl", "--state", folder / "watch.state"]
    subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True)
    return folder / "watch.state"


@pytest.fixture
def side() -> Iterator[SiemSide]:
    """A SIEM."""
    made = SiemSide()
    yield made
    made.close()


def setting(folder: Path, side: SiemSide, **more: object) -> Path:
    """How the sink is set up, in a file; each folder is a sink of its own."""
    file = folder / f"elastic-{folder.name}.yaml"
    said = {"sink": "elastic", "base": side.base, "batch_max": 3, **more}
    file.write_text("".join(f"{key}: {value}\n" for key, value in said.items()))
    return file


def deliver(state: Path, to: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [COMMAND, "deliver", "--state", state, "--to", to, *more]
    return subprocess.run(command, env=ENVIRONMENT, check=False, capture_output=True, text=True, timeout=60)


def raised(side: SiemSide) -> set[str]:
    """The users of the alerts that the SIEM was told were raised."""
    bulks = [body for path, _, body in side.requests if path.endswith("/_bulk")]
    documents = [json.loads(line) for body in bulks for line in body.splitlines()[1::2]]
    return {one["user"]["id"] for one in documents if one["event"]["kind"] == "alert" and "user" in one}


def test_every_alert_comes_once_and_a_second_run_sends_nothing(state: Path, side: SiemSide, tmp_path: Path) -> None:
    """Under ids that the SIEM knows again, with the key where it belongs and in no output."""
    to = setting(tmp_path, side)
    first = deliver(state, to, "--once")
    assert first.returncode == 0, first.stderr
    assert raised(side) == {f"person{person:02d}" for person in range(PEOPLE)}
    assert set(side.stored.values()) == {1}
    assert {headers["authorization"] for _, headers, _ in side.requests} == {f"ApiKey {SECRET}"}
    asked = len(side.requests)
    second = deliver(state, to, "--once")
    assert second.returncode == 0
    assert len(side.requests) == asked
    assert SECRET not in first.stdout + first.stderr + second.stderr


def test_killed_at_any_moment_it_goes_on_and_nothing_is_missing(state: Path, side: SiemSide, tmp_path: Path) -> None:
    """Kill -9, again and again, while the SIEM is now and then busy; each document is there, under one id."""
    to = setting(tmp_path, side)
    for n in range(3):
        side.busy = n % 3
        with subprocess.Popen(
            [COMMAND, "deliver", "--state", state, "--to", to], env=ENVIRONMENT, stderr=subprocess.DEVNULL
        ) as process:
            before = len(side.requests)
            until = time.monotonic() + 20
            while len(side.requests) < before + 1 + n % 4 and time.monotonic() < until and len(raised(side)) < PEOPLE:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
    assert deliver(state, to, "--once").returncode == 0
    assert raised(side) == {f"person{person:02d}" for person in range(PEOPLE)}
    assert set(side.stored.values()) == {1}  # what was sent again met the same id


def test_a_siem_that_is_away_or_refuses_is_told_and_nothing_is_lost(
    state: Path, side: SiemSide, tmp_path: Path
) -> None:
    """Exit code 3 while something waits or is refused; it is listed, and sent anew when asked."""
    to = setting(tmp_path, side, changes="[raised]")
    side.busy = 1_000
    away = deliver(state, to, "--once")
    assert away.returncode == 3
    assert "cannot send: status_503" in away.stderr
    side.busy, side.poison = 0, "person07"
    refusing = deliver(state, to, "--once")
    assert refusing.returncode == 3
    assert "refused=1" in refusing.stderr
    listed = deliver(state, to, "--refused").stdout
    assert "status_400 document_parsing_exception" in listed
    side.poison = ""
    again = deliver(state, to, "--once", "--again")
    assert again.returncode == 0, again.stderr
    assert len(side.stored) == PEOPLE


def test_two_couriers_do_not_work_through_one_journal(state: Path, side: SiemSide, tmp_path: Path) -> None:
    """The second is told so, and the state file may not be any other file."""
    to = setting(tmp_path, side)
    side.busy = 1_000
    with subprocess.Popen(
        [COMMAND, "deliver", "--state", state, "--to", to], env=ENVIRONMENT, stderr=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + 20
        while not side.requests and time.monotonic() < until:
            time.sleep(0.01)
        second = deliver(state, to, "--once")
        process.terminate()
    assert second.returncode == 2
    assert "another" in second.stderr
    missing = deliver(tmp_path / "none", to, "--once")
    assert missing.returncode == 2
    assert "no such state file" in missing.stderr
