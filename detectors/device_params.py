"""What a rule can ask of `device_change`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal

from pydantic import Field

from detectors.detector import DetectorParams
from models.findings import Unfamiliar
from models.places import NetworkClass
from models.spans import Span

NO_PLACE: Final[frozenset[NetworkClass]] = frozenset(
    {"corporate", "sase", "vpn", "relay", "mobile", "satellite", "cloud_backend"}
)
"""Networks that people enter and leave within a session without moving."""

Needs = Literal["device", "network", "device_and_network", "device_or_network"]
NEEDED: Final[Mapping[Needs, tuple[Unfamiliar, ...]]] = {
    "device": ("device",),
    "network": ("network",),
    "device_and_network": ("device", "network"),
    "device_or_network": ("device", "network"),
}


class DeviceParams(DetectorParams):
    """Against what a device is compared, what must differ, and how long to learn and remember."""

    scope: Literal["session", "user"] = Field(
        "session",
        description="`session`: against the same session so far; `user`: against the subject's known devices.",
    )
    needs: Needs = Field(
        "device_and_network", description="What must differ; a missing device or address is never a difference."
    )
    same_asn_is_same: bool = Field(
        default=True, description="Whether addresses of one autonomous system are one network: phones change address."
    )
    same_asn_within: Literal["anywhere", "city"] = Field(
        "anywhere",
        description="`scope: user`: where addresses of one autonomous system are one network; a city that nobody "
        "knows is any.",
    )
    open_sessions: bool = Field(
        default=False,
        description="`scope: user`: what is no sign-in is judged only in a session whose sign-in named no device or no "
        "address, until an event names both.",
    )
    known_network: Literal["ignore", "lower", "normal"] = Field(
        "lower", description="`scope: user`: effect of a new device on a network known for `familiar_after`."
    )
    second_factor: Literal["ignore", "lower", "normal"] = Field(
        "normal", description="`scope: user`: effect of a sign-in that says that a second factor was passed in it."
    )
    own_classes: frozenset[NetworkClass] = Field(
        default=frozenset(),
        max_length=13,
        description="`scope: user`: network classes that are known for everybody, such as `corporate`.",
    )
    familiar_after: Span = Field(
        timedelta(days=1),
        ge=timedelta(0),
        le=timedelta(days=90),
        description="`scope: user`: how long a network must have been seen to be known.",
    )
    session_idle_max: Span = Field(
        timedelta(days=1),
        gt=timedelta(0),
        le=timedelta(days=30),
        description="`scope: session`: a session unused for this long is compared with no more.",
    )
    jump_min_km: float | None = Field(
        None,
        gt=0,
        le=20_038,
        allow_inf_nan=False,
        description="`scope: session`: distance in km, less both radii, from which a session that goes on from another "
        "place is found without another device too; left out, places do not count.",
    )
    jump_speed_max_kmh: float = Field(
        900,
        gt=0,
        le=20_000,
        allow_inf_nan=False,
        description="`jump_min_km`: speed in km/h that a person may need from one place to the other.",
    )
    jump_radius_max_km: float = Field(
        8000,
        gt=0,
        le=20_038,
        allow_inf_nan=False,
        description="`jump_min_km`: a place known less precisely than this, in km, is no evidence.",
    )
    jump_ignores: frozenset[NetworkClass] = Field(
        NO_PLACE,
        max_length=13,
        description="`jump_min_km`: network classes whose addresses are no place of a person.",
    )
    learn_for: Span = Field(
        timedelta(days=14),
        ge=timedelta(0),
        le=timedelta(days=90),
        description="`scope: user`: learning ends after this long, or after `learn_min_events`.",
    )
    learn_min_events: int = Field(
        10, ge=1, le=10_000, description="`scope: user`: learning ends after this many events, or after `learn_for`."
    )
    accept_after: Span = Field(
        timedelta(days=30),
        gt=timedelta(0),
        le=timedelta(days=365),
        description="How long until a flagged device becomes known without anybody vouching for it.",
    )
    forget_after: Span = Field(
        timedelta(days=90),
        gt=timedelta(0),
        le=timedelta(days=730),
        description="`scope: user`: silence after which learning begins anew.",
    )
