"""What rules look for, in the words of identity providers: from their records, unnamed, to the alerts."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from streams.adapters import adapters
from tests.replay.command import alerts_in, sessionwatch

AT = "2026-03-02T09:{n:02}:00Z"
REFUSED = {
    "keycloak": ("a wrong code", {"userId": "u-{name}", "id": "{name}-{n}", "time": 1772442000000}),
    "duo": (
        "nobody answers",
        {"user.name": "u-{name}", "txid": "{name}-{n}", "isotimestamp": AT},
    ),
    "auth0": (
        "the push refused",
        {"user_name": "u-{name}", "log_id": "{name}-{n}", "date": AT},
    ),
    "google_workspace": (
        "a prompt refused",
        {"actor.email": "u-{name}", "id.uniqueQualifier": "{name}-{n}", "id.time": AT},
    ),
}
"""The example of a refused second factor in each format, and what differs from record to record."""


def flood(name: str, records: int) -> list[dict[str, Any]]:
    """So many refusals of one user, a minute apart."""
    title, differs = REFUSED[name]
    made = []
    for n in range(records):
        record: dict[str, Any] = copy.deepcopy(
            dict(next(each.record for each in adapters()[name].examples if each.title == title))
        )
        for path, written in differs.items():
            *parents, last = path.split(".")
            holder = record
            for parent in parents:
                holder = holder[parent]
            holder[last] = written + 60_000 * n if isinstance(written, int) else written.format(name=name, n=n)
        made.append(record)
    return made


def test_a_flood_of_refused_factors_is_found_in_every_format(tmp_path: Path) -> None:
    """Each file is recognised by itself, and its flood is the alert of the one whose telephone rang."""
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in REFUSED:
        lines = "\n".join(map(json.dumps, flood(name, 12)))
        (logs / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    ended = sessionwatch("replay", logs, "--alerts", tmp_path / "alerts.out", "--json")
    assert ended.code == 0, ended.err
    assert (ended.summary["records_read"], ended.summary["mapped"]) == (48, 48)
    found = {
        alert["user"]: alert for alert in alerts_in(tmp_path / "alerts.out") if alert["rule"]["id"] == "mfa_fatigue"
    }
    assert set(found) == {f"u-{name}" for name in REFUSED}


def test_a_flood_that_nobody_answers_is_found_in_okta(tmp_path: Path) -> None:
    """Twenty-five pushes are sent, nothing is said of them, the last is approved: each rule says what it counts."""
    okta = {each.title: each.record for each in adapters()["okta"].examples}
    sent, answer = okta["a push is sent"], okta["a push that nobody answered"]
    records = [sent | {"uuid": f"sent-{n}", "published": AT.format(n=n)} for n in range(25)]
    differs = {"uuid": "yes", "published": "2026-03-02T09:24:30Z", "outcome": {"result": "SUCCESS"}}
    records.append(answer | differs | {"actor": sent["actor"]})
    (tmp_path / "okta.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    ended = sessionwatch("replay", tmp_path / "okta.jsonl", "--alerts", tmp_path / "alerts.out", "--json")
    assert ended.code == 0, ended.err
    told = {alert["rule"]["id"]: alert["evidence"] for alert in alerts_in(tmp_path / "alerts.out")}
    assert {rule: evidence["counted"] for rule, evidence in told.items() if rule.startswith("mfa_fatigue")} == {
        "mfa_fatigue": 24,
        "mfa_fatigue_slow": 24,
        "mfa_fatigue_approved": 24,
    }
