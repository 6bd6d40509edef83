"""What happens to somebody in any month: expired passwords, new phones and machines, leave, help, emergencies."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from bench.quality import places
from bench.quality.log import DAYS, HOUR, MINUTE, MONTH_FROM, Log, clock, month, spread
from bench.quality.ordinary import desk_session, sign_in, works
from bench.quality.staff import CHROME, FIREFOX, PHONE_APP, Person

SCANNER = "MailArchiver/3.1"


def occasions(log: Log, staff: list[Person]) -> None:
    """Write all of them."""
    admins = [one for one in staff if one.role == "it_admin"]
    humans = [one for one in staff if one.cohort != "machine"]
    expired_passwords(log, humans, admins)
    new_things(log, humans, admins)
    leaves(log, humans, admins)
    administration(log, humans, admins)
    emergencies(log, humans)
    exports(log, humans)


def some_day(person: Person, dice: random.Random, since: int = 0) -> date | None:
    """A day on which the person works, at random; None where a dozen tries find none."""
    days = month()
    for _ in range(12):
        day = days[dice.randrange(since, len(days))]
        if works(person, day):
            return day
    return None


def begin_of(person: Person, day: date, dice: random.Random) -> datetime:
    """Some time in the middle of the person's ordinary hours."""
    return clock(person.zone, day, 9, 360 * dice.random())


def expired_passwords(log: Log, humans: Sequence[Person], admins: Sequence[Person]) -> None:
    """A third of the passwords expire in a month: the old one is typed, the phone goes on with it for a while."""
    dice = log.dice("expiry")
    for person in dice.sample(humans, len(humans) // 3):
        day = some_day(person, dice)
        if day is None:
            continue
        at = begin_of(person, day, dice)
        session = desk_session(log, person, day, person.house(day))
        for _ in range(dice.randrange(0, 4)):
            session.mistyped(at, "password_expired")
            at += timedelta(seconds=10 + 30 * dice.random())
        session.add(at, "credential_change", action="change_password", target=person.user)
        session.login(at + MINUTE, auth_method="password")
        if "phone_mail" in person.habits:
            stale_phone(log, person, at + 5 * MINUTE, dice)
        if dice.random() < 0.08:  # forgets the new one over night
            forgotten(log, person, at + 21 * HOUR, admins, dice)


def stale_phone(log: Log, person: Person, at: datetime, dice: random.Random) -> None:
    """The phone tries the old password until its owner types the new one; some programs know no patience."""
    session = log.session(
        person.user,
        person.role,
        person.on_the_road(at.hour),
        person.now(person.phone, at.date()),
        person.agent(PHONE_APP, at.date()),
    )
    every_s = dice.choice((900, 900, 600, 300, 120, 45))
    for _ in range(dice.randrange(2, 14)):
        session.mistyped(at, "invalid_password", interactive=False)
        at += timedelta(seconds=every_s * (0.9 + 0.2 * dice.random()))


def forgotten(log: Log, person: Person, at: datetime, admins: Sequence[Person], dice: random.Random) -> None:
    """Five wrong ones, locked, a call to the help desk, a new password."""
    session = desk_session(log, person, at.date(), person.house(at.date()))
    for _ in range(5):
        session.mistyped(at)
        at += timedelta(seconds=12 + 20 * dice.random())
    session.add(at, "lockout", action="locked", outcome="failure", reason="too_many_failures")
    at += timedelta(minutes=4 + 10 * dice.random())
    admin = dice.choice(admins)
    helper = desk_session(log, admin, at.date(), admin.house(at.date()))
    helper.add(at, "credential_change", action="reset_password", target=person.user)
    session.add(at + 2 * MINUTE, "credential_change", action="change_password", target=person.user)
    session.login(at + 3 * MINUTE, auth_method="password")


def new_things(log: Log, humans: Sequence[Person], admins: Sequence[Person]) -> None:
    """A phone lives for three years, a desk's machine for five; some borrow a machine at a friend's."""
    dice = log.dice("new things")
    for person in dice.sample(humans, len(humans) // 34):
        new_phone(log, person, admins, dice)
    for person in dice.sample([one for one in humans if one.cohort == "desk"], len(humans) // 120):
        lost_phone(log, person, admins, dice)
    for person in dice.sample([one for one in humans if one.cohort == "desk"], len(humans) // 50):
        day = some_day(person, dice, 3)
        if day is not None:
            person.replaced[person.desk] = day
    for person in dice.sample(humans, max(1, len(humans) // 110)):  # a new laptop or tablet at home
        at = clock(person.zone, month()[dice.randrange(DAYS)], 19, 120 * dice.random())
        session = log.session(
            person.user,
            person.role,
            person.at_home(at.date()),
            f"laptop-{person.number}-b",
            person.agent(FIREFOX, at.date()),
        )
        sign_in(session, person, at, second_factor=True)
    for person in dice.sample(humans, max(1, len(humans) // 150)):  # at a friend's, on a friend's machine
        at = clock(person.zone, month()[dice.randrange(DAYS)], 20, 120 * dice.random())
        spot = places.spot(
            places.numbered(15, person.number),
            places.PORTO if person.site == "lisbon" else places.ROTTERDAM,
            places.CABLE,
            30,
        )
        session = log.session(
            person.user, person.role, spot, f"pc-of-a-friend-{person.number}", person.agent(CHROME, at.date())
        )
        sign_in(session, person, at, second_factor=True)
        session.end(at + 20 * MINUTE)


def new_phone(log: Log, person: Person, admins: Sequence[Person], dice: random.Random) -> None:
    """The new phone is paired: most confirm it with the old one, some need the help desk to reset their factor."""
    day = some_day(person, dice)
    if day is None:
        return
    at = begin_of(person, day, dice) if dice.random() < 0.5 else clock(person.zone, day, 19, 100 * dice.random())
    inside = at < clock(person.zone, day, 18)
    spot = person.house(day) if inside else person.at_home(day)
    session = log.session(
        person.user, person.role, spot, person.desk if inside else person.laptop, person.agent(person.laptop_agent, day)
    )
    if dice.random() < 0.35:
        admin = dice.choice(admins)
        helper = desk_session(log, admin, day, admin.house(day))
        helper.add(at - 6 * MINUTE, "credential_change", action="reset_mfa", target=person.user)
    else:
        sign_in(session, person, at - 2 * MINUTE, second_factor=True)
    person.replaced[person.phone] = day + timedelta(days=1)
    phone = f"{person.phone}-b"
    session.add(at, "device_enrolled", action="pair_phone", target=person.user, device=phone)
    session.push(at + MINUTE, phone, "approved")
    session.login(at + 2 * MINUTE, mfa=True)


def lost_phone(log: Log, person: Person, admins: Sequence[Person], dice: random.Random) -> None:
    """A phone is lost and found again: the help desk ends all sessions, and the person signs in anew."""
    day = some_day(person, dice)
    if day is None:
        return
    at = begin_of(person, day, dice)
    session = desk_session(log, person, day, person.house(day))
    session.login(at - 30 * MINUTE, auth_method="password")
    helper = desk_session(log, dice.choice(admins), day, admins[0].house(day))
    session.add(at, "revoked", action="revoke_session", interactive=False)
    helper.add(at, "credential_change", action="revoke_sessions", target=person.user)
    session.refresh(at + 20 * timedelta(seconds=1), outcome="failure", reason="session_revoked")
    again = desk_session(log, person, day, person.house(day))
    again.login(at + 3 * MINUTE, auth_method="password")


def leaves(log: Log, humans: Sequence[Person], admins: Sequence[Person]) -> None:
    """Some are away for most of the month, some come back after half a year; both begin with a forgotten password."""
    dice = log.dice("leave")
    days = month()
    wards = [one for one in humans if one.cohort in {"ward", "desk", "bench"} and not one.away]
    chosen = dice.sample(wards, max(3, len(humans) // 40))
    for n, person in enumerate(chosen):
        back = days[16 + dice.randrange(12)]
        person.away |= {day for day in days if day < back and (n % 3 == 0 or day >= days[3])}
        if n % 3 == 0:  # parental leave: the log of last year has a little of them
            for week in range(8):
                earlier = MONTH_FROM - timedelta(days=150 + week)
                old = desk_session(log, person, earlier, person.house(earlier))
                old.login(clock(person.zone, earlier, 8, 40), auth_method="password")
                old.end(clock(person.zone, earlier, 16, 40))
        at = clock(person.zone, back, 8, 20 * dice.random())
        if dice.random() < 0.5:
            forgotten(log, person, at, admins, dice)
        else:
            session = desk_session(log, person, back, person.house(back))
            sign_in(session, person, at, second_factor=True)


def administration(log: Log, humans: Sequence[Person], admins: Sequence[Person]) -> None:
    """Roles given and taken, factors and passwords reset for others, accounts made, policies changed in the window."""
    dice = log.dice("administration")
    for day in month():
        if day.weekday() > 4:
            continue
        for admin in dice.sample(list(admins), min(3, len(admins))):
            if not works(admin, day):
                continue
            session = desk_session(log, admin, day, admin.house(day))
            begin = clock(admin.zone, day, 9, 30 * dice.random())
            session.login(begin, mfa=True)
            for at in spread(dice, begin + MINUTE, begin + 6 * HOUR, dice.randrange(2, 7)):
                other = dice.choice(list(humans)).user
                kind, action = dice.choice(
                    (
                        ("privilege_change", "add_role"),
                        ("privilege_change", "remove_role"),
                        ("credential_change", "reset_password"),
                        ("credential_change", "reset_mfa"),
                        ("account_change", "update_account"),
                        ("account_change", "disable_account"),
                    )
                )
                session.add(at, kind, action=action, target=other, role="it_admin")
        if day.weekday() == 1:  # the maintenance window, Tuesday at ten in the evening
            maintenance(log, dice.choice(list(admins)), day, dice)
    for person in humans:
        if person.begins > MONTH_FROM:
            first_day(log, person, dice.choice(list(admins)))


def maintenance(log: Log, admin: Person, day: date, dice: random.Random) -> None:
    """Late, from home through the way in: policies are changed, and once in a while many secrets are renewed."""
    at = clock(admin.zone, day, 22, 20 * dice.random())
    session = log.session(
        admin.user, admin.role, places.WAY_IN[admin.number % 2], admin.laptop, admin.agent(admin.laptop_agent, day)
    )
    at = sign_in(session, admin, at, second_factor=True)
    for n, action in enumerate(("update_password_policy", "update_network_zone", "update_log_retention")):
        session.add(at + (4 + 9 * n) * MINUTE, "policy_change", action=action, target="policy/default")
    for n in range(dice.randrange(3, 12)):
        session.add(
            at + (30 + n) * MINUTE,
            "activity",
            source="vault",
            app="vault",
            action="read_secret",
            resource=f"secret/{n}",
        )
    session.end(at + 55 * MINUTE)


def first_day(log: Log, person: Person, admin: Person) -> None:
    """A new colleague: account, role, phone, and a password of their own."""
    day = person.begins
    at = clock(person.zone, day, 8, 5)
    helper = desk_session(log, admin, day, admin.house(day))
    helper.add(at - 3 * HOUR, "account_change", action="create_account", target=person.user)
    helper.add(at - 3 * HOUR + MINUTE, "privilege_change", action="add_role", target=person.user)
    session = log.session(
        person.user, person.role, person.house(day), f"ward{person.ward:02d}-1", person.agent(CHROME, day)
    )
    session.login(at, auth_method="password")
    session.add(at + 2 * MINUTE, "credential_change", action="change_password", target=person.user)
    session.add(at + 6 * MINUTE, "device_enrolled", action="pair_phone", target=person.user, device=person.phone)
    session.push(at + 7 * MINUTE, person.phone, "approved")


def emergencies(log: Log, humans: Sequence[Person]) -> None:
    """Emergency access, used as it is meant: a patient arrives, nobody of the care team is there."""
    dice = log.dice("emergency")
    carers = [one for one in humans if one.role in {"physician", "nurse"} and one.site == "main"]
    for person in dice.sample(carers, max(2, len(carers) // 16)):
        day = some_day(person, dice)
        if day is None:
            continue
        at = clock(person.zone, day, 9, 300 * dice.random())
        session = log.session(
            person.user, person.role, person.house(day), f"ward{person.ward:02d}-1", person.agent(CHROME, day)
        )
        session.login(at)
        record = dice.randrange(200_000)
        session.add(
            at + MINUTE,
            "emergency_access",
            source="ehr",
            app="ehr",
            action="break_glass",
            resource=f"record/{record:06d}",
            reason="patient unconscious",
        )
        for n in range(4):
            session.open_record(at + (2 + n) * MINUTE, record)
        session.end(at + 9 * MINUTE)


def exports(log: Log, humans: Sequence[Person]) -> None:
    """Clerks export each day and more at the quarter's end; researchers take large extracts by their study's plan."""
    clerks = [one for one in humans if one.role == "billing_clerk"]
    for day in month():
        closing = day in {date(2026, 3, 30), date(2026, 3, 31), date(2026, 4, 1), date(2026, 4, 2)}
        for person in clerks:
            if works(person, day):
                billing(log, person, day, closing=closing)
        for n, person in enumerate(one for one in humans if one.role == "researcher"):
            if works(person, day):
                study(log, person, day, n)


def billing(log: Log, person: Person, day: date, *, closing: bool) -> None:
    """Lists of the day's cases, twice; at the closing of a quarter two to three times as much, and later."""
    dice = log.dice("billing", person.number, day)
    session = desk_session(log, person, day, person.house(day))
    for hour in (10, 15, 18) if closing else (10, 15):
        at = clock(person.zone, day, hour, 30 * dice.random())
        usual = 60 + person.number % 7 * 15
        for _ in range(dice.randrange(3, 6)):
            session.export(at, round(usual * (0.7 + 0.6 * dice.random()) * (1.6 if closing else 1)))
            at += timedelta(minutes=2 + 5 * dice.random())


def study(log: Log, person: Person, day: date, n: int) -> None:
    """Half of the researchers: a nightly or weekly extract of thousands, of much the same size each time."""
    dice = log.dice("study", person.number, day)
    session = desk_session(log, person, day, person.house(day))
    at = clock(person.zone, day, 16, 40 * dice.random())
    if n % 4 == 0:
        session.export(at, round((700 + 90 * n) * (0.9 + 0.2 * dice.random())), kilobytes_each=6)
    elif n % 4 == 1 and day.weekday() == 0:
        for part in range(4):
            session.export(
                at + part * 3 * MINUTE, round((900 + 120 * n) * (0.9 + 0.2 * dice.random())), kilobytes_each=6
            )
