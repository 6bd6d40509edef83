"""What a user agent says of the device behind it: the program's family and the system, without versions.

An update changes a version every few weeks; a thief with another program or another system changes more than that.
Enough for judging whether two agents may be one device, and no more: it names no model and trusts no claim.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple


class Fingerprint(NamedTuple):
    """Family and system in lower case; empty where the agent does not say."""

    family: str
    system: str

    @property
    def text(self) -> str:
        """As it is compared and shown; empty where nothing is known.

        On a phone or tablet the browser and the many apps are one device, so there the system alone counts.
        """
        if self.system in _HANDHELD:
            return self.system
        return " on ".join(part for part in self if part)


_HANDHELD: Final = frozenset({"ios", "android"})

_SERVICE: Final = re.compile(r"^aws internal(?:/|$)|^[\w.-]+\.amazonaws\.com$|\baws-internal/", re.IGNORECASE)
"""The provider acting on somebody's behalf names itself here (CloudTrail): that is nobody's device."""

_ONE_OFF: Final = re.compile(r"[\W_]*[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
"""Ids made for one run, as some programs put into their agent."""

_SYSTEMS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("ios", r"\b(?:iphone|ipad|ipod|ios)\b|\bdarwin\b.*\bmobile\b|outlook-ios|cfnetwork(?!.*(?:mac|x86_64))"),
        ("android", r"android|okhttp|dalvik"),
        ("chromeos", r"\bcros\b"),
        ("windows", r"windows|\bwin(?:32|64|dows)?\b|microsoft office/|exec-env/windows"),
        ("macos", r"mac ?os|macintosh|\bdarwin\b|\bmacos\b"),
        ("linux", r"linux|\bx11\b|ubuntu|\bamzn|\bel\d\b"),
    )
)

# The first that matches wins: what hides inside another's agent string stands before it.
_FAMILIES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("terraform", r"\bterraform(?:[/ ]|\b)"),
        ("pulumi", r"\bpulumi\b"),
        ("amazon-ssm-agent", r"\bamazon-ssm-agent\b"),
        ("aws-cli", r"\baws-cli/"),
        ("boto", r"\bboto(?:3|core)?/"),
        ("azure cli", r"\b(?:azurecli|azure-cli)\b"),
        ("powershell", r"powershell"),
        ("kubectl", r"\bkubectl/"),
        ("curl", r"^(?:lib)?curl[/ ]|\bcurl/"),
        ("wget", r"\bwget/"),
        ("python", r"\bpython-requests/|\bpython-urllib|\bpython-httpx|\bhttpx/|\baiohttp/|^python/"),
        ("go-http-client", r"\bgo-http-client/"),
        ("postman", r"\bpostman"),
        ("headless browser", r"headlesschrome|phantomjs|puppeteer|playwright|selenium"),
        ("java", r"^(?:java|apache-httpclient|jakarta)[/ ]"),
        ("node", r"^(?:node|axios|node-fetch|undici)\b"),
        ("outlook", r"\boutlook|\bmsexchange|\bbav2ropc\b|microsoft office"),
        ("teams", r"\bteams/|teamsmobile"),
        ("edge", r"\bedg(?:e|a|ios)?/"),
        ("opera", r"\bopr/|\bopera\b"),
        ("samsung internet", r"samsungbrowser/"),
        ("brave", r"\bbrave/"),
        ("vivaldi", r"\bvivaldi/"),
        ("firefox", r"\bfirefox/|\bfxios/"),
        ("chrome", r"\bchrom(?:e|ium)/|\bcrios/"),
        ("internet explorer", r"\bmsie |\btrident/"),
        ("safari", r"\bsafari/|applewebkit/"),
    )
)

_PRODUCT: Final = re.compile(r"^\s*\[?\s*([A-Za-z][\w .+-]*?)(?:\s*/\s*v?\d[\w.+-]*|\s+v?\d[\w.+-]*|\s*[(;\],]|\s*$)")
"""The first product of an agent string, without its version: `aws-sdk-go-v2/1.17.0 os/linux` is `aws-sdk-go-v2`."""

AGENT_READ_MAX: Final = 512
"""Characters of an agent string that are read; whoever sends more says nothing more."""


@lru_cache(maxsize=8192)
def fingerprint(user_agent: str) -> Fingerprint:
    """The family and the system that `user_agent` claims; both empty where it is empty or the provider's own.

    >>> fingerprint("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36").text
    'chrome on windows'
    >>> fingerprint("aws-sdk-go/1.41.4 (go1.18.3; linux; amd64) amazon-ssm-agent/3.1").text
    'amazon-ssm-agent on linux'
    >>> fingerprint("AWS Internal").text
    ''
    """
    agent = _ONE_OFF.sub("", user_agent[:AGENT_READ_MAX]).strip().strip("[]").strip()
    if not agent or _SERVICE.search(agent):
        return Fingerprint("", "")
    system = next((name for name, pattern in _SYSTEMS if pattern.search(agent)), "")
    family = next((name for name, pattern in _FAMILIES if pattern.search(agent)), "")
    if not family:
        product = _PRODUCT.match(agent)
        family = product.group(1).strip().lower() if product else agent.lower()
    return Fingerprint(family[:64], system)


@lru_cache(maxsize=8192)
def agent_of(user_agent: str) -> str:
    """The fingerprint of `user_agent` as it is compared and shown, remembered: it is asked for at each event.

    >>> agent_of("curl/8.5.0")
    'curl'
    """
    return fingerprint(user_agent).text


def device_of(device: str, user_agent: str) -> str:
    """The device's own id where the source gives one, else the agent's fingerprint; empty where neither says.

    >>> device_of("d-17", "curl/8.5.0"), device_of("", "curl/8.5.0"), device_of("", "")
    ('d-17', 'curl', '')
    """
    return device or agent_of(user_agent)


def alike(one: str, other: str) -> bool:
    """Whether two fingerprints' texts may be of one device: equal, or one names no system.

    >>> alike("aws-cli", "aws-cli on linux"), alike("aws-cli on macos", "aws-cli on linux"), alike("ios", "android")
    (True, False, False)
    """
    return one == other or one.startswith(f"{other} on ") or other.startswith(f"{one} on ")
