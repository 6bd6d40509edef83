"""A geo database that is replaced while a watch runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from tests.integration.watch.checks import told
from tests.integration.watch.running import call, running
from tests.unit.geo.mmdb import city, write

PLACES = {"81.2.69.0/24": city("IT", city="Milan", at=(45.46, 9.19), radius_km=20)}
PLACES |= {"89.160.20.0/24": city("US", city="New York", at=(40.71, -74.0), radius_km=20)}


def journey(user: str) -> bytes:
    """Milan, and New York 20 minutes later, on another device."""
    ends = (("a", "10:00:00", "81.2.69.7", "laptop"), ("b", "10:20:00", "89.160.20.9", "other"))
    lines = [
        {
            "id": f"{user}-{n}",
            "at": f"2026-03-02T{at}Z",
            "kind": "login",
            "outcome": "success",
            "source": "okta",
            "user": f"{user}@clinic.example",
            "session": f"{user}-{n}",
            "device": f"{user}-{device}",
            "ip": ip,
        }
        for n, at, ip, device in ends
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def builds(notices: Path) -> dict[str, str]:
    """The build in the travel alert of each user."""
    alerts = [notice["alert"] for notice in told(notices).values()]
    return {
        one["user"].partition("@")[0]: one["geo_build"] for one in alerts if one["rule"]["id"] == "impossible_travel"
    }


def test_alerts_name_the_build_that_was_open_when_they_were_judged(tmp_path: Path) -> None:
    """A new file by rename, a broken one in its place, a whole one again; nothing is asked of the operator."""
    old, new = datetime(2024, 5, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
    geo, notices = write(tmp_path / "city.mmdb", PLACES, built=old), tmp_path / "notices.jsonl"
    words = ("--listen", "127.0.0.1:0", "--state", tmp_path / "watch.db", "--notices", notices)
    with running(*words, "--geo", geo, "--geo", "none") as watch:
        port = watch.until(r"port=(\d+)")[1]

        def post(user: str) -> None:
            assert call(port, "/v1/events", journey(user))[0] == 200

        post("ann")
        write(tmp_path / "made", PLACES, built=new).replace(geo)
        watch.until(r"geography has taken up .*city\.mmdb geo_build='GeoLite2-City 2025-01-01'")
        post("bob")
        broken = tmp_path / "broken"
        broken.write_bytes(geo.read_bytes()[:300])
        broken.replace(geo)
        watch.until(r"geography stays as it was: .*city\.mmdb: .*get the file again")
        post("cid")
        write(tmp_path / "made", PLACES, built=old).replace(geo)
        watch.until(r"geography has taken up .*geo_build='GeoLite2-City 2024-05-01'")
        post("dee")
        metrics = call(port, "/metrics")[1]
        assert watch.stop() == 0
    assert "sessionwatch_geo_taken_up_total 2\n" in metrics
    assert "sessionwatch_geo_refused_total 1\n" in metrics
    first, second = "GeoLite2-City 2024-05-01", "GeoLite2-City 2025-01-01"
    assert builds(notices) == {"ann": first, "bob": second, "cid": second, "dee": first}
