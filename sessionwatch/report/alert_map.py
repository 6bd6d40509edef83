"""The map of an alert: where its events were, and the way between them where there is one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from models.alerts import Alert
from models.instants import to_us
from models.places import Place
from sessionwatch.drawing.world_map import Spot, world_map
from sessionwatch.report.material import PlacedAt


def alert_map(alert: Alert, places: Mapping[PlacedAt, Place]) -> str:
    """An SVG; empty where nothing of the alert has a coordinate.

    Places come from the evidence, else from `places` of the alert's events. The way is drawn for alerts of a person
    who was at several of them.
    """
    spots = list(dict.fromkeys(_of_evidence(alert.evidence))) or list(dict.fromkeys(_of_events(alert, places)))
    if not spots:
        return ""
    joined = list(itertools.pairwise(range(len(spots)))) if alert.subject.by in {"user", "account"} else []
    return world_map(spots, joined)


def _of_evidence(evidence: Mapping[str, Any]) -> Iterator[Spot]:
    for value in evidence.values():
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, Mapping):
                continue
            latitude, longitude, radius_km = (one.get(name) for name in ("latitude", "longitude", "radius_km"))
            if isinstance(latitude, int | float) and isinstance(longitude, int | float):
                within = float(radius_km) if isinstance(radius_km, int | float) else 0.0
                yield Spot(float(latitude), float(longitude), within, str(one.get("place", "")))


def _of_events(alert: Alert, places: Mapping[PlacedAt, Place]) -> Iterator[Spot]:
    for event in alert.events:
        place = places.get((event.id, to_us(event.at)))
        if place is not None and place.latitude is not None and place.longitude is not None:
            yield Spot(place.latitude, place.longitude, place.radius_km, place.label)
