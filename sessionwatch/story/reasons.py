"""Why something could not be judged, in words; docs/reasons.md says what helps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_WORDS: Final[Mapping[str, str]] = {
    "no_user": "the event names no user",
    "no_session": "the event names no session",
    "no_ip": "the event names no address",
    "no_device": "the event names no device",
    "no_address": "there is no address that can be read",
    "no_place": "nobody says where the address is",
    "private_address": "the address means something inside one organisation only",
    "anycast": "the address is announced from many places at once",
    "radius_too_wide": "the place is known too roughly",
    "too_little_history": "what is usual is not known yet",
}


def reason_words(reason: str) -> str:
    """A reason as a person would say it.

    >>> reason_words("no_place"), reason_words("no_network")
    ('nobody says where the address is', 'the event says no network')
    >>> reason_words("vpn_network")
    'the address is of a vpn network, not of a person'
    """
    if reason in _WORDS:
        return _WORDS[reason]
    if reason.startswith("no_"):
        return f"the event says no {reason.removeprefix('no_').replace('_', ' ')}"
    if reason.endswith("_network"):
        return f"the address is of a {reason.removesuffix('_network').replace('_', ' ')} network, not of a person"
    return reason.replace("_", " ")
