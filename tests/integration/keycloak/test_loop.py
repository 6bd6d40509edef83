"""The whole loop on a real Keycloak: signed in, pulled, judged, decided, and the stranger is out."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sessionwatch.cli.main import app
from sessionwatch.ruleset.loading import bundled_rules
from tests.integration.keycloak.realm import ENGINE, SECRET, Realm

TRAVEL = "impossible_travel"
MILAN, TOKYO = "93.62.0.1", "126.0.0.1"
DAY_MS = 86_400_000
KEY = "planted-key-of-the-audit-log"
ENVIRONMENT = {
    **os.environ,
    "SESSIONWATCH_KEYCLOAK_SECRET": SECRET,
    "SESSIONWATCH_BROKER_TOKEN": SECRET,
    "SESSIONWATCH_AUDIT_KEY": KEY,
    "NO_COLOR": "1",
}


class Site:
    """A realm, and a folder with what was pulled from it, a watch's state, and rules and a policy that may act."""

    def __init__(self, realm: Realm, folder: Path) -> None:
        self.realm, self.folder = realm, folder
        self.events, self.state, self.rules = folder / "events.jsonl", folder / "watch.db", folder / "rules"
        shutil.copytree(bundled_rules(), self.rules)
        rule = self.rules / f"{TRAVEL}.yaml"
        rule.write_text(rule.read_text().replace("mode: alert", "mode: enforce", 1))
        policy = (bundled_rules() / "policy.yaml").read_text()
        (folder / "policy.yaml").write_text(policy.replace("mode: observe", "mode: enforce", 1))
        where = f"base: {realm.base}\nrealm: {realm.name}\nclient: {ENGINE}\n"
        (folder / "broker.yaml").write_text(f"broker: keycloak\n{where}offline_clients: []\n")

    def run(self, *words: Any) -> list[str]:
        """What a command prints, in lines; nothing of a secret is in it."""
        done = CliRunner().invoke(app, [str(word) for word in words], env=ENVIRONMENT, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert SECRET not in done.output
        assert KEY not in done.output
        return done.stdout.splitlines()

    def pull(self) -> list[dict[str, Any]]:
        """Fetch what has happened; all that was fetched so far."""
        where = ("--base", self.realm.base, "--realm", self.realm.name, "--client", ENGINE, "--once")
        self.run("pull", "keycloak", *where, "--position", self.folder / "position", "--output", self.events)
        return [json.loads(line) for line in self.events.read_text().splitlines()]

    def watch(self, path: Path) -> None:
        """Judge what is in a file and was not judged yet."""
        self.run("watch", path, "--once", "--state", self.state, "--rules", self.rules)

    def respond(self) -> list[dict[str, Any]]:
        """Act; all actions so far."""
        told = ("--policy", self.folder / "policy.yaml", "--rules", self.rules, "--once")
        self.run("respond", "--state", self.state, "--broker", self.folder / "broker.yaml", *told)
        return [json.loads(line) for line in self.run("actions", "list", "--state", self.state)]

    def lived_in_milan(self, name: str) -> None:
        """Nine days of sign-ins from home: one that Keycloak has seen just now, told as of the days before."""
        self.realm.sign_in(name, MILAN)
        of = self.realm.ids[name]
        seen = [one for one in self.pull() if one.get("type") == "LOGIN" and one.get("userId") == of][-1]
        days = range(9, 0, -1)
        of_days = [
            {**seen, "id": f"{seen['id']}-{day}", "sessionId": f"day-{day}", "time": seen["time"] - day * DAY_MS}
            for day in days
        ]
        before = self.folder / "before.jsonl"
        before.write_text("".join(json.dumps(one) + "\n" for one in of_days))
        self.watch(before)


@pytest.fixture
def site(realm: Realm, tmp_path: Path) -> Site:
    """A site of a test's own."""
    return Site(realm, tmp_path)


def test_the_stranger_is_out_and_the_person_stays(site: Site) -> None:
    """By one kill, which comes back as an event and is not made again; tokens of the other session are good."""
    realm = site.realm
    site.lived_in_milan("ann")
    honest = realm.sign_in("ann", MILAN)
    thief = realm.sign_in("ann", TOKYO)
    site.pull()
    site.watch(site.events)
    alerts = [json.loads(line) for line in site.run("state", "alerts", "--state", site.state)]
    found = [one for one in alerts if one["rule"]["id"] == TRAVEL and one["user"] == realm.ids["ann"]]
    assert [one["session"] for one in found] == [thief.session]
    actions = site.respond()
    assert [(one["verb"], one["target"], one["result"]) for one in actions] == [
        ("kill_session", thief.session, "applied")
    ]
    assert not realm.refreshes(thief)
    assert not realm.active(thief)
    assert realm.refreshes(honest)
    assert realm.active(honest)
    events = site.pull()
    site.watch(site.events)
    assert site.respond() == actions
    ended = [one for one in events if one.get("resourcePath") == f"sessions/{thief.session}"]
    assert [one["operationType"] for one in ended] == ["DELETE"]
    assert "0 faults" in site.run("audit", "verify", f"{site.state}.audit")[-1]
