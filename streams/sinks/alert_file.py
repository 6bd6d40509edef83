"""Alerts as JSON Lines in a file that is there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sessionwatch.errors import UsageError


def write_alerts(path: Path, alerts: Iterable[bytes]) -> None:
    """Write the alerts' JSON, one a line, beside `path`, and rename the file into place.

    Raises:
        UsageError: the folder cannot be made or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            beside = Path(file.name)
        try:
            with beside.open("wb") as file:
                file.writelines(alert + b"\n" for alert in alerts)
            umask = os.umask(0)
            os.umask(umask)
            beside.chmod(0o666 & ~umask)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)  # still there only where something went wrong
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}; give another path") from error
