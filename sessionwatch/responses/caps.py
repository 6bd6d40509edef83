"""What may be done by itself right now: caps of the policy over what was begun lately."""

from __future__ import annotations

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
    minute: list[tuple[str, str]] = field(default_factory=list)
    kills_of_hour: int = 0

    @classmethod
    def at(cls, caps: Caps, outbox: Outbox, now: float, live: Callable[[], int | None]) -> Allowance:
        """What is left at `now`; within a transaction of the outbox."""
        hour = outbox.begun_since(now - HOUR_S)
        kills = sum(verb in DESTRUCTIVE for verb, _ in hour)
        return cls(caps, live, outbox.begun_since(now - MINUTE_S), kills)

    def refusal(self, action: Action) -> str:
        """Why `action` must be held, as a word; empty where it may go."""
        if action.verb in UNCAPPED:
            return ""
        caps, kill = self.caps, action.verb in DESTRUCTIVE
        kills = sum(verb in DESTRUCTIVE for verb, _ in self.minute)
        of_rule = sum(rule == action.rule.id for _, rule in self.minute)
        full = {
            "actions_per_minute_max": len(self.minute) >= caps.actions_per_minute_max,
            "rule_actions_per_minute_max": of_rule >= caps.rule_actions_per_minute_max,
            "kills_per_minute_max": kill and kills >= caps.kills_per_minute_max,
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
            self.minute.append((action.verb, action.rule.id))
            self.kills_of_hour += action.verb in DESTRUCTIVE
