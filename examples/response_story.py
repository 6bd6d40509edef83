"""The whole story on one machine: a stolen password, the alert, the session that ends, the factor that is shown.

    python examples/response_story.py out/story

Every step is a command that a person could type, and is printed with what came of it. The sessions are those of the
embedded broker, so nobody's are touched. Its two people are invented; their two addresses are routable ones, because
the bundled map must know where they are.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

COMMAND = Path(sys.executable).with_name("sessionwatch")
RULES = Path(__file__).parent.parent / "rules"
TRAVEL = "impossible_travel"
MILAN, TOKYO = "93.62.0.1", "126.0.0.1"
DAYS = 9
"""Days on which both people signed in from home before the story begins."""


class Site:
    """A folder with rules that may act, a feed, a watch's state, and the broker whose sessions are at stake."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder = folder
        self.feed, self.state = folder / "feed.jsonl", folder / "watch.db"
        self.rules, self.policy = folder / "rules", folder / "policy.yaml"
        self._fetched = 0
        self._token = secrets.token_urlsafe()
        self._environment = {
            **os.environ,
            "SESSIONWATCH_BROKER_TOKEN": self._token,
            "SESSIONWATCH_AUDIT_KEY": secrets.token_urlsafe(32),
            "NO_COLOR": "1",
        }
        self._let_it_act()
        command = [COMMAND, "broker", "serve", "--listen", "127.0.0.1:0"]
        self._process = subprocess.Popen(command, env=self._environment, stderr=subprocess.PIPE, text=True)
        listening = self._process.stderr.readline() if self._process.stderr else ""
        self.base = f"http://127.0.0.1:{listening.strip().rpartition('=')[2]}"

    def _let_it_act(self) -> None:
        """Rule and policy must both say `enforce`; as shipped neither does."""
        shutil.copytree(RULES, self.rules)
        rule = self.rules / f"{TRAVEL}.yaml"
        rule.write_text(rule.read_text().replace("mode: alert", "mode: enforce", 1))
        written = (RULES / "policy.yaml").read_text()
        self.policy.write_text(written.replace("mode: observe", "mode: enforce", 1))

    def close(self) -> None:
        """End the broker."""
        self._process.terminate()
        self._process.communicate()

    def ask(self, path: str, said: dict[str, Any] | None = None) -> str:
        """What the broker answers: JSON text, or JSON Lines."""
        body = None if said is None else json.dumps(said).encode()
        headers = {"authorization": f"Bearer {self._token}"}
        request = urllib.request.Request(self.base + path, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as refusal:
            return str(refusal.read().decode())

    def used(self, session: str) -> str:
        """What comes of using the session."""
        said = json.loads(self.ask(f"/demo/sessions/{session}/use", {}))
        return str(said.get("result") or said.get("error"))

    def run(self, *words: str | Path, quiet: bool = False) -> str:
        """Type the command, and what it says."""
        done = subprocess.run([COMMAND, *words], env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 3):
            sys.exit(f"sessionwatch {' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
        if not quiet:
            print(f"  $ sessionwatch {' '.join(str(word) for word in words)}")
        return done.stdout

    def watch(self) -> None:
        """Give the watch what the broker has seen since the last time."""
        happened = self.ask("/demo/events").splitlines()
        with self.feed.open("a") as feed:
            feed.writelines(f"{line}\n" for line in happened[self._fetched :])
        self._fetched = len(happened)
        self.run("watch", self.feed, "--once", "--state", self.state, "--rules", self.rules)

    def respond(self) -> None:
        """Act on what the watch has found."""
        told = ["--policy", self.policy, "--rules", self.rules, "--reports", self.folder / "reports.jsonl"]
        self.run("respond", "--state", self.state, "--broker", self.base, *told, "--once")


def sign_ins_of_before(user: str, now: datetime) -> list[dict[str, Any]]:
    """The usual mornings: one place, one device."""
    mornings = [now - timedelta(days=day) for day in range(DAYS, 0, -1)]
    return [
        {
            "id": f"{user}-{n}",
            "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "source": "embedded",
            "kind": "login",
            "outcome": "success",
            "user": user,
            "session": f"{user}-{n}",
            "ip": MILAN,
            "device": f"{user}-desk",
        }
        for n, at in enumerate(mornings)
    ]


def tell(site: Site) -> None:
    """The story, from the attack to the proof that nobody changed the record of it."""
    before = [event for user in ("ann", "bo") for event in sign_ins_of_before(user, datetime.now(UTC))]
    before.sort(key=lambda event: str(event["at"]))
    site.feed.write_text("".join(json.dumps(event) + "\n" for event in before))

    print("1. Ann signs in at her desk in Milan. Seconds later somebody in Tokyo signs in with her password.")
    site.ask("/demo/sessions", {"user": "ann", "session": "ann-at-her-desk", "ip": MILAN, "device": "ann-desk"})
    site.ask("/demo/sessions", {"user": "ann", "session": "stranger", "ip": TOKYO, "device": "new"})
    print("   Bo signs in at home with a new laptop, and so does somebody in Tokyo.")
    site.ask("/demo/sessions", {"user": "bo", "session": "bo-at-home", "ip": MILAN, "device": "bo-laptop"})
    site.ask("/demo/sessions", {"user": "bo", "session": "other-stranger", "ip": TOKYO, "device": "new"})
    site.watch()
    alerts = [json.loads(line) for line in site.run("state", "alerts", "--state", site.state).splitlines()]
    for alert in alerts:
        if alert["rule"]["id"] == TRAVEL:
            print(f"   {alert['severity']} {TRAVEL}: {alert['summary']}")

    print("2. The policy decides: of Ann's sessions one is plainly the stranger's. Of Bo's nobody can say which.")
    site.respond()
    for line in site.run("actions", "list", "--state", site.state).splitlines():
        action = json.loads(line)
        print(f"   {action['verb']} {action['target']}: {action['result']}")
    for session in ("ann-at-her-desk", "stranger", "bo-at-home"):
        print(f"   session {session} is used: {site.used(session)}")

    print("3. Bo shows his factor. The demand is gone, and his new laptop is known.")
    site.ask("/demo/sessions/bo-at-home/factor", {"passed": True})
    site.watch()
    site.respond()
    print(f"   session bo-at-home is used: {site.used('bo-at-home')}")

    print("4. What the SIEM is told, and whether anybody changed the record.")
    (site.folder / "alerts.jsonl").write_text("".join(json.dumps(alert) + "\n" for alert in alerts))
    found = site.run("export", site.folder / "alerts.jsonl", "--as", "ocsf").splitlines()
    (site.folder / "ocsf.jsonl").write_text("".join(f"{line}\n" for line in found))
    first = json.loads(found[0])
    print(f"   {len(found)} OCSF findings, the first is a {first['finding_info']['title']!r}")
    print(indented(site.run("audit", "verify", site.folder / "watch.db.audit")))


def indented(text: str) -> str:
    """A command's words under its line."""
    return "\n".join(f"   {line}" for line in text.splitlines())


def main(arguments: Sequence[str] | None = None) -> None:
    """Tell it in the folder that is named."""
    (folder,) = sys.argv[1:] if arguments is None else arguments
    site = Site(Path(folder))
    try:
        tell(site)
    finally:
        site.close()


if __name__ == "__main__":
    main()
