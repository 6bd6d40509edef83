"""The people of the hospital and an ordinary working day of each of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from hospital_world import spots
from hospital_world.log import DAY, WARM_UP_FROM, Log, Person, Session, local
from hospital_world.spots import Spot

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:136.0) Gecko/20100101 Firefox/136.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
)
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.3 Safari/605.1.15"
)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.3 Mobile/15E148 Safari/604.1"
)

ROLES = {
    "amara.okafor": "physician",
    "ben.hale": "physician",
    "chloe.martin": "physician",
    "dev.patel": "nurse",
    "elena.rossi": "pharmacist",
    "farid.haddad": "physician",
    "gwen.lloyd": "radiographer",
    "hugo.brandt": "laboratory",
    "ines.costa": "it_admin",
    "adam.frost": "physician",
    "kim.larsen": "physician",
    "lena.fischer": "secretary",
    "maya.singh": "physician",
    "noah.clarke": "social_worker",
    "olga.novak": "nurse",
    "piotr.zielinski": "nurse",
    "quinn.murphy": "nurse",
    "rosa.silva": "nurse",
    "sam.becker": "it_admin",
    "tara.owens": "records_clerk",
    "uma.rao": "manager",
    "vera.holm": "secretary",
    "will.cooper": "physician",
    "xena.pappas": "pharmacist",
    "yusuf.demir": "physician",
    "zoe.baker": "nurse",
    "alice.moss": "physician",
    "boris.lang": "laboratory",
    "cara.dunn": "radiographer",
    "dylan.reed": "secretary",
    "eva.lund": "pharmacist",
    "felix.ward": "physician",
}
PEOPLE = {
    name: Person(
        name=name,
        role=role,
        number=number,
        device=f"ws-{number:02d}",
        agent=(FIREFOX, CHROME.format(134), SAFARI)[number % 3],
    )
    for number, (name, role) in enumerate(ROLES.items(), start=1)
}
KIOSK_NURSES = ("olga.novak", "piotr.zielinski", "quinn.murphy", "rosa.silva")
NIGHT_NURSE = "zoe.baker"

# Absent on these days, for a reason that the stories of attacks and traps give.
AWAY = {
    "gwen.lloyd": (date(2026, 3, 30), DAY),
    "farid.haddad": (DAY,),
}


def days() -> Iterator[date]:
    """Every day of the example, the warm-up's first."""
    day = WARM_UP_FROM
    while day <= DAY:
        yield day
        day += timedelta(days=1)


def records(session: Session, begin: datetime, end: datetime, dice_of: str, many: int) -> None:
    """Open about `many` records between two instants, and refresh the session every hour."""
    dice = session.person.dice(begin.date(), dice_of)
    seconds = int((end - begin).total_seconds())
    for offset in sorted(dice.sample(range(60, seconds), many)):
        session.open_record(begin + timedelta(seconds=offset), dice.randrange(1, 20_000))
    hours = 1
    while begin + timedelta(hours=hours) < end:
        session.add(begin + timedelta(hours=hours, seconds=7), "refresh", action="token_refresh", interactive=False)
        hours += 1


def mistyped(session: Session, at: datetime) -> None:
    """A wrong password, as everybody types one now and then."""
    session.add(at, "login_failed", action="sign_in", outcome="failure", reason="invalid_password")


def desk_day(
    log: Log, person: Person, day: date, where: Spot = spots.GREENWICH, begin: int = 8, end: int = 17
) -> Session:
    """A day at the person's own workstation; returns its session, which has been ended."""
    dice = person.dice(day, f"desk {begin}")
    session = log.session(person, where)
    arrive = local(day, begin, dice.randrange(0, 25), dice.randrange(60))
    leave = local(day, end, dice.randrange(0, 25), dice.randrange(60))
    if dice.random() < 0.06:
        mistyped(session, arrive - timedelta(seconds=20))
    session.login(arrive)
    records(session, arrive, leave - timedelta(minutes=5), f"desk {begin}", dice.randrange(6, 11))
    if person.role in {"physician", "pharmacist", "nurse"} and dice.random() < 0.5:
        session.export(local(day, begin + 2, dice.randrange(60)), dice.randrange(1, 6), dice.randrange(1, 20_000))
    if person.role == "it_admin":
        for _ in range(dice.randrange(1, 4)):
            read_secret(session, local(day, begin + 1, dice.randrange(60)), dice.randrange(1, 40))
    session.end(leave)
    return session


def read_secret(session: Session, at: datetime, number: int) -> None:
    """Read one secret from the vault."""
    session.add(at, "activity", action="read_secret", app="vault", resource=f"secret/{number:03d}")


def phone_evening(log: Log, person: Person, day: date, where: Spot = spots.PHONE_LONDON) -> None:
    """A look at the rota from the phone, on the carrier's network."""
    dice = person.dice(day, "phone")
    session = log.session(person, where, device=f"phone-{person.number:02d}", agent=PHONE)
    at = local(day, 19, dice.randrange(60), dice.randrange(60))
    session.login(at)
    session.add(at + timedelta(minutes=1), "activity", action="open_rota", app="rota", resource="rota")
    session.expire(at + timedelta(minutes=31))


def home_evening(log: Log, person: Person, day: date) -> None:
    """An hour of letters from home, on the person's own laptop."""
    dice = person.dice(day, "home")
    session = log.session(person, spots.home(person.number), device=f"laptop-{person.number:02d}")
    at = local(day, 20, dice.randrange(30), dice.randrange(60))
    session.login(at)
    records(session, at, at + timedelta(minutes=50), "home", 3)
    session.end(at + timedelta(minutes=52))


def kiosk_day(log: Log, person: Person, day: date) -> None:
    """A ward nurse: short turns at two workstations that everybody on the ward shares."""
    dice = person.dice(day, "kiosk")
    for hour in range(8, 16):
        kiosk = 1 + (hour + person.number) % 2
        session = log.session(person, spots.ward(kiosk), device=f"kiosk-{kiosk}", agent=CHROME.format(134))
        at = local(day, hour, 5 + 12 * (person.number % 4) + dice.randrange(4), dice.randrange(60))
        session.login(at, mfa=False)
        session.open_record(at + timedelta(minutes=2), dice.randrange(1, 20_000))
        session.end(at + timedelta(minutes=5, seconds=dice.randrange(60)))


def night_shift(log: Log, person: Person, day: date) -> None:
    """From half past seven in the evening until eight the next morning; the session crosses midnight."""
    dice = person.dice(day, "night")
    session = log.session(person, spots.GREENWICH)
    begin, end = local(day, 19, 30 + dice.randrange(10)), local(day, 32, dice.randrange(10))
    session.login(begin)
    records(session, begin, end - timedelta(minutes=5), "night", 9)
    session.end(end)


def works(person: Person, day: date) -> bool:
    """Whether the person has a shift that begins on that day."""
    if day in AWAY.get(person.name, ()):
        return False
    if person.name == NIGHT_NURSE or person.role == "nurse":
        return (day.toordinal() + person.number) % 7 < 5 or day - WARM_UP_FROM < timedelta(days=2) or day == DAY
    return day.weekday() < 5


def evening(log: Log, person: Person, day: date) -> None:
    """Phone and laptop; everybody uses both in the first two days, so that neither is new later."""
    first = day - WARM_UP_FROM < timedelta(days=2)
    dice = person.dice(day, "evening")
    if first or dice.random() < 0.3:
        phone_evening(log, person, day)
    if person.role in {"physician", "it_admin", "manager"} and (first or dice.random() < 0.2):
        home_evening(log, person, day)


def ordinary(log: Log, person: Person, day: date) -> None:
    """One ordinary day of one person."""
    if not works(person, day):
        return
    if person.name == NIGHT_NURSE:
        night_shift(log, person, day)
        return
    if person.name in KIOSK_NURSES:
        kiosk_day(log, person, day)
    else:
        desk_day(log, person, day)
    evening(log, person, day)
