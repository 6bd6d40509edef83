"""Words that several detectors' sentences share: one or many of something, and what moved an alert's severity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from models.instants import HOUR_US, MINUTE_US, SECOND_US

_STEPS: Final = ("no step", "one step", "two steps", "three steps", "four steps")


def many(count: float, plural: str) -> str:
    """How many of what, to the nearest whole, in the singular where that is one.

    >>> many(1200, "objects"), many(1, "countries"), many(1, "places")
    ('1,200 objects', '1 country', '1 place')
    """
    number = f"{count:,.0f}"
    return f"{number} {singular(plural) if number == '1' else plural}"


def singular(plural: str) -> str:
    """The singular of a regular plural.

    >>> singular("countries"), singular("weighted objects")
    ('country', 'weighted object')
    """
    return f"{plural[:-3]}y" if plural.endswith("ies") else plural.removesuffix("s")


_CIRCUMSTANCES: Final[Mapping[str, str]] = {
    "same_address": "same address at both ends",
    "same_asn": "same network operator at both ends",
    "same_device": "same device at both ends",
    "mobile_in_country": "a mobile network within one country",
    "nothing_unfamiliar": "place, network and device of both ends are the person's own",
}
_CLASSES: Final[Mapping[str, str]] = {
    "vpn": "a VPN",
    "sase": "a company's web gateway",
    "tor": "the Tor network",
    "relay": "a privacy relay",
    "anycast": "an anycast network",
    "cloud_backend": "a cloud provider's own machine",
}
"""Network classes whose name says little; the others are said as they are: a mobile network."""


def circumstances(origin: str, destination: str) -> dict[str, str]:
    """What speaks for or against a journey, in plain words by name; the ends are given by their network classes.

    >>> circumstances("vpn", "")["vpn_network"], circumstances("mobile", "mobile")["mobile_network"]
    ('a VPN at one end', 'a mobile network at both ends')
    """
    ends = "at both ends" if origin == destination else "at one end"
    classes = {name: _CLASSES.get(name, f"a {name} network") for name in (origin, destination) if name}
    return {**_CIRCUMSTANCES, **{f"{name}_network": f"{said} {ends}" for name, said in classes.items()}}


def severity_words(evidence: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """What made a finding more or less severe than its rule says, as the end of a sentence; empty where nothing did.

    From `set_aside` (`name: lower`) and `raised` (names) of the evidence, where it has them; `words` says each name.

    >>> severity_words({"set_aside": ["same_asn: lower"]}, {"same_asn": "same network operator at both ends"})
    '; one step less severe: same network operator at both ends'
    """
    aside = [text.partition(": ") for text in evidence.get("set_aside", ())]
    lowered = [name for name, _, effect in aside if effect == "lower"]
    return _moved(lowered, "less", words) + _moved([*evidence.get("raised", ())], "more", words)


def _moved(names: list[str], which: str, words: Mapping[str, str]) -> str:
    if not names:
        return ""
    steps = _STEPS[min(len(names), len(_STEPS) - 1)]
    return f"; {steps} {which} severe: {', '.join(words.get(name, name.replace('_', ' ')) for name in names)}"


def span_later(hours: float) -> str:
    """The time in between, as a person would say it: seconds, then minutes, then hours.

    >>> span_later(1 / 3600), span_later(0.5), span_later(7.25)
    ('1 second later', '30 minutes later', '7.2 hours later')
    """
    seconds = round(hours * HOUR_US / SECOND_US)
    if seconds * SECOND_US < 2 * MINUTE_US:
        return f"{seconds} second{'s' * (seconds != 1)} later"
    if seconds * SECOND_US < 2 * HOUR_US:
        return f"{seconds * SECOND_US // MINUTE_US} minutes later"
    return f"{hours:.1f} hours later"
