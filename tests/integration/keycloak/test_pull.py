"""Events pulled from a real Keycloak."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.integration.keycloak.realm import ENGINE, SECRET, Realm

COMMAND = Path(sys.executable).with_name("sessionwatch")
ENVIRONMENT = {**os.environ, "SESSIONWATCH_KEYCLOAK_SECRET": SECRET, "NO_COLOR": "1"}
WAIT_MAX_S = 60


def words(realm: Realm, folder: Path, *more: str) -> list[str]:
    """The command."""
    where = ["--base", realm.base, "--realm", realm.name, "--client", ENGINE]
    kept = ["--position", str(folder / "position"), "--output", str(folder / "events.jsonl")]
    return [str(COMMAND), "pull", "keycloak", *where, *kept, *more]


def pulled(folder: Path) -> list[dict[str, Any]]:
    """What stands in the file."""
    path = folder / "events.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def test_each_event_is_pulled_once_over_kills(realm: Realm, tmp_path: Path) -> None:
    """Sign-ins, wrong passwords and an administrator's deed, with where from; killed in between and started again."""
    seen: set[str] = set()
    killed = []
    for n in range(3):
        process = subprocess.Popen(words(realm, tmp_path), env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
        held = realm.sign_in("cy", f"93.62.0.{n + 1}")
        realm.admin("DELETE", f"/admin/realms/{realm.name}/sessions/{held.session}")
        killed.append(f"sessions/{held.session}")
        wanted = seen | {held.session}
        until = time.monotonic() + WAIT_MAX_S
        while not wanted <= seen and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
            seen = {one["sessionId"] for one in pulled(tmp_path) if one.get("type") == "LOGIN"}
        process.send_signal(signal.SIGKILL)
        said = process.communicate()[1]
        assert wanted <= seen, said
        assert SECRET not in said
    done = subprocess.run(
        words(realm, tmp_path, "--once"), env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = pulled(tmp_path)
    ids = [one["id"] for one in found]
    assert len(set(ids)) == len(ids)
    logins = [one["ipAddress"] for one in found if one.get("type") == "LOGIN" and one["userId"] == realm.ids["cy"]]
    assert [ip for ip in logins if ip.startswith("93.62.0.")] == [f"93.62.0.{n + 1}" for n in range(3)]
    ended = {one["resourcePath"] for one in found if one.get("resourceType") == "USER_SESSION"}
    assert set(killed) <= ended
    stored = realm.admin("GET", f"/admin/realms/{realm.name}/events?max=10000").json()
    assert {one["id"] for one in stored} <= set(ids)


def test_a_missing_role_and_events_switched_off_are_one_line(realm: Realm, tmp_path: Path) -> None:
    """With what to mend, and no success."""
    where = f"/admin/realms/{realm.name}"
    for client, said in (
        ("nobody", "give the service account of nobody the role view-events of realm-management"),
        ("stranger", "the client stranger or its secret is refused; it needs a service account"),
        (ENGINE, "admin events are not kept; switch them on in the realm's settings"),
    ):
        realm.admin("PUT", where, {"adminEventsEnabled": client != ENGINE})
        try:
            asked = words(realm, tmp_path, "--once", "--client", client)
            done = subprocess.run(asked, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        finally:
            realm.admin("PUT", where, {"adminEventsEnabled": True})
        assert (done.returncode, done.stderr.splitlines()) == (2, [f"{realm.base}, realm {realm.name}: {said}"])
