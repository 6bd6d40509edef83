"""Every registered detector keeps the promises that all detectors make."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.registry import detector_kinds
from detectors.testing import check_detector
from detectors.worlds import an_event, office
from models.conditions import Condition
from models.events import PlacedEvent
from models.instants import DAY_US, HOUR_US

ALONE_IS_PROOF = {"mass_export"}
"""One export of more than anybody may export needs no history."""

LATER = an_event("login", 200 * DAY_US + 3 * HOUR_US, id="later", outcome="success", user="ann")
NIGHT = an_event("login", 43 * DAY_US + 3 * HOUR_US, id="night", outcome="success", user="ann")
STREAMS: dict[str, list[list[PlacedEvent]]] = {
    "dormant_account": [[*office(1), LATER]],
    "unusual_hours": [[*office(1), NIGHT]],
}
"""What makes those speak that need long silence or long habit."""

SIGNED_IN = Condition({"kind": "login"}, lambda event: event.kind == "login")
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("concurrent_sessions", {"at_least": {"sessions": 2}, "needs": "any"}),
    ("concurrent_sessions", {"at_least": {"places": 2}, "nothing_unfamiliar": "lower"}),
    ("device_change", {"scope": "user", "needs": "device"}),
    ("device_change", {"jump_min_km": 100.0}),
    ("device_change", {"scope": "user", "known_network": "ignore", "learn_min_events": 1}),
    ("device_change", {"needs": "device_or_network", "same_asn_is_same": False}),
    ("geo_velocity", {"failed_may_count": True, "countries_min": 1, "distance_min_km": 1}),
    ("impossible_travel", {"failed_may_anchor": True, "familiar_after": "0s", "speed_max_kmh": 100}),
    ("impossible_travel", {"same_address": "normal", "network_classes": {}, "nothing_unfamiliar": "ignore"}),
    ("mass_export", {"objects_max": None, "bytes_max": 10**9, "resources_max": 20}),
    ("mass_export", {"weight_field": "attributes.sensitivity", "weights": {"restricted": 7.5}}),
    ("mfa_fatigue", {"at_least": 2, "window": "7d"}),
    ("mfa_fatigue", {"at_least": 1, "window": "7d", "then_approved": True}),
    ("new_value", {"fields": ("device", "app"), "while_learning": "low", "known_max": 3}),
    ("new_value", {"fields": ("user_agent",), "normalise": {"user_agent": "fingerprint"}, "learn_for": "0s"}),
    ("dormant_account", {"idle_min": "1d"}),
    ("sequence", {"times": 3, "differs": ("network",), "unfamiliar": ("device",), "distinct": "ip", "within": "30d"}),
    ("sequence", {"same": ("session",), "within": "7d"}),
    ("unusual_hours", {"learn_for": "1d", "learn_min_days": 1, "learn_min_events": 1, "weekdays": "each"}),
    ("unusual_hours", {"learn_for": "1d", "learn_min_days": 1, "learn_min_events": 1, "zone": "Asia/Kathmandu"}),
    ("session_policy", {"lifetime_max": "1h", "idle_max": "10m", "grace": "0s"}),
    ("threshold", {"measure": "distinct", "field": "place.country", "at_least": 2, "window": "7d"}),
    ("threshold", {"measure": "distinct", "field": "device", "at_least": 2, "window": "7d", "cleared_by": SIGNED_IN}),
    ("sequence", {"distinct": "device", "cleared_by_then": True, "within": "7d"}),
    ("threshold", {"group": ("app", "attributes.sensitivity"), "at_least": 3}),
]


@pytest.mark.parametrize("kind", sorted(detector_kinds()))
def test_keeps_the_contract(kind: str) -> None:
    """With its default parameters: pure, restorable, bounded, documented, quiet on an empty history, and plain."""
    check_detector(detector_kinds()[kind], streams=STREAMS.get(kind, ()), alone_is_proof=kind in ALONE_IS_PROOF)


@pytest.mark.parametrize(("kind", "params"), VARIANTS, ids=[f"{kind}-{n}" for n, (kind, _) in enumerate(VARIANTS)])
def test_keeps_the_contract_in_its_other_modes(kind: str, params: dict[str, Any]) -> None:
    """And with the parameters that change its ways."""
    check_detector(detector_kinds()[kind], params, alone_is_proof=kind in ALONE_IS_PROOF)
