"""Notices as the engine publishes them: what changed, at which revision, around the alert's own bytes."""

from __future__ import annotations

import msgspec

from models.alerts import Change


class NoticeRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One notice on its way out; `alert` is the alert's JSON as it stands. See `models.alerts.Notice`."""

    change: Change
    revision: tuple[int, int]
    alert: msgspec.Raw
    supersedes: str | None = None

    def to_json(self) -> bytes:
        """The notice's bytes."""
        return msgspec.json.encode(self)


class Tracked(msgspec.Struct, array_like=True):
    """An alert that may still change: told so far as `alert`, by a finding or timer at `order`.

    `chain` is the first alert's id where one took another's place; what is done about an alert is done once a chain.
    `withdrawn` ones are remembered until settled, so that their successor names them.
    """

    alert_id: str
    slot: str
    order: tuple[int, int, int, str]
    chain: str
    alert: bytes
    withdrawn: bool = False
