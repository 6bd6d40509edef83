"""The whole loop on a real Keycloak: signed in, pulled, judged, decided, and the stranger is out."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sessionwatch.cli.main import app
from sessionwatch.ruleset.loading import bundled_rules
from tests.integration.keycloak.browser import Browser, code_now
from tests.integration.keycloak.realm import ENGINE, SECRET, Realm

TRAVEL = "impossible_travel"
MILAN, TOKYO = "93.62.0.1", "126.0.0.1"
DAY_MS = 86_400_000
WAIT_MAX_S = 60
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
        self.browsers: list[Browser] = []
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

    def acted(self, name: str) -> list[dict[str, Any]]:
        """Fetch, judge and act; all actions about somebody so far."""
        self.pull()
        self.watch(self.events)
        return [one for one in self.respond() if one["user"] == self.realm.ids[name]]

    def browser(self, ip: str) -> Browser:
        """Somebody's, which is closed with the site."""
        self.browsers.append(Browser(self.realm, ip))
        return self.browsers[-1]

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
def site(realm: Realm, tmp_path: Path) -> Iterator[Site]:
    """A site of a test's own."""
    made = Site(realm, tmp_path)
    yield made
    for browser in made.browsers:
        browser.close()


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


def test_a_factor_shown_in_the_browser_settles_it(site: Site) -> None:
    """Where nobody can say whose a session is, none ends: live ones are asked for a code, and who has it goes on."""
    realm = site.realm
    before = realm.user("bo")
    away, home = site.browser(TOKYO), site.browser(MILAN)
    for browser in (home, away):
        assert browser.open() == "password"
        assert browser.enter(username="bo", password=realm.password) == "code"
    demand = site.acted("bo")[-1]
    assert (demand["verb"], demand["result"]) == ("step_up", "applied")
    assert realm.user("bo")["attributes"]["step_up_required"] == ["true"]
    assert [browser.open() for browser in (home, away)] == ["otp", "otp"]
    assert home.enter(otp="not it") == "otp"
    session = away.held.session
    assert away.enter(otp=code_now()) == "code"
    assert away.held.session == session
    cleared = site.acted("bo")[-1]
    assert (cleared["verb"], cleared["result"]) == ("clear_step_up", "applied")
    assert realm.user("bo") == before
    assert away.open() == "code"
    assert realm.refreshes(home.held)
    assert {one["verb"] for one in site.acted("bo")} == {"step_up", "clear_step_up"}


def test_who_shows_no_factor_is_out(site: Site) -> None:
    """A wrong code, and none within the time: once the events themselves have gone past it, every session ends."""
    realm = site.realm
    policy = site.folder / "policy.yaml"
    policy.write_text(policy.read_text().replace("escalate: {after: 10m,", "escalate: {after: 1s,"))
    away, home = site.browser(TOKYO), site.browser(MILAN)
    for browser in (home, away):
        assert browser.open() == "password"
        assert browser.enter(username="dee", password=realm.password) == "code"
    assert site.acted("dee")[-1]["verb"] == "step_up"
    assert realm.refreshes(home.held)
    until = time.monotonic() + WAIT_MAX_S
    while (last := site.acted("dee")[-1])["verb"] == "step_up" and time.monotonic() < until:
        assert away.open() == "otp"
        assert away.enter(otp="not it") == "otp"
        time.sleep(1)
    assert (last["verb"], last["result"]) == ("kill_user", "applied")
    assert not realm.refreshes(home.held)
    assert not realm.active(away.held)
    assert [browser.open() for browser in (home, away)] == ["password", "password"]
