"""What `sessionwatch doctor` looked at, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "FAULT"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, and what to do where it is not well."""

    what: str
    state: State
    said: str
    to_do: str = ""
