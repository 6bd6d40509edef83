"""The harmless month: everybody's ordinary days, journeys and occasions, as a collector delivers them."""

from __future__ import annotations

from datetime import timedelta

from bench.quality.journeys import journeys
from bench.quality.log import DAYS, MONTH_FROM, Log, clock, month
from bench.quality.machines import machine_day
from bench.quality.occasions import occasions
from bench.quality.ordinary import ordinary
from bench.quality.staff import AMSTERDAM_TIME, WHOLE, Person, people


def harmless_month(seed: str, *, size: int = WHOLE, days: int = DAYS) -> tuple[Log, list[Person]]:
    """The first `days` of the month of `size` accounts for one seed: the same events each time.

    Journeys and occasions are drawn for the whole month; what lies after `days` is cut off at its end.
    """
    log = Log(seed)
    staff = people(log, size)
    journeys(log, staff)
    occasions(log, staff)
    for day in month()[:days]:
        for person in staff:
            if person.cohort == "machine":
                machine_day(log, person, day)
            else:
                ordinary(log, person, day)
    end = clock(AMSTERDAM_TIME, MONTH_FROM + timedelta(days=days), 0)
    log.events = [event for event in log.events if event.at < end]
    return log, staff
