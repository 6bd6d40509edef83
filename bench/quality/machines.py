"""Service accounts: interfaces, archives, backups and monitors, on many hosts, day and night, without a person."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from bench.quality.log import HOUR, MINUTE, Log, clock
from bench.quality.places import Spot, cloud
from bench.quality.staff import AMSTERDAM_TIME, Person

AGENTS = ("HL7-Engine/6.2", "python-requests/2.32.3", "BackupAgent/11.4", "curl/8.5.0", "Boto3/1.34.69 Python/3.11")


def machine_day(log: Log, account: Person, day: date) -> None:
    """Signs in on its hosts every few hours, reads, and where that is its job exports at night."""
    job = account.number % 7
    dice = log.dice("machine", account.number, day)
    hosts = 2 + account.number % 5 * 4
    midnight = clock(AMSTERDAM_TIME, day, 0)
    for turn in range(8):
        host = dice.randrange(hosts)
        at = midnight + turn * 3 * HOUR + dice.random() * HOUR
        spot = cloud(account.number) if job == 3 else Spot(f"10.60.{account.number % 200}.{host + 1}", None)
        session = log.session(account.user, "service", spot, f"srv-{account.number}-{host}", AGENTS[job % 5])
        session.add(at, "login", action="sign_in", auth_method="client_secret", interactive=False)
        session.add(
            at + MINUTE, "activity", action="read_queue", source="interfaces", resource="queue/adt", interactive=False
        )
    if job == 1:  # the nightly load of the warehouse
        session = log.session(account.user, "service", Spot("10.60.0.9", None), "srv-etl", AGENTS[2])
        session.export(midnight + 2 * HOUR, 40_000 + dice.randrange(4_000), kilobytes_each=2, interactive=False)
    if job == 2:
        for n in range(6):
            session = log.session(account.user, "service", Spot("10.60.0.11", None), "srv-apps", AGENTS[1])
            at = midnight + timedelta(hours=4, seconds=20 * n)
            session.add(at, "activity", source="vault", action="read_secret", resource=f"secret/{n}", interactive=False)
    if job == 5:
        cloud_role(log, account, day)
    if job == 4 and day == date(2026, 3, 24):
        stale_secret(log, account, midnight + 5 * HOUR)


def cloud_role(log: Log, account: Person, day: date) -> None:
    """A machine in the cloud under its role: several programs, one gateway, and another session each day."""
    dice = log.dice("role", account.number, day)
    session = log.session(account.user, "AssumedRole", cloud(account.number), "", AGENTS[4])
    session.id = f"role/i-{account.number:03d}{day:%m%d}"
    midnight = clock(AMSTERDAM_TIME, day, 0)
    for hour in range(0, 24, 2):
        at = midnight + hour * HOUR + dice.random() * HOUR
        agent = AGENTS[4] if dice.random() < 0.7 else "aws-sdk-go/1.41.4 amazon-ssm-agent/3.2"
        session.add(at, "activity", action="PutObject", source="cloud", interactive=False, user_agent=agent)


def stale_secret(log: Log, account: Person, at: datetime) -> None:
    """Its secret was renewed and one host was forgotten: every two minutes for a morning, until somebody looks."""
    session = log.session(account.user, "service", Spot("10.60.0.14", None), "srv-old", AGENTS[1])
    for n in range(100):
        session.mistyped(at + n * 2 * MINUTE, "invalid_client_secret", interactive=False)
