"""What was considered and did not count against the person, or made it graver, in words; see docs/reasons.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from detectors.wording import circumstances
from models.alerts import Alert, CandidateSession

SET_ASIDE: Final[Mapping[str, str]] = {
    "known_network": "the network is one the person has used before",
    "nothing_unfamiliar": "nothing about it is new for this person",
}
"""Circumstances that mean the same for every detector; those of a journey stand with the detectors' own words."""

EFFECTS: Final[Mapping[str, str]] = {
    "ignore": "it counts as no finding",
    "lower": "one step less severe",
    "normal": "noted, without effect",
    "raise": "one step more severe",
    "not_an_anchor": "nothing is measured from it",
}


def set_aside(alert: Alert) -> list[str]:
    """Each circumstance that was considered, with its effect, as a sentence without full stop."""
    evidence = alert.evidence
    said = _words(evidence)
    aside = (str(text).partition(": ") for text in evidence.get("set_aside", ()))
    told = [f"{said.get(name, _plain(name))}: {EFFECTS.get(effect, _plain(effect))}" for name, _, effect in aside]
    return told + [
        f"{said.get(str(name), _plain(str(name)))}: {EFFECTS['raise']}" for name in evidence.get("raised", ())
    ]


def candidate_words(candidate: CandidateSession) -> str:
    """What is unfamiliar about a candidate, as a person would say it.

    >>> from datetime import UTC, datetime
    >>> one = CandidateSession(session="s", first_event="e", at=datetime(2026, 3, 2, tzinfo=UTC), unfamiliar=("place",))
    >>> candidate_words(one)
    'place unfamiliar'
    """
    names = candidate.unfamiliar
    if not names:
        return "nothing unfamiliar"
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{listed} unfamiliar"


def verdict_words(alert: Alert) -> str:
    """What the candidates together come to; empty where there are none to choose between."""
    strange = [one for one in alert.candidates if one.unfamiliar]
    if len(alert.candidates) <= 1:
        return ""
    if len(strange) == 1:
        return f"Only {strange[0].session or 'one of them'} has anything unfamiliar: it is the likely wrong one."
    return "Undecided: " + (
        f"{len(strange)} sessions have something unfamiliar." if strange else "no session has anything unfamiliar."
    )


def _words(evidence: Mapping[str, Any]) -> dict[str, str]:
    ends = [evidence.get("origin"), evidence.get("destination")]
    classes = [str(end.get("network_class", "")) if isinstance(end, Mapping) else "" for end in ends]
    return {**circumstances(classes[0], classes[1]), **({} if ends[0] else SET_ASIDE)}


def _plain(name: str) -> str:
    return name.replace("_", " ")
