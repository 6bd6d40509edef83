"""What may be done by itself right now: caps of the policy over what was begun lately."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from models.actions import DESTRUCTIVE, Action
from models.policies import Caps
from sessionwatch.responses.outbox import Outbox

MINUTE_S: Final = 60.0
HOUR_S: Final = 3_600.0
UNCAPPED: Final = frozenset({"notify", "clear_step_up"})
"""What hinders nobody."""


@dataclass(slots=True)
class Allowance:
    """The caps at one instant, used up as actions are begun. Made anew for each look into the outbox.

    `live` gives how many sessions are alive, None where that is not known or not fresh: then kills are held.
    """

    caps: Caps
    live: Callable[[], int | None]
    rules: Counter[str] = field(default_factory=Counter)
    """What was begun in the last minute, by rule."""
    actions: int = 0
    kills: int = 0
    kills_of_hour: int = 0

    @classmethod
    def at(cls, caps: Caps, outbox: Outbox, now: float, live: Callable[[], int | None]) -> Allowance:
        """What is left at `now`; within a transaction of the outbox."""
        made = cls(caps, live)
        made.kills_of_hour = sum(n for verb, _, n in outbox.begun_since(now - HOUR_S) if verb in DESTRUCTIVE)
        for verb, rule, count in outbox.begun_since(now - MINUTE_S):
            made.rules[rule] += count
            made.actions += count
            made.kills += count * (verb in DESTRUCTIVE)
        return made

    def refusal(self, action: Action) -> str:
        """Why `action` must be held, as a word; empty where it may go."""
        if action.verb in UNCAPPED:
            return ""
        caps, kill = self.caps, action.verb in DESTRUCTIVE
        full = {
            "actions_per_minute_max": self.actions >= caps.actions_per_minute_max,
            "rule_actions_per_minute_max": self.rules[action.rule.id] >= caps.rule_actions_per_minute_max,
            "kills_per_minute_max": kill and self.kills >= caps.kills_per_minute_max,
        }
        over = next((word for word, holds in full.items() if holds), "")
        return over or (self._share() if kill else "")

    def _share(self) -> str:
        if self.kills_of_hour < self.caps.live_share_from:
            return ""
        live = self.live()
        if live is None:
            return "no_fresh_count"
        return "live_share_max" if self.kills_of_hour + 1 > self.caps.live_share_max * live else ""

    def took(self, action: Action) -> None:
        """It is begun."""
        if action.verb not in UNCAPPED:
            self.rules[action.rule.id] += 1
            self.actions += 1
            self.kills += action.destructive
            self.kills_of_hour += action.destructive
