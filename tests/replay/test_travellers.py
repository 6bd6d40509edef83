"""Honest travellers and thieves at real networks of the bundled map; the long form is `python -m bench.travel`."""

from __future__ import annotations

from bench import travel


def test_no_honest_traveller_is_accused_and_every_theft_is_found() -> None:
    """They commute, roam between Wi-Fi and telephone, cross the map's cells, use a relay, fly with Wi-Fi on board."""
    outcome = travel.run(users=600, thefts=40, seed=7, count=60_000)
    assert outcome.accused == {}
    assert outcome.missed == []
    assert outcome.found_anywhere > outcome.thefts / 2
    assert {"relay_network", "satellite_network"} <= set(outcome.not_evaluable)
