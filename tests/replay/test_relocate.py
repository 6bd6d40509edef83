"""`sessionwatch replay --relocate`: places that a database had written into events."""

from __future__ import annotations

import json
from pathlib import Path

from tests.replay.command import alerts_in, sessionwatch


def test_places_in_events_count_unless_they_are_looked_up_anew(tmp_path: Path) -> None:
    """Written with the build of their database they are believed; with --relocate only what is known now is."""
    places = ((50.6, 5.6, "BE", "Liège"), (-33.9, 151.2, "AU", "Sydney"))
    events = [
        {
            "id": f"e{n}", "at": f"2026-03-02T09:{n}0:00Z", "kind": "login", "source": "okta", "user": "ann",
            "session": f"s{n}", "outcome": "success", "ip": f"192.0.2.{n + 1}",
            "place": {
                "latitude": latitude, "longitude": longitude, "radius_km": 20, "country": country, "city": city,
                "source": "database", "build": "city 2026-02",
            },
        }
        for n, (latitude, longitude, country, city) in enumerate(places)
    ]  # fmt: skip
    log, alerts = tmp_path / "events.jsonl", tmp_path / "alerts.jsonl"
    log.write_text("".join(json.dumps(event) + "\n" for event in events))
    words = ("replay", log, "--rules", "rules/impossible_travel.yaml", "--geo", "none", "--alerts", alerts)
    assert sessionwatch(*words).code == 0
    (alert,) = alerts_in(alerts)
    assert "Sydney" in alert["summary"]
    assert sessionwatch(*words, "--relocate").code == 0
    assert alerts_in(alerts) == []
