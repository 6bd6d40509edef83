"""All attacks of the month in one list, and a smaller choice of them for a smaller world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bench.quality.attacks import guessing, inside, taken
from bench.quality.attacks.scene import Attack, Scene

STAGES: Final[tuple[Callable[[Scene], list[Attack]], ...]] = (
    guessing.brute_force,
    guessing.many_countries,
    guessing.spray,
    guessing.stuffing,
    guessing.fatigue,
    guessing.fatigue_approved,
    guessing.guessed,
    taken.new_country,
    taken.new_device,
    taken.hijack,
    taken.role_hijack,
    taken.at_once,
    taken.travel,
    taken.many_places,
    inside.export,
    inside.secrets,
    inside.privilege_then_export,
    inside.factor,
    inside.traces,
    inside.odd_hours,
    inside.dormant,
    inside.emergency,
    inside.shared,
    inside.after_the_end,
)


def stage(scene: Scene) -> list[Attack]:
    """Write all attacks; each stage has a chance of its own."""
    found: list[Attack] = []
    for one in STAGES:
        scene.dice = scene.log.dice("stage", one.__name__)
        found += one(scene)
    return found
