"""What is done once inside, by thieves and by insiders: data, secrets, rights, factors, traces, old accounts."""

from __future__ import annotations

from datetime import timedelta

from bench.quality import places
from bench.quality.attacks.scene import (
    ABROAD,
    BUCHAREST,
    LAGOS,
    LINUX,
    PROXIES,
    RENTED,
    TORONTO,
    WINDOWS,
    Attack,
    Scene,
    administrator,
    at,
    at_desk,
    later,
    nurse,
    office_worker,
)
from bench.quality.log import HOUR, MINUTE, SECOND
from bench.quality.ordinary import EASTER_MONDAY, desk_session
from bench.quality.staff import CHROME


def export(scene: Scene) -> list[Attack]:
    """Records taken in one go, as images, beyond one's own habit, and in small portions."""
    found = []
    for fits, portion, times, every_s, kilobytes, hour, story in scene.rows(
        (
            (nurse, 2_000, 3, 60, 24, 2, "6,000 records in three minutes."),
            (at_desk, 40, 60, 15, 24, 13, "2,400 records in sixty portions."),
            (office_worker, 1_150, 1, 60, 24, 17, "1,150 records at once: little over the limit for everybody."),
            (lambda one: one.cohort == "bench", 30, 12, 90, 25_000, 20, "360 examinations with their images, 9 GB."),
            (lambda one: one.role == "physician" and at_desk(one), 45, 10, 100, 24, 12, "450 records by a physician."),
            (lambda one: one.role == "pharmacist", 25, 14, 120, 24, 16, "350 records by a pharmacist."),
            (
                lambda one: one.role == "billing_clerk",
                500,
                5,
                200,
                24,
                14,
                "2,500 records by a clerk, twenty hours' worth.",
            ),
            (lambda one: one.role == "researcher", 9_000, 3, 120, 6, 15, "27,000 records by a researcher."),
            (office_worker, 130, 16, 1800, 24, 8, "2,080 records in portions over a working day: low and slow."),
        )
    ):
        day = scene.day(0.6)
        person = scene.victim(day, fits)
        begin = at(day, hour, 5)
        session = desk_session(scene.log, person, day, person.house(day))
        session.login(begin - MINUTE, auth_method="password")
        for n in range(times):
            session.export(begin + n * every_s * SECOND, portion, kilobytes_each=kilobytes)
        found.append(scene.attack("mass_export", story, person, begin, begin + times * every_s * SECOND))
    return found


def secrets(scene: Scene) -> list[Attack]:
    """The vault read from end to end, or emptied."""
    found = []
    for family, action, many, every_s, story in scene.rows(
        (
            ("mass_read_secrets", "read_secret", 200, 2, "200 secrets in seven minutes."),
            ("mass_read_secrets", "GetSecretValue", 60, 8, "60 secrets in eight minutes."),
            ("mass_read_secrets", "read_secret", 36, 15, "36 secrets in nine minutes: little over the limit."),
            ("mass_read_secrets", "read_secret", 90, 60, "90 secrets, one a minute: low and slow."),
            ("mass_delete_secrets", "delete_secret", 60, 3, "60 secrets deleted in three minutes."),
            ("mass_delete_secrets", "ScheduleKeyDeletion", 20, 20, "20 keys scheduled for deletion in seven minutes."),
            (
                "mass_delete_secrets",
                "delete_secret",
                16,
                32,
                "16 secrets deleted in nine minutes: little over the limit.",
            ),
        )
    ):
        day = scene.day()
        person = scene.victim(day, lambda one: one.role in {"manager", "researcher"})
        begin = at(day, 13, 11)
        session = desk_session(scene.log, person, day, person.house(day))
        session.login(begin - 2 * MINUTE, mfa=True)
        for n in range(many):
            session.add(
                begin + n * every_s * SECOND,
                "activity",
                source="vault",
                app="vault",
                action=action,
                resource=f"secret/{n}",
            )
        found.append(scene.attack(family, story, person, begin, begin + many * every_s * SECOND))
    return found


def privilege_then_export(scene: Scene) -> list[Attack]:
    """Rights taken or given, and soon after data that those rights open."""
    found = []
    for own, wait_m, records, action, story in scene.rows(
        (
            (True, 5, 900, "add_role", "Gives himself a role; 900 records five minutes later."),
            (True, 50, 300, "Add member to role.", "Gives himself a role; 300 records within the hour."),
            (False, 20, 500, "add_role", "Given a role by a stolen administrator; 500 records after twenty minutes."),
            (False, 100, 400, "add_to_group", "Given a role; 400 records after a hundred minutes."),
        )
    ):
        day = scene.day()
        person = scene.victim(day, office_worker)
        begin = at(day, 12, 25)
        if own:
            giver = desk_session(scene.log, person, day, person.house(day))
        else:
            admin = scene.victim(day, administrator)
            giver = desk_session(scene.log, admin, day, admin.house(day))
        giver.add(begin, "privilege_change", action=action, target=person.user)
        session = desk_session(scene.log, person, day, person.house(day))
        session.login(begin + (wait_m - 2) * MINUTE, auth_method="password")
        session.export(begin + wait_m * MINUTE, records)
        session.export(begin + (wait_m + 4) * MINUTE, records // 3)
        subjects = frozenset({person.user})
        story_end = begin + (wait_m + 4) * MINUTE
        found.append(Attack("privilege_then_export", story, subjects, subjects | {giver.user}, begin, story_end))
    return found


def factor(scene: Scene) -> list[Attack]:
    """The second factor is taken away or another one enrolled, and then the account is used from elsewhere."""
    found = []
    for by_admin, enrols, wait_m, where, story in scene.rows(
        (
            (
                True,
                True,
                4,
                (BUCHAREST, RENTED),
                "Help desk talked into a reset; a phone enrolled; in from a rented machine.",
            ),
            (True, False, 12, (LAGOS, ABROAD), "Factor reset by a stolen administrator; in without one."),
            (False, True, 3, (places.ROTTERDAM, PROXIES), "A second phone enrolled from a stolen session."),
            (True, True, 45, (TORONTO, RENTED), "Reset before lunch, used after it."),
            (
                False,
                False,
                8,
                (places.UTRECHT, PROXIES),
                "Factor removed by the account itself, in from a home nearby.",
            ),
        )
    ):
        day = scene.day()
        person = scene.victim(day, at_desk)
        begin = at(day, 12, 40)
        thief = scene.thief(person, scene.hostile(*where), WINDOWS)
        if by_admin:
            admin = scene.victim(day, administrator)
            helper = desk_session(scene.log, admin, day, admin.house(day))
            helper.add(begin, "credential_change", action="reset_mfa", target=person.user)
        elif not enrols:
            thief.add(begin, "credential_change", action="remove_mfa", target=person.user)
        moment = begin + wait_m * MINUTE
        if enrols:
            phone = f"phone-{scene.machines:04x}q"
            thief.add(moment, "device_enrolled", action="pair_phone", target=person.user, device=phone)
            thief.push(moment + 30 * SECOND, phone, "approved")
            moment += MINUTE
        thief.login(moment, mfa=enrols, auth_method="password")
        thief.open_record(moment + MINUTE, 33)
        found.append(scene.attack("factor_changed", story, person, begin, moment + MINUTE))
    return found


def traces(scene: Scene) -> list[Attack]:
    """The log is switched off before the deed."""
    found = []
    for action, source, story in scene.rows(
        (
            ("StopLogging", "cloudtrail", "The cloud's trail is stopped."),
            ("DeleteTrail", "cloudtrail", "The cloud's trail is deleted."),
            ("Set-AdminAuditLogConfig", "m365", "The office suite's audit log is switched off."),
            ("DeleteFlowLogs", "cloudtrail", "The record of network flows is deleted."),
        )
    ):
        day = scene.day()
        person = scene.victim(day, administrator)
        begin = at(day, 15, 20)
        session = desk_session(scene.log, person, day, person.house(day))
        session.login(begin - 3 * MINUTE, mfa=True)
        said = {"UnifiedAuditLogIngestionEnabled": "False"} if source == "m365" else {}
        session.add(begin, "policy_change", action=action, source=source, target="audit", attributes=said)
        found.append(scene.attack("audit_off", story, person, begin, later(begin, minutes=1)))
    return found


def odd_hours(scene: Scene) -> list[Attack]:
    """Somebody who keeps office hours, at three in the morning or on a Sunday, at their own desk."""
    found = []
    for hour, weekday, story in scene.rows(
        (
            (3, None, "Three in the morning."),
            (1, None, "One in the morning."),
            (14, 6, "A Sunday afternoon."),
            (23, 5, "A Saturday, an hour before midnight."),
        )
    ):
        days = [day for day in scene.days[int(len(scene.days) * 0.6) :] if weekday is None or day.weekday() == weekday]
        while (day := scene.dice.choice(days)) == EASTER_MONDAY:
            continue  # nobody who could be the victim works on that day
        person = scene.victim(day, lambda one: office_worker(one) and not one.away, at_work=day.weekday() < 5)
        begin = at(day, hour, 14)
        session = desk_session(scene.log, person, day, person.house(day))
        session.login(begin, auth_method="password")
        for n in range(6):
            session.open_record(begin + n * 3 * MINUTE, 200 + n)
        found.append(scene.attack("unusual_hours", story, person, begin, begin + 18 * MINUTE))
    return found


def dormant(scene: Scene) -> list[Attack]:
    """Accounts of people who left, and were forgotten."""
    found = []
    for silent_days, city, provider, story in scene.rows(
        (
            (200, BUCHAREST, RENTED, "Silent for 200 days, then from a rented machine."),
            (120, LAGOS, ABROAD, "Silent for 120 days, then from abroad."),
            (95, places.ROTTERDAM, PROXIES, "Silent for 95 days, then from a home in the country."),
            (150, places.UTRECHT, places.HOUSE, "Silent for 150 days, then inside the house, on a ward's workstation."),
        )
    ):
        day = scene.day()
        scene.machines += 1
        user = f"former{scene.machines:03d}@elders.example"
        for n in range(24):
            past = at(day - timedelta(days=silent_days + 40 - n % 20 * 2), 8 + n // 20, 12)
            old = scene.log.session(
                user, "secretary", places.MAIN_HOUSE[0], f"pc-old-{scene.machines}", CHROME.format(120)
            )
            old.login(past, auth_method="password")
            old.end(past + 6 * HOUR)
        begin = at(day, 17, 50)
        inside = provider is places.HOUSE
        where = places.MAIN_HOUSE[1] if inside else scene.hostile(city, provider)
        session = scene.log.session(user, "secretary", where, "ward02-1" if inside else "desktop-0ld", LINUX)
        session.login(begin, auth_method="password")
        session.open_record(later(begin, minutes=2), 222)
        subjects = frozenset({user})
        found.append(Attack("dormant_account", story, subjects, subjects, begin, later(begin, minutes=2)))
    return found


def emergency(scene: Scene) -> list[Attack]:
    """Emergency access to records that are no emergency: a neighbour's, a celebrity's, a former partner's."""
    found = []
    for many, story in scene.rows(
        ((1, "A neighbour's record."), (6, "Six records of one family."), (25, "25 records of a film crew."))
    ):
        day = scene.day()
        person = scene.victim(day, lambda one: one.role in {"nurse", "physician"} and one.site == "main")
        begin = at(day, 16, 35)
        session = desk_session(scene.log, person, day, person.house(day))
        session.login(begin - MINUTE, auth_method="password")
        for n in range(many):
            resource = f"record/{5_000 + n:06d}"
            session.add(
                begin + n * MINUTE, "emergency_access", source="ehr", app="ehr", action="break_glass", resource=resource
            )
        found.append(scene.attack("emergency_access", story, person, begin, begin + many * MINUTE))
    return found


def shared(scene: Scene) -> list[Attack]:
    """An account that is passed around: its password hangs on a wall, or was sold to a ring."""
    found = []
    for devices, hours, inside, story in scene.rows(
        (
            (20, 6, True, "20 machines of the house within six hours."),
            (14, 10, True, "14 machines of the house within ten hours."),
            (12, 8, False, "12 machines at 12 homes within eight hours."),
            (10, 20, False, "10 machines at 10 homes within twenty hours."),
        )
    ):
        day = scene.day()
        person = scene.victim(day, office_worker)
        begin = at(day, 7, 30)
        for n in range(devices):
            city = places.PLACES_OF_HOMES[n % 6]
            where = person.house(day) if inside else scene.hostile(city, places.Provider(64620 + n, f"Home Net {n}"))
            device = f"pc-{700 + n}" if inside else None
            session = scene.thief(person, where, WINDOWS, device)
            moment = begin + n * hours / devices * HOUR
            session.login(moment, auth_method="password")
            session.open_record(moment + MINUTE, 300 + n)
            session.end(moment + 9 * MINUTE)
        found.append(scene.attack("shared_account", story, person, begin, begin + hours * HOUR))
    return found


def after_the_end(scene: Scene) -> list[Attack]:
    """A session goes on after its person has signed out, or after it was ended for them: a copied token lives on."""
    found = []
    for kind, wait_m, where, story in scene.rows(
        (
            ("logout", 25, (BUCHAREST, RENTED), "Signed out; the session goes on from a rented machine."),
            ("revoked", 10, (LAGOS, ABROAD), "Ended by an administrator; the session goes on from abroad."),
            ("logout", 180, (places.UTRECHT, PROXIES), "Signed out; three hours later it goes on from a home."),
        )
    ):
        day = scene.day()
        person = scene.victim(day, at_desk)
        begin = at(day, 9, 5)
        session = desk_session(scene.log, person, day, person.house(day))
        session.login(begin, auth_method="password")
        session.open_record(begin + 5 * MINUTE, 400)
        session.add(begin + 20 * MINUTE, kind, action="sign_out" if kind == "logout" else "revoke_session")
        spot = scene.hostile(*where)
        for n in range(3):
            moment = begin + (20 + wait_m + n) * MINUTE
            session.open_record(moment, 401 + n, spot=spot, device="desktop-a1", user_agent=WINDOWS)
        found.append(scene.attack("session_after_its_end", story, person, begin, begin + (23 + wait_m) * MINUTE))
    return found
