"""Words that sentences share: one and many, and the steps of severity; and what each detector says it finds."""

from __future__ import annotations

import re

import pytest

from detectors.registry import detector_kinds
from detectors.wording import many, severity_words, singular

TELLS_HOW = re.compile(r"^(Judges|Counts|Adds|Tells|Compares|Speaks|Looks)\b")


@pytest.mark.parametrize(
    ("count", "plural", "says"),
    [
        (0, "events", "0 events"),
        (1, "events", "1 event"),
        (0.6, "weighted objects", "1 weighted object"),
        (1.6, "objects", "2 objects"),
        (1, "countries", "1 country"),
        (12_345, "devices", "12,345 devices"),
    ],
)
def test_one_is_singular(count: float, plural: str, says: str) -> None:
    """The number as it is shown decides."""
    assert many(count, plural) == says
    assert singular("places") == "place"


def test_nothing_moved_says_nothing() -> None:
    """No key, nothing set aside, or only what was normal."""
    assert severity_words({}, {}) == ""
    assert severity_words({"set_aside": [], "raised": []}, {}) == ""
    assert severity_words({"set_aside": ["same_asn: normal"]}, {}) == ""
    assert severity_words({"set_aside": ["odd_thing: lower"]}, {}) == "; one step less severe: odd thing"


@pytest.mark.parametrize("kind", sorted(detector_kinds()))
def test_a_detector_says_first_what_it_finds(kind: str) -> None:
    """The first line of its docstring is a whole sentence about what it finds, not how."""
    first = (detector_kinds()[kind].__doc__ or "").split("\n", 1)[0]
    assert first.endswith(".")
    assert not TELLS_HOW.match(first)
