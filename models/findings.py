"""What a detector says of an event: a finding, a near miss, that it cannot tell, or nothing."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

from models.events import EventRef

Severity = Literal["info", "low", "medium", "high", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)

By = Literal["user", "account", "session", "ip", "device", "tenant"]
"""The kinds of subject a rule may judge. `account` is that of `models.events.account_of`."""

Unfamiliar = Literal["place", "network", "device"]


def shifted(severity: Severity, steps: int) -> Severity:
    """`severity` raised or lowered by `steps`, within the scale.

    >>> shifted("high", -1), shifted("critical", 2), shifted("info", -3)
    ('medium', 'critical', 'info')
    """
    return SEVERITIES[min(max(SEVERITIES.index(severity) + steps, 0), len(SEVERITIES) - 1)]


class Candidate(msgspec.Struct, frozen=True, array_like=True):
    """A session that may be the wrong one, with what is unfamiliar about it; empty `unfamiliar`: nothing is.

    Only a session that is the single candidate with something unfamiliar may ever be ended for it.
    """

    session: str
    first_event: str
    at_us: int
    ip: str = ""
    device: str = ""
    unfamiliar: tuple[Unfamiliar, ...] = ()


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A detector's judgement that an event, with its subject's history, is what the rule looks for.

    `key` tells findings of one rule and subject apart for folding (empty: all fold together). `strength` >= 1 is the
    measured value over its limit, so that the strongest finding of a fold explains it. `evidence` is a struct of the
    detector's own `Evidence` type: numbers with units, never a sentence. `events` are the earlier events it rests
    on, oldest first; the engine adds the event being judged. `severity_shift` moves the rule's severity by steps.
    `set_aside` names what was considered and not counted.
    """

    evidence: msgspec.Struct
    key: str = ""
    strength: float = 1.0
    events: tuple[EventRef, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    severity_shift: int = 0
    set_aside: tuple[str, ...] = ()


class NearMiss(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation under the limit: `strength` in [0, 1) is the measured value over the limit. Only when asked for."""

    evidence: msgspec.Struct
    key: str = ""
    strength: float = 0.0
    events: tuple[EventRef, ...] = ()


class NotEvaluable(msgspec.Struct, frozen=True):
    """The evidence about the person is missing or too weak to judge. Counted by `reason`; never a finding."""

    reason: str


Verdict = Finding | NearMiss | NotEvaluable | None
"""What `Detector.judge` returns."""
