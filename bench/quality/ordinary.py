"""An ordinary day of everybody: wards with shared workstations, desks, benches, homes, phones."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from bench.quality import places
from bench.quality.log import HOUR, MINUTE, Log, Session, clock, spread
from bench.quality.places import Spot
from bench.quality.staff import CHROME, PHONE_APP, Person

SHIFTS = ((7, 15), (15, 23), (23, 31))
"""Early, late and night: the hours by the clock on the wall at which a shift begins and ends."""
SEATS = 4
"""Workstations that a ward's nurses share."""
ROTA_DAYS = 21
EASTER_MONDAY = date(2026, 4, 6)


def shift_of(person: Person, day: date) -> tuple[int, int] | None:
    """The shift that begins on that day: four early, two off, four late, two off, four nights, five off; None: off."""
    n = (day.toordinal() + person.number * 5) % ROTA_DAYS
    for first, shift in zip((0, 6, 12), SHIFTS, strict=True):
        if first <= n < first + 4:
            return shift
    return None


def works(person: Person, day: date) -> bool:
    """Whether the person has work that begins on that day."""
    if day < person.begins or day in person.away:
        return False
    if person.cohort == "ward":
        return shift_of(person, day) is not None
    if person.site == "sydney":
        return (day.toordinal() + person.number) % 7 < 5
    return day.weekday() < 5 and day != EASTER_MONDAY


def ordinary(log: Log, person: Person, day: date) -> None:
    """What the person does on that day."""
    phone_mail(log, person, day)
    if not works(person, day):
        if person.cohort != "machine":
            spare_time(log, person, day)
        return
    {"ward": ward_day, "desk": desk_day, "bench": bench_day, "remote": remote_day}[person.cohort](log, person, day)
    spare_time(log, person, day)


def sign_in(session: Session, person: Person, at: datetime, *, second_factor: bool) -> datetime:
    """Sign in as people do, with a mistyped password or an unanswered push now and then; returns when that was."""
    dice = session.log.dice("sign-in", session.id)
    if dice.random() < 0.045:
        for _ in range(dice.choice((1, 1, 1, 1, 2, 2, 3))):
            session.mistyped(at)
            at += timedelta(seconds=8 + 20 * dice.random())
    if second_factor:
        phone, tries = person.now(person.phone, at.date()), 0
        while dice.random() < 0.03 + 0.3 * (0 < tries < 4):  # no reception: it rarely stays at one
            at = session.push(at, phone, "no_response", after_s=60) + 10 * dice.random() * timedelta(seconds=1)
            tries += 1
        at = session.push(at, phone, "approved", after_s=4 + 12 * dice.random()) + timedelta(seconds=1)
    session.login(at, mfa=second_factor, auth_method="password+push" if second_factor else "password")
    return at


def ward_day(log: Log, person: Person, day: date) -> None:
    """A shift of short turns at the ward's workstations, one user after another, some left unlocked behind."""
    shift = shift_of(person, day)
    if shift is None:
        return
    dice = log.dice("ward", person.number, day)
    begin, end = clock(person.zone, day, shift[0]), clock(person.zone, day, shift[1])
    egress = person.house(day)
    for at in spread(dice, begin - 5 * MINUTE, end - 10 * MINUTE, dice.randrange(5, 9)):
        seat = dice.randrange(SEATS) + 1
        station = f"ward{person.ward:02d}-{seat}" if dice.random() < 0.93 else f"ward{dice.randrange(1, 11):02d}-1"
        session = log.session(person.user, person.role, egress, station, person.agent(CHROME, day))
        inside = places.ward(person.ward, seat)
        if dice.random() < 0.02:
            session.mistyped(at - timedelta(seconds=9))
        session.login(at)
        for turn in range(dice.randrange(1, 4)):
            after = at + timedelta(seconds=40 + 100 * turn + dice.randrange(60))
            session.open_record(after, dice.randrange(200_000), spot=inside, workstation=station)
        leaves = dice.random()
        if leaves < 0.65:
            session.end(at + timedelta(seconds=400 + dice.randrange(200)))
        elif leaves < 0.9:
            session.expire(at + 20 * MINUTE)


def bench_day(log: Log, person: Person, day: date) -> None:
    """Laboratory and imaging: half days at one of the stations of the group, with small exports of series."""
    dice = log.dice("bench", person.number, day)
    evening = (day.toordinal() // 7 + person.number) % 4 == 0
    first = 14 if evening else 7
    for hour in (first, first + 4):
        begin = clock(person.zone, day, hour, 60 * dice.random())
        station = f"lab{person.ward:02d}-{dice.randrange(3)}"
        session = log.session(person.user, person.role, person.house(day), station, person.agent(CHROME, day))
        session.login(begin)
        for at in spread(dice, begin + MINUTE, begin + 200 * MINUTE, dice.randrange(4, 8)):
            session.open_record(at, dice.randrange(200_000))
        if dice.random() < 0.7:
            session.export(begin + 100 * MINUTE, dice.randrange(1, 25), kilobytes_each=900)
        session.end(begin + 215 * MINUTE)


def desk_session(log: Log, person: Person, day: date, spot: Spot) -> Session:
    """A session at the person's own desk; some desks have no device id, only a browser. Who has none works at home."""
    if person.cohort == "remote":
        agent = person.agent(person.laptop_agent, day)
        return log.session(person.user, person.role, person.at_home(day), person.laptop, agent)
    device = "" if "nameless_device" in person.habits else person.now(person.desk, day)
    return log.session(person.user, person.role, spot, device, person.agent(person.desk_agent, day))


def desk_day(log: Log, person: Person, day: date) -> None:
    """A day at the person's own desk; one day in five of those who may is worked at home."""
    dice = log.dice("desk", person.number, day)
    if "works_at_home" in person.habits and dice.random() < 0.22:
        home_work(log, person, day, 8, 17, dice.randrange(8, 14))
        return
    start = 7 if "early_bird" in person.habits else 8
    begin, end = clock(person.zone, day, start, 50 * dice.random()), clock(person.zone, day, 17, 55 * dice.random())
    session = desk_session(log, person, day, person.house(day))
    begin = sign_in(session, person, begin, second_factor=dice.random() < 0.25)
    work(session, person, begin, end, dice.randrange(6, 13))
    if "tablet" in person.habits and dice.random() < 0.5:
        round_with_tablet(log, person, day)
    if dice.random() < 0.65:
        session.end(end)
        if dice.random() < 0.06:  # a window that was still loading, or a program that had not heard
            session.open_record(end + timedelta(seconds=1 + 3 * dice.random()), dice.randrange(200_000))
        if dice.random() < 0.05:
            session.refresh(end + 4 * MINUTE)
    if dice.random() < 0.03:  # letters that cannot wait until tomorrow
        again = desk_session(log, person, day, person.house(day))
        again.login(end + 2 * HOUR, auth_method="password")
        work(again, person, end + 2 * HOUR, end + 3.5 * HOUR, 4)


def work(session: Session, person: Person, begin: datetime, end: datetime, many: int) -> None:
    """Records opened, a few exported, the session renewed each hour, also by servers that keep the calendar."""
    dice = session.log.dice("work", session.id)
    for at in spread(dice, begin + MINUTE, end - MINUTE, many):
        session.open_record(at, dice.randrange(200_000))
    hours = int((end - begin) / HOUR)
    for hour in range(1, hours + 1, 2):
        session.refresh(begin + hour * HOUR)
        if "calendar_service" in person.habits:
            session.refresh(
                begin + hour * HOUR + 20 * MINUTE, spot=places.cloud(hour % 2), device="", user_agent="CalendarSync/4.2"
            )
    if person.role in {"physician", "pharmacist", "manager"} and dice.random() < 0.3:
        session.export(begin + hours / 2 * HOUR, 1 + int(dice.expovariate(0.25)))
    if person.role == "it_admin":
        for at in spread(dice, begin + MINUTE, end, dice.randrange(0, 5)):
            secret = f"secret/{dice.randrange(60):03d}"
            session.add(at, "activity", source="vault", app="vault", action="read_secret", resource=secret)


def round_with_tablet(log: Log, person: Person, day: date) -> None:
    """The round on the ward with a tablet, on the house's own network."""
    dice = log.dice("tablet", person.number, day)
    at = clock(person.zone, day, 10, 40 * dice.random())
    agent = person.phone_agent(day)
    session = log.session(person.user, person.role, person.house(day), f"tablet-{person.number:03d}", agent)
    session.login(at, auth_method="pin")
    for visit in spread(dice, at, at + 50 * MINUTE, 5):
        session.open_record(visit, dice.randrange(200_000))
    session.expire(at + 75 * MINUTE)


def home_work(log: Log, person: Person, day: date, hour: int, until: int, many: int) -> None:
    """Work from home on the laptop, straight or through the house's way in, some through a VPN of their own."""
    dice = log.dice("home", person.number, day, hour)
    begin, end = clock(person.zone, day, hour, 45 * dice.random()), clock(person.zone, day, until, 45 * dice.random())
    session = log.session(
        person.user, person.role, person.at_home(day), person.laptop, person.agent(person.laptop_agent, day)
    )
    begin = sign_in(session, person, begin, second_factor=True)
    if "way_in" in person.habits:
        session.end(begin + 2 * MINUTE)
        session = log.session(person.user, person.role, places.WAY_IN[person.number % 2], person.laptop, session.agent)
        session.login(begin + 3 * MINUTE, mfa=True, auth_method="certificate")
    elif "private_vpn" in person.habits or "private_vpn_unknown" in person.habits:
        session = log.session(person.user, person.role, tunnel_exit(log, person, day), person.laptop, session.agent)
        session.login(begin + 6 * MINUTE, mfa=True)
    work(session, person, begin + 10 * MINUTE, end, many)
    if dice.random() < 0.5:
        session.end(end)


def tunnel_exit(log: Log, person: Person, day: date) -> Spot:
    """The exit of a private VPN: mostly the same one for weeks, and then another country's for a day."""
    dice = log.dice("tunnel", person.number, day)
    n = person.number % 5 if dice.random() < 0.9 else dice.randrange(5)
    known = "private_vpn" in person.habits
    return places.spot(
        places.numbered(80 + known, n * 20 + dice.randrange(6)),
        places.TUNNEL_EXITS[n],
        places.TUNNEL if known else places.TUNNEL_UNKNOWN,
    )


def remote_day(log: Log, person: Person, day: date) -> None:
    """People who only work from home: transcriptionists, and radiologists in Sydney who read Europe's nights."""
    hour = 8 if person.site == "sydney" else 9
    home_work(log, person, day, hour, hour + 8, log.dice("remote", person.number, day).randrange(14, 24))


def spare_time(log: Log, person: Person, day: date) -> None:
    """What is done out of hours: the rota on the phone, an hour of letters, a call at night."""
    if day < person.begins or day in person.away:
        return
    dice = log.dice("spare", person.number, day)
    if dice.random() < 0.28:
        rota(log, person, day)
    if "works_at_home" in person.habits and dice.random() < 0.18:
        home_work(log, person, day, 20, 21, 4)
    if person.cohort == "desk" and day.weekday() == 5 and dice.random() < 0.04:  # a Saturday morning at the desk
        session = desk_session(log, person, day, person.house(day))
        at = sign_in(session, person, clock(person.zone, day, 10, 90 * dice.random()), second_factor=False)
        work(session, person, at, at + 2 * HOUR, 5)
    if "on_call" in person.habits and (day.toordinal() + person.number) % 6 == 0 and dice.random() < 0.7:
        called_at_night(log, person, day)


def rota(log: Log, person: Person, day: date) -> None:
    """A look at the rota from the phone: on the carrier's network, at home, through a relay."""
    dice = log.dice("rota", person.number, day)
    hour = dice.choice((6, 12, 18, 19, 20, 21, 22))
    if dice.random() < 0.5:
        spot = person.on_the_road(hour)
    elif "relay" in person.habits and person.phone_system == "iOS" and person.site == "main":
        exits = (places.AMSTERDAM, places.AMSTERDAM, places.BRUSSELS)
        n = dice.randrange(3)
        spot = places.spot(places.numbered(90, n * 60 + dice.randrange(50)), exits[n], places.RELAY)
    else:
        spot = person.at_home(day)
    session = log.session(person.user, person.role, spot, person.now(person.phone, day), person.phone_agent(day))
    at = clock(person.zone, day, hour, 60 * dice.random())
    session.login(at, auth_method="passkey", mfa=True)
    session.add(at + MINUTE, "activity", source="rota", app="rota", action="open_rota", resource="rota")
    if dice.random() < 0.3:  # steps out of the door meanwhile
        roaming = person.on_the_road(hour + 1)
        at += 4 * MINUTE
        session.add(at, "activity", source="rota", app="rota", action="open_rota", resource="rota", spot=roaming)
    session.expire(at + 30 * MINUTE)


def called_at_night(log: Log, person: Person, day: date) -> None:
    """On call: woken between eleven and five, looks from the laptop at home, half of them drive in."""
    dice = log.dice("call", person.number, day)
    at = clock(person.zone, day, 23 + dice.randrange(6), 60 * dice.random())
    session = log.session(
        person.user, person.role, person.at_home(day), person.laptop, person.agent(person.laptop_agent, day)
    )
    at = sign_in(session, person, at, second_factor=True)
    for visit in spread(dice, at, at + 20 * MINUTE, 4):
        session.open_record(visit, dice.randrange(200_000))
    if dice.random() < 0.5:
        again = desk_session(log, person, day, person.house(day))
        again.login(at + 50 * MINUTE)
        work(again, person, at + 50 * MINUTE, at + 110 * MINUTE, 4)
        again.end(at + 112 * MINUTE)


def phone_mail(log: Log, person: Person, day: date) -> None:
    """The phone fetches mail in its owner's name, from wherever it is, awake or asleep."""
    if "phone_mail" not in person.habits or person.cohort == "machine" or day < person.begins:
        return
    dice = log.dice("mail", person.number, day)
    device = person.now(person.phone, day)
    session = log.session(person.user, person.role, person.at_home(day), device, person.agent(PHONE_APP, day))
    for hour in (3, 7, 13, 18, 22):
        spot = person.at_home(day) if hour in {3, 22} else person.on_the_road(hour)
        session.refresh(clock(person.zone, day, hour, 60 * dice.random()), spot=spot)
