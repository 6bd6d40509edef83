"""Who the people of the benchmark's stream are, and what an event of theirs looks like as a line of JSON."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime
from typing import Final, NamedTuple

USERS: Final = 200_000
ADDRESSES: Final = 58_000
V6_EVERY: Final = 17
"""Every so many addresses one is IPv6: 6 % of them."""
HOURS: Final = 22
ROLES_EVERY: Final = 50
"""Every so many users one is a role of the cloud that programs assume."""
BEGIN_S: Final = int(datetime(2026, 3, 2, 1, tzinfo=UTC).timestamp())

CITIES: Final = (
    ("Milan", "IT", 45.4642, 9.19), ("Rome", "IT", 41.9028, 12.4964), ("Turin", "IT", 45.0703, 7.6869),
    ("Naples", "IT", 40.8518, 14.2681), ("Florence", "IT", 43.7696, 11.2558), ("Vienna", "AT", 48.2082, 16.3738),
    ("Graz", "AT", 47.0707, 15.4395), ("Munich", "DE", 48.1351, 11.582), ("Berlin", "DE", 52.52, 13.405),
    ("Hamburg", "DE", 53.5511, 9.9937), ("Cologne", "DE", 50.9375, 6.9603), ("Leipzig", "DE", 51.3397, 12.3731),
    ("Paris", "FR", 48.8566, 2.3522), ("Lyon", "FR", 45.764, 4.8357), ("Nantes", "FR", 47.2184, -1.5536),
    ("Lille", "FR", 50.6292, 3.0573), ("London", "GB", 51.5074, -0.1278), ("Leeds", "GB", 53.8008, -1.5491),
    ("Bristol", "GB", 51.4545, -2.5879), ("Glasgow", "GB", 55.8642, -4.2518), ("Madrid", "ES", 40.4168, -3.7038),
    ("Seville", "ES", 37.3891, -5.9845), ("Porto", "PT", 41.1579, -8.6291), ("Lisbon", "PT", 38.7223, -9.1393),
    ("Ghent", "BE", 51.0543, 3.7174), ("Utrecht", "NL", 52.0907, 5.1214), ("Aarhus", "DK", 56.1629, 10.2039),
    ("Oslo", "NO", 59.9139, 10.7522), ("Bergen", "NO", 60.3913, 5.3221),
)  # fmt: skip
FAR_CITIES: Final = (
    ("Tokyo", "JP", 35.6895, 139.6917), ("Sydney", "AU", -33.8688, 151.2093), ("Lima", "PE", -12.0464, -77.0428),
    ("Toronto", "CA", 43.6532, -79.3832), ("Nairobi", "KE", -1.2921, 36.8219), ("Mumbai", "IN", 19.076, 72.8777),
)  # fmt: skip
AGENTS: Final = tuple(
    f"Mozilla/5.0 ({system}) Chrome/{n}.0"
    for n in range(124, 127)
    for system in ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 14_4", "X11; Linux x86_64")
)
PHONES: Final = ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_2) Mobile/15E148", "Mozilla/5.0 (Linux; Android 15) Mobile")
THIEF: Final = "python-requests/2.32.3"
ACTIONS: Final = {
    "login": "user.session.start",
    "login_failed": "user.authentication.verify",
    "mfa_challenge": "user.mfa.push.send",
    "mfa_result": "user.mfa.push.verify",
    "refresh": "app.token.refresh",
    "activity": "record.open",
    "export": "record.export",
    "logout": "user.session.end",
    "timeout": "user.session.expire",
    "device_enrolled": "device.enroll",
    "credential_change": "user.credential.update",
    "privilege_change": "user.role.grant",
    "account_change": "user.profile.update",
    "policy_change": "policy.update",
}
ROLE_ACTIONS: Final = ("GetObject", "ListBuckets", "DescribeInstances", "GetParameter")


class Step(NamedTuple):
    """One staged event. `user` -1: nobody. `far`: which far city, -1 the user's own. `fields` is JSON to be added."""

    at_us: int
    id: str
    kind: str
    user: int
    far: int
    ip: str
    device: str
    session: str
    outcome: str
    fields: str = ""


def address(number: int) -> str:
    """An address by its number, of those set apart for benchmarks and for documentation."""
    if number % V6_EVERY == 0:
        return f"2001:db8:{number >> 8:x}:{number & 255:x}::{number % 97 + 1:x}"
    return f"198.18.{number >> 8}.{number & 255}"


def name(user: int) -> str:
    """A user by number."""
    return f"role-{user:06d}@c.example" if is_role(user) else f"user{user:06d}@a.example"


def is_role(user: int) -> bool:
    """Whether it is a role of the cloud."""
    return user % ROLES_EVERY == ROLES_EVERY - 1


class World:
    """Remembers how many sessions everybody had on each of two devices; makes lines."""

    def __init__(self) -> None:
        self._sessions = array("H", bytes(USERS * 4))
        self._addresses = [address(n) for n in range(ADDRESSES)]
        self._places = [_place(city) for city in CITIES]
        self._far = [_place(city) for city in FAR_CITIES]
        self._second = 0
        self._stamp = ""

    def event(self, number: int, at_us: int, user: int, kind: str, die: int) -> str:
        """An honest event: `die` decides which device, whether roaming, and how much."""
        city = user % len(CITIES)
        phone = die & 3 == 0
        roams = die >> 2 & 63 == 0
        role = is_role(user)
        homes = ADDRESSES // len(CITIES)
        home = (user * 7919 + (phone != roams) * 31) % homes * len(CITIES) + city
        slot = user * 2 + phone
        if kind == "login":
            self._sessions[slot] = (self._sessions[slot] + 1) & 65_535
        agent = PHONES[user & 1] if phone else AGENTS[user % len(AGENTS)]
        outcome = "failure" if kind == "login_failed" or (kind[:3] == "mfa" and die >> 8 & 127 == 0) else "success"
        line = (
            f'{{"id":"{number:012x}","at":"{self._at(at_us)}Z","kind":"{kind}","source":"okta",'
            f'"tenant":"clinic","user":"{name(user)}","session":"s{user:06d}-{phone:d}-{self._sessions[slot]:03d}",'
            f'"action":"{ROLE_ACTIONS[die >> 8 & 3] if role and kind == "activity" else ACTIONS[kind]}",'
            f'"outcome":"{outcome}","ip":"{self._addresses[home]}","user_agent":"{agent}",'
            f'"device":"{"phone" if phone else "desk"}-{user:06d}","app":"ehr"{self._more(kind, die, role=role)},'
            f'"place":{self._places[city]}}}\n'
        )
        if kind in {"logout", "timeout"}:
            self._sessions[slot] = (self._sessions[slot] + 1) & 65_535
        return line

    def staged(self, step: Step) -> str:
        """A staged event."""
        place = self._far[step.far] if step.far >= 0 else self._places[step.user % len(CITIES)]
        home = (step.user * 7919) % (ADDRESSES // len(CITIES)) * len(CITIES) + step.user % len(CITIES)
        session = step.session or f"s{step.user:06d}-0-{self._sessions[step.user * 2]:03d}"
        agent = AGENTS[step.user % len(AGENTS)] if not step.device else THIEF
        return (
            f'{{"id":"{step.id}","at":"{self._at(step.at_us)}Z","kind":"{step.kind}","source":"okta",'
            f'"tenant":"clinic","user":"{name(step.user)}","session":"{session}","action":"{ACTIONS[step.kind]}",'
            f'"outcome":"{step.outcome}","ip":"{step.ip or self._addresses[home]}","user_agent":"{agent}",'
            f'"device":"{step.device or f"desk-{step.user:06d}"}","app":"ehr"{step.fields},"place":{place}}}\n'
        )

    @staticmethod
    def _more(kind: str, die: int, *, role: bool) -> str:
        """Fields that only some events have."""
        said = ',"role":"AssumedRole","interactive":false' if role else ""
        if kind == "export":
            return f'{said},"resource":"record/{die >> 12 & 8191}","count":{die >> 25 & 3 | 1},"bytes":{die & 65535}'
        if kind == "login":
            return f'{said},"mfa":true' if die >> 9 & 1 else said
        if kind == "refresh" and not role:
            return ',"interactive":false'
        if kind == "privilege_change":
            return f'{said},"target":"{name(die % USERS)}"'
        return said

    def _at(self, at_us: int) -> str:
        second, us = divmod(at_us, 1_000_000)
        if second != self._second:
            self._second = second
            self._stamp = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        return f"{self._stamp}{us:06d}"


def _place(city: tuple[str, str, float, float]) -> str:
    town, country, latitude, longitude = city
    return f'{{"latitude":{latitude:.2f},"longitude":{longitude:.2f},"country":"{country}","city":"{town}"}}'
