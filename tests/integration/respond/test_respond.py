"""From the attack in the log to the session that is gone: by the commands, killed at any point, once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from sessionwatch.cli.main import app
from sessionwatch.ruleset.loading import bundled_rules

COMMAND = Path(sys.executable).with_name("sessionwatch")
TOKEN = "planted-token-for-the-broker"  # noqa: S105 - planted to be searched for
KEY = "planted-key-of-the-audit-log"
ENVIRONMENT = {**os.environ, "SESSIONWATCH_BROKER_TOKEN": TOKEN, "SESSIONWATCH_AUDIT_KEY": KEY, "NO_COLOR": "1"}
MILAN = {"latitude": 45.4642, "longitude": 9.19, "radius_km": 20, "country": "IT", "city": "Milan"}
TOKYO = {"latitude": 35.6895, "longitude": 139.6917, "radius_km": 20, "country": "JP", "city": "Tokyo"}
PEOPLE = 12
RULES = ("impossible_travel", "emergency_access", "emergency_access_often")


class Far:
    """The embedded broker in a process of its own."""

    def __init__(self) -> None:
        command = [COMMAND, "broker", "serve", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.base = f"http://127.0.0.1:{self.process.stderr.readline().strip().rpartition('=')[2]}"

    def ask(self, path: str, data: Any = None) -> Any:
        """An answer of the broker's."""
        body = None if data is None else json.dumps(data).encode()
        headers = {"authorization": f"Bearer {TOKEN}"}
        request = urllib.request.Request(self.base + path, data=body, headers=headers)  # noqa: S310 - our own address
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own address
            return json.load(answer)

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.communicate()


@pytest.fixture
def far() -> Iterator[Far]:
    """A broker."""
    made = Far()
    yield made
    made.close()


def run(*arguments: Any, code: int = 0) -> str:
    """What a command says; it must end with `code`, and say nothing of a secret."""
    done = CliRunner().invoke(app, [str(word) for word in arguments], env=ENVIRONMENT, catch_exceptions=False)
    assert done.exit_code == code, done.output
    assert TOKEN not in done.output
    assert KEY not in done.output
    return done.output


@pytest.fixture
def site(tmp_path: Path, far: Far) -> Path:
    """A watch's state with an impossible journey of each of twelve people, whose sessions the broker has."""
    rules = tmp_path / "rules"
    rules.mkdir()
    for name in RULES:
        text = (bundled_rules() / f"{name}.yaml").read_text().replace("mode: alert", "mode: enforce")
        (rules / f"{name}.yaml").write_text(text)
    policy = yaml.safe_load((bundled_rules() / "policy.yaml").read_text())
    policy["responses"] = [policy["responses"][0], policy["responses"][-1]]
    policy["responses"][0]["rules"] = ["impossible_travel"]
    policy["tests"] = [test for test in policy["tests"] if test["alert"]["rule"] in RULES]
    (tmp_path / "rules" / "policy.yaml").write_text(yaml.safe_dump(policy, sort_keys=False))
    policy["mode"] = "enforce"
    policy["caps"].update(actions_per_minute_max=8, kills_per_minute_max=8, rule_actions_per_minute_max=8)
    policy["caps"]["live_share_max"] = 1.0
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(policy, sort_keys=False))
    now = time.time()
    events = []
    for n in range(PEOPLE):
        user = f"user{n}"
        usual = range(9, 0, -1)
        events += [login(user, f"{user}-{day}", "192.0.2.10", MILAN, now - day * 86_400 + n) for day in usual]
        events.append(login(user, f"{user}-honest", "192.0.2.10", MILAN, now - 400 + n))
        events.append(login(user, f"{user}-thief", "198.51.100.20", TOKYO, now - 200 + n))
        for session in ("honest", "thief"):
            far.ask("/demo/sessions", {"user": user, "session": f"{user}-{session}"})
    events.sort(key=lambda event: str(event["at"]))
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    run("watch", tmp_path / "log.jsonl", "--once", "--state", tmp_path / "watch.db", "--rules", rules)
    return tmp_path


def login(user: str, session: str, ip: str, place: dict[str, Any], at: float) -> dict[str, Any]:
    """A sign-in."""
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    event = {"id": session, "at": when, "kind": "login", "user": user, "session": session, "ip": ip, "place": place}
    return {**event, "outcome": "success", "device": f"{user}-desk" if place is MILAN else "other", "source": "idp"}


def respond(site: Path, far: Far) -> list[str]:
    """The command that acts."""
    named = ["--state", site / "watch.db", "--policy", site / "policy.yaml", "--rules", site / "rules"]
    return [str(word) for word in [COMMAND, "respond", *named, "--broker", far.base]]


def test_killed_at_any_point_each_thief_is_out_once_and_nobody_else(site: Path, far: Far) -> None:
    """Kill -9 of the runner again and again: each effect once, none lost, caps hold, the log is whole and told."""
    rng = random.Random(7)
    for _ in range(4):
        process = subprocess.Popen(respond(site, far), env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        process.stderr.readline()
        time.sleep(rng.uniform(0.0, 0.12))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    hand = ("--state", site / "watch.db", "--by", "bo", "--reason", "a test")
    assert "held=4" in run(*respond(site, far)[1:], "--once")
    effects = far.ask("/demo/effects")
    assert len(effects) == 8
    held = [
        json.loads(line) for line in run("actions", "list", "--state", site / "watch.db", "--only", "held").splitlines()
    ]
    assert {one["detail"] for one in held} <= {
        "kills_per_minute_max",
        "actions_per_minute_max",
        "rule_actions_per_minute_max",
    }
    run("actions", "stop", *hand)
    run("actions", "resume", *hand)
    reports = site / "reports.jsonl"
    run(*respond(site, far)[1:], "--once")
    assert far.ask("/demo/effects") == effects
    run("actions", "go-on", *hand)
    run("act", "step-up", "user0", *hand)
    run(*respond(site, far)[1:], "--once", "--reports", reports)
    # What a person asks for meets the same caps, and waits until somebody lets it go.
    assert len(far.ask("/demo/effects")) == PEOPLE
    run("actions", "resume", *hand)
    run(*respond(site, far)[1:], "--once")
    effects = far.ask("/demo/effects")
    assert len(effects) == PEOPLE + 1
    assert set(effects.values()) == {1}
    for n in range(PEOPLE):
        assert far.ask(f"/v1/sessions/user{n}-honest")["alive"], n
        assert not far.ask(f"/v1/sessions/user{n}-thief")["alive"], n
    assert far.ask("/v1/sessions/user0-honest")["step_up"]
    results = [json.loads(line)["outcome"]["result"] for line in reports.read_text().splitlines()]
    assert sorted(results) == ["applied"] * 4 + ["held"]
    told = run("audit", "verify", site / "watch.db.audit")
    assert "0 faults" in told
    assert "hand:" in told
    shown = run("audit", "show", site / "watch.db.audit", "--about", "user3-thief")
    assert "decision" in shown
    assert "kill_session" in shown
    log = site / "watch.db.audit" / "respond.000001.jsonl"
    log.write_bytes(log.read_bytes().replace(b"user3-thief", b"user4-thief", 1))
    assert "respond" in run("audit", "verify", site / "watch.db.audit", code=1)


def test_as_shipped_nobody_is_touched(site: Path, far: Far) -> None:
    """The bundled policy observes: it decides, says so on record, and asks the broker for nothing."""
    (site / "policy.yaml").write_bytes((site / "rules" / "policy.yaml").read_bytes())
    run(*respond(site, far)[1:], "--once")
    assert far.ask("/demo/effects") == {}
    shown = run("audit", "show", site / "watch.db.audit")
    assert shown.count("mode=observe") == PEOPLE
