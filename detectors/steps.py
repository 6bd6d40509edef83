"""What the evidence of a sequence is made of: its steps, what ties them, and what sets the last one apart."""

from __future__ import annotations

from datetime import datetime

import msgspec

from detectors.detector import DetectorEvidence


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step: what it is called, how many there were, and when the first and the last of them came."""

    step: str
    count: int
    first_at: datetime
    last_at: datetime


class SequenceEvidence(DetectorEvidence, frozen=True, kw_only=True):
    """The steps with their times against the span allowed; what ties them, what changed and what is unfamiliar."""

    steps: tuple[Step, ...]
    times: int
    counted: int
    seconds: int
    within_seconds: int
    same: dict[str, str]
    differs: dict[str, str]
    unfamiliar: dict[str, str]
    distinct: str
