"""What a report is made of, as whoever read and judged hands it over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pydantic

from models.alerts import Alert
from models.places import Place
from models.rules import RuleFile

PlacedAt = tuple[str, int]
"""An event, by its id and its instant in microseconds."""


class NotJudged(pydantic.BaseModel):
    """What one rule could not judge: how often of how many, by reason."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    rule: str
    evaluated: int
    reasons: dict[str, int]


class Material(pydantic.BaseModel):
    """The alerts, and what is known of how they came about.

    `first_at` and `last_at` are of the logs, else of the alerts. `account` says in rows what was read; empty where
    only alerts were given. `places` has the places of the alerts' events where they are known beyond the alerts.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    alerts: tuple[Alert, ...]
    first_at: datetime | None = None
    last_at: datetime | None = None
    account: tuple[tuple[str, str], ...] = ()
    not_judged: tuple[NotJudged, ...] = ()
    remarks: tuple[str, ...] = ()
    rules: Mapping[str, RuleFile] = {}
    ruleset_version: str = ""
    geo_build: str = ""
    places: Mapping[PlacedAt, Place] = {}
