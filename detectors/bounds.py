"""Of whom a detector will surely say nothing, told from many events at once: sound, and not always able to tell.

Each function stands for one detector and knows how that judges; `tests/property/test_quiet.py` holds them together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.columns import Bounds, Columns, Floats, Ints, Mask, changes, held, spread_out
from detectors.fixes import KM_PER_DEGREE_MAX, RADIUS_UNSTATED_KM
from models.instants import DAY_US, NEVER_US, span_us
from models.places import NetworkClass

if TYPE_CHECKING:
    from detectors.concurrent_sessions import ConcurrentParams
    from detectors.device_params import DeviceParams
    from detectors.geo_velocity import PathParams
    from detectors.impossible_travel import TravelParams
    from detectors.mass_export import ExportParams
    from detectors.mfa_fatigue import FatigueParams
    from detectors.new_value import NewValueParams
    from detectors.sequence import SequenceParams
    from detectors.session_policy import PolicyParams
    from detectors.threshold import ThresholdParams
    from detectors.unusual_hours import HoursParams

CLASS: Final = "place.network_class"
UNPLACEABLE: Final[Mapping[NetworkClass, str]] = {
    "private": "private_address",
    "loopback": "private_address",
    "anycast": "anycast",
}
"""Network classes whose addresses are nowhere, or everywhere, and the reason that is counted for each."""
MARGIN_KM: Final = 0.01
"""What rounding may do to a sum of degrees."""
_EVER_US: Final = 1 << 60
"""A span longer than any log, in microseconds."""
DEVICES_MAX: Final = 32
"""Different devices and agents of a subject, together, up to which `device_change` surely keeps all it knows."""
VALUES_MAX: Final = 8
"""Different values of a subject up to which `sequence` surely keeps all that its first steps had."""


def _none(mask: Mask) -> Mask:
    return np.zeros(len(mask), np.bool_)


def _in_classes(events: Columns, classes: Iterable[str]) -> Mask:
    found: Mask = np.isin(events.text(CLASS), [hash(name) for name in classes])
    return found


def _unfit(events: Columns, radius_max_km: float, ignored: Iterable[NetworkClass]) -> Mask:
    """Events whose place may be no evidence."""
    known = np.isfinite(events.number("latitude")) & np.isfinite(events.number("longitude"))
    odd = _in_classes(events, {*UNPLACEABLE, *ignored})
    unfit: Mask = ~known | odd | (events.number("radius_km") > radius_max_km)
    return unfit


def _together(events: Columns, distance_km: float) -> Mask:
    """Events of subjects whose places are all surely within a distance of each other, less their radii."""
    radius: Floats = events.number("radius_km")
    radius = np.where(radius == 0, RADIUS_UNSTATED_KM, radius)
    reach = distance_km + 2 * events.least(radius) - MARGIN_KM
    near: Mask = np.less_equal(events.spread_degrees() * KM_PER_DEGREE_MAX, reach)
    return near


def of_travel(params: TravelParams, events: Columns) -> Bounds:
    """Quiet: every place is known, and they are all too near each other."""
    events_in = events.chosen(events.selected)
    ignored = [name for name, effect in params.network_classes.items() if effect == "ignore"]
    unfit = _unfit(events_in, params.radius_max_km, ignored)
    loud = unfit | ~_together(events_in, params.distance_min_km)
    return Bounds(_spread(events, loud))


def of_path(params: PathParams, events: Columns) -> Bounds:
    """Quiet: every place is known, and they are one spot or of too few countries."""
    events_in = events.chosen(events.selected)
    unfit = _unfit(events_in, params.radius_max_km, params.ignored_classes)
    few = events_in.different(events_in.text("place.country")) < params.countries_min
    return Bounds(_spread(events, unfit | ~(few | _together(events_in, 0))))


def _spread(events: Columns, loud: Mask) -> Mask:
    """`loud` of the selected events as a mask of all."""
    mask = _none(events.selected)
    mask[np.flatnonzero(events.selected)[loud]] = True
    return mask


def of_concurrent(params: ConcurrentParams, events: Columns) -> Bounds | None:
    """Quiet: every selected event has a session, and in all there are too few devices or sessions."""
    agents = np.where(events.text("device") != 0, events.text("device"), events.text("user_agent"))
    most = {"devices": events.different(agents), "sessions": events.different(events.text("session"))}
    under = [most[name] < limit for name, limit in params.at_least.items() if name in most]
    if not under or (params.needs == "any" and len(under) < len(params.at_least)):
        return None
    quiet = np.logical_and.reduce(under) if params.needs == "any" else np.logical_or.reduce(under)
    return Bounds(events.selected & ((events.text("session") == 0) | ~quiet))


def _late_firsts(events: Columns, value: Ints, learn_min_events: int, learn_for_us: int) -> Mask:
    """Events in which a subject has a value for the first time, when learning may be over."""
    learned = events.tie - events.start
    over = (learned >= learn_min_events) | (events.since_us >= learn_for_us)
    return events.first_seen(value) & over & (events.row > events.start)


def of_device(params: DeviceParams, events: Columns) -> Bounds | None:
    """Quiet: the source names every device, and it is the session's one, or came while learning.

    Where a place would be evidence, the session's one device takes it away.
    """
    if params.needs not in {"device", "device_and_network"}:
        return None
    events_in = events.chosen(events.selected)
    device, session = events_in.text("device"), events_in.text("session")
    if params.scope == "session":
        changed = _other_devices(events_in, session, device)
        return Bounds(_spread(events, (session == 0) | (device == 0) | changed))
    missing = (device == 0) | (events_in.text("network") == 0)
    late = _late_firsts(events_in, device, params.learn_min_events, span_us(params.learn_for))
    names = events_in.different(device) + events_in.different(events_in.text("user_agent"))
    long = events_in.since_us >= span_us(params.forget_after)
    return Bounds(_spread(events, missing | late | (names > DEVICES_MAX) | long))


def _other_devices(events: Columns, session: Ints, device: Ints) -> Mask:
    """Events on another device than the one before in the same session of the same subject."""
    order = np.lexsort((session, events.subject))
    begins = changes(events.subject[order], session[order])
    moves = changes(events.subject[order], session[order], device[order])
    mask = _none(events.selected)
    mask[order[moves & ~begins]] = True
    return mask


def of_new_value(params: NewValueParams, events: Columns) -> Bounds | None:
    """Quiet: every value came while learning; one field, as the source writes it."""
    field = params.fields[0]
    if len(params.fields) > 1 or params.normalise or not events.has(field):
        return None
    said = events.selected & (events.text(field) != 0)
    events_in = events.chosen(said)
    if params.while_learning == "low":
        late = _late_firsts(events_in, events_in.text(field), 0, 0)
    else:
        late = _late_firsts(events_in, events_in.text(field), params.learn_min_events, span_us(params.learn_for))
    many = events_in.different(events_in.text(field)) > params.known_max
    long = events_in.since_us >= span_us(params.forget_after)
    loud = _none(said)
    loud[np.flatnonzero(said)[late | many | long]] = True
    return Bounds(loud, _missing(events, field, events.selected & ~said))


def _missing(events: Columns, field: str, missing: Mask) -> Mapping[str, Mask]:
    """Why a field says nothing, as `new_value` counts it."""
    if not field.startswith("place."):
        return {f"no_{field.rpartition('.')[2]}": missing}
    found = {"no_place": missing & ~_in_classes(events, UNPLACEABLE)}
    for name, reason in UNPLACEABLE.items():
        found[reason] = found.get(reason, _none(missing)) | (missing & _in_classes(events, [name]))
    return found


def of_threshold(params: ThresholdParams, events: Columns) -> Bounds | None:
    """Quiet: in no window are there as many, or so many different ones in all."""
    window_us = span_us(params.window)
    if params.measure == "sum":
        return Bounds(events.fullest(events.number(params.field), window_us) >= params.at_least)
    if params.cleared_by is not None:
        return _of_cleared(params, events)
    crowded = events.crowded(params.at_least, window_us)
    if params.measure == "count":
        return Bounds(crowded)
    if not events.has(params.field):
        return None
    value = events.text(params.field)
    enough = events.different(value) >= params.at_least
    missing = {f"no_{params.field.rpartition('.')[2]}": value == 0}
    return Bounds(crowded & enough, missing)


def _of_cleared(params: ThresholdParams, events: Columns) -> Bounds | None:
    """As of different values, without what clears them: that takes out of the count and never adds to it."""
    if params.cleared_by is None or not events.has(params.field):
        return None
    counts = ~events.holds(params.cleared_by)
    events_in = events.chosen(counts)
    value = events_in.text(params.field)
    enough = events_in.different(value) >= params.at_least
    loud, missing = _none(counts), counts & (events.text(params.field) == 0)
    loud[np.flatnonzero(counts)[events_in.crowded(params.at_least, span_us(params.window)) & enough]] = True
    return Bounds(loud, {f"no_{params.field.rpartition('.')[2]}": missing})


def of_export(params: ExportParams, events: Columns) -> Bounds:
    """Quiet: in no window does as much leave, also where a habit may count."""
    events_in = events.chosen(events.selected)
    window_us = span_us(params.window)
    heaviest = max([1.0, *params.weights.values()]) + 0.001  # a weight is rounded to thousandths
    objects = events_in.fullest(events_in.number("count"), window_us) * heaviest
    moved = events_in.fullest(events_in.number("bytes"), window_us)
    loud = _none(events_in.selected)
    if params.objects_max is not None:
        loud |= objects >= params.objects_max
    if params.bytes_max is not None:
        loud |= moved >= params.bytes_max
    if params.resources_max is not None:
        loud |= events_in.crowded(params.resources_max, window_us)
    if params.habit_factor is not None:
        # Days with a sign-in that the detector hears may count too.
        days = events.at_us // DAY_US
        habit = events.of_subject(days - days[events.start] >= params.habit_days_min)
        over = (objects >= params.habit_floor_objects) | (moved >= params.habit_floor_bytes)
        loud |= habit[events.selected] & over
    return Bounds(_spread(events, loud))


def of_sequence(params: SequenceParams, events: Columns) -> Bounds | None:
    """Quiet: no last step has as many first steps within the span before it; or all that differs is too new to tell."""
    within_us = span_us(params.within)
    last = events.selected & events.holds(params.third or params.then)
    first = events.selected & events.holds(params.first)
    if not events.has(*params.same):
        return None
    loud = _none(last)
    for name in params.same:
        loud |= last & (events.text(name) == 0)
    if loud.any():  # while nothing was begun, nothing is asked about a last step
        loud &= _preceded(events, first, 1, _EVER_US)
    near = last & _preceded(events, first, params.times, within_us)
    simple = params.times == 1 and len(params.differs) == 1 and not (params.without or params.third or params.same)
    if not simple or not near.any() or bool((first & last).any()):
        return Bounds(loud | near)
    return _different_last(params, events, first, near, loud)


def of_fatigue(params: FatigueParams, events: Columns) -> Bounds:
    """Quiet: in no window are as many pushes sent or denied, or no approval follows so many; any may be unanswered."""
    window_us = span_us(params.window)
    counts = events.holds(params.sent) | events.holds(params.denied)
    if params.then_approved:
        approved = events.holds(params.approved) & ~events.holds(params.denied)
        return Bounds(approved & _preceded(events, counts, params.at_least, window_us))
    loud = _none(counts)
    loud[np.flatnonzero(counts)[events.chosen(counts).crowded(params.at_least, window_us)]] = True
    return Bounds(loud)


def _preceded(events: Columns, first: Mask, times: int, within_us: int) -> Mask:
    """Events that have at least so many first steps of their subject within the span before them, or at their time."""
    rows = np.flatnonzero(first)
    found = np.cumsum(first)[events.tie] - times
    inside = found >= 0
    oldest = rows[np.where(inside, found, 0)] if len(rows) else np.zeros(len(events), np.int64)
    return inside & (oldest >= events.start) & (events.at_us - events.at_us[oldest] < within_us)


def _different_last(params: SequenceParams, events: Columns, first: Mask, near: Mask, loud: Mask) -> Bounds | None:
    """One first step, then a last one that differs in one field, and that must be unfamiliar where there is history."""
    name = params.differs[0]
    if not events.has(name, *params.unfamiliar):
        return None
    value = events.text(name)
    lacking = (first | near) & ((value == 0) | events.tied)
    within_us = span_us(params.within)
    order = np.lexsort((value, events.subject))
    begins = held(changes(events.subject[order], value[order]))
    latest = held(first[order])
    same = np.zeros(len(events), np.bool_)
    at_us = events.at_us[order]
    same[order] = (latest >= begins) & (at_us - at_us[np.maximum(latest, 0)] < within_us)
    odd = near & ~same
    if not params.unfamiliar:
        return Bounds(loud | lacking | odd)
    # With all history too young, what is unfamiliar cannot be told.
    for name in params.unfamiliar:
        lacking |= near & (events.text(name) == 0)
    young = events.since_us < max(span_us(params.familiar_after), span_us(params.history_min))
    many = events.different(value) > VALUES_MAX
    return Bounds(loud | lacking | (odd & ~young) | (near & many), {"too_little_history": odd & young})


def of_hours(params: HoursParams, events: Columns) -> Bounds | None:
    """Quiet: known too briefly for anything to be unusual."""
    events_in = events.chosen(events.selected)
    judged = np.ones(len(events_in), np.bool_)
    if params.unless is not None:
        judged = ~events_in.holds(params.unless)
    long = events_in.since_us >= min(span_us(params.learn_for), span_us(params.forget_after))
    at_first = events_in.tied & (events_in.at_us == events_in.at_us[events_in.start])
    young = _none(events.selected)
    young[np.flatnonzero(events.selected)[judged & (events_in.row > events_in.start)]] = True
    return Bounds(_spread(events, long | at_first), {"too_little_history": young})


def of_dormant(idle_min_us: int, events: Columns) -> Bounds:
    """Quiet: never silent for so long."""
    events_in = events.chosen(events.selected)
    return Bounds(_spread(events, events_in.since_us >= idle_min_us))


def of_policy(params: PolicyParams, events: Columns) -> Bounds:
    """Quiet: every use names its session, and none comes too long after an end or the beginning of it."""
    kind, session = events.text("kind"), events.text("session")
    order = np.lexsort((session, events.subject))
    heads = changes(events.subject[order], session[order])
    at_us = events.at_us[order]
    ended = np.isin(kind[order], [hash(name) for name in params.ends])
    first_end_us = np.minimum.reduceat(np.where(ended, at_us, NEVER_US), np.flatnonzero(heads))
    late = at_us - spread_out(first_end_us, heads) > span_us(params.grace)
    for limit in (params.lifetime_max, params.idle_max):
        if limit is not None:
            late |= at_us - at_us[held(heads)] > span_us(limit)
    loud = _none(late)
    loud[order] = late
    return Bounds(events.selected & (loud | (session == 0)))
