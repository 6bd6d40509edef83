"""The forms that alerts leave in, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from streams.sinks.cef import cef_line
from streams.sinks.ecs import ecs_line
from streams.sinks.hec import hec_line
from streams.sinks.ocsf import ocsf_line
from streams.sinks.outgoing import Outgoing

ENCODERS: Final[Mapping[str, Callable[[Outgoing], bytes]]] = {
    "ocsf": ocsf_line,
    "ecs": ecs_line,
    "cef": cef_line,
    "hec": hec_line,
}
"""Each gives one line without its end, and the same one whenever it is asked."""
