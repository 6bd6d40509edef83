"""Alerts read back from a file that a replay wrote; lines that are none are told and passed over."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pydantic

from models.alerts import Alert
from sessionwatch.errors import InputError, UsageError

ALERT_BYTES_MAX: Final = 1024 * 1024
"""A longer line of an alerts file is not read; the longest alert is far below."""
MATCHES_SHOWN: Final = 5


@dataclass(slots=True)
class AlertsRead:
    """The alerts of a file in its order, the last of those with one id, and the lines that are none: number, why."""

    alerts: list[Alert] = field(default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)

    @property
    def remarks(self) -> list[str]:
        """What was passed over, in one line; none where all could be read."""
        if not self.broken:
            return []
        number, why = self.broken[0]
        if len(self.broken) == 1:
            return [f"a line is no alert and was passed over: line {number}: {why}"]
        more = len(self.broken) - 1
        return [f"{more + 1:,} lines are no alerts and were passed over: line {number}: {why}; and {more:,} more"]


def read_alerts(path: Path) -> AlertsRead:
    """The alerts in `path`, one JSON object a line.

    Raises:
        InputError: the file cannot be read, or has lines and none of them is an alert.
    """
    found: dict[str, Alert] = {}
    read = AlertsRead()
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(ALERT_BYTES_MAX + 1), b""), start=1):
                if line.strip():
                    _take(line, number, found, read)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}; name a file of alerts") from error
    if read.broken and not found:
        number, why = read.broken[0]
        raise InputError(
            f"{path}:{number}: {why}; no line is an alert: name a file that `sessionwatch replay --alerts` wrote"
        )
    read.alerts = list(found.values())
    return read


def _take(line: bytes, number: int, found: dict[str, Alert], read: AlertsRead) -> None:
    if len(line) > ALERT_BYTES_MAX:
        read.broken.append((number, "longer than an alert may be"))
        return
    try:
        alert = Alert.model_validate_json(line)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        read.broken.append((number, f"{where}: {first['msg'].lower()}" if where else "no JSON object"))
        return
    found[alert.id] = alert


def find_alert(alerts: Sequence[Alert], begin: str) -> Alert:
    """The one alert whose id begins with `begin`.

    Raises:
        UsageError: there is none, or there are several.
    """
    matches = [alert for alert in alerts if begin and alert.id.startswith(begin.lower())]
    if len(matches) == 1:
        return matches[0]
    if not matches:
        close = difflib.get_close_matches(begin.lower(), [alert.id for alert in alerts], n=1)
        hint = f"; did you mean {close[0]}?" if close else f" among {len(alerts):,}; ids stand in the alerts file"
        raise UsageError(f"no alert has an id that begins with {begin!r}{hint}")
    shown = ", ".join(f"{alert.id} ({alert.rule.id})" for alert in matches[:MATCHES_SHOWN])
    more = f" and {len(matches) - MATCHES_SHOWN:,} more" if len(matches) > MATCHES_SHOWN else ""
    raise UsageError(f"{len(matches):,} alerts have ids that begin with {begin!r}: {shown}{more}; type more of it")
