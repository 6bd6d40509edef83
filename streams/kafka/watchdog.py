"""Ends a process that has crashed and does not end: its fetching thread would keep the partitions for ever."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Final

EXIT_GIVEN_UP: Final = 70
"""How a process ends that could not go on: a batch failed too often, or the end itself hung."""


def end_process(code: int) -> None:
    """End at once; what is not acknowledged yet is done again by whoever gets the partitions."""
    os._exit(code)


def watch_exit(
    ending: Callable[[], bool], exit_max_s: float, end: Callable[[int], None] = end_process, look_every_s: float = 0.5
) -> threading.Thread:
    """Start a thread that ends the process where `ending` has been true for `exit_max_s` seconds."""

    def watch() -> None:
        since_s = None
        while True:
            time.sleep(look_every_s)
            if not ending():
                since_s = None
                continue
            since_s = time.monotonic() if since_s is None else since_s
            if time.monotonic() - since_s > exit_max_s:
                end(EXIT_GIVEN_UP)
                return

    thread = threading.Thread(target=watch, daemon=True, name="exit-watchdog")
    thread.start()
    return thread
