"""What the detector promises, held to the contract of all detectors."""

from __future__ import annotations

from weekend_login import WeekendLogin

from detectors.testing import check_detector


def test_keeps_the_contract_of_a_detector() -> None:
    """Pure, bounded, restorable, and quiet on an empty history."""
    check_detector(WeekendLogin)
