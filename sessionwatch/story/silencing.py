"""Which single change of a rule's parameter would have silenced an alert, found by judging again.

Nothing is reckoned from the evidence: the same engine judges the same events of the alert's subject with another
value, and the least change after which the alert is not raised is searched for between the value and its bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import ceil, exp, floor, inf, log, log10
from typing import Final

import pydantic

from geo.locator import Locator
from models.alerts import Alert
from models.events import SessionEvent
from sessionwatch.engine.in_order import Engine
from sessionwatch.errors import UsageError
from sessionwatch.ruleset.changes import Setting, read_setting, with_setting, with_settings, written
from sessionwatch.ruleset.compiled import CompiledRule, Ruleset
from sessionwatch.story.comparison import alerts_of, compared, judged_side_by_side, same_matter
from sessionwatch.story.parameters import Number, Parameter, parameters
from streams.replay import Window, replay

JUDGED_AGAIN_MAX: Final = 3_000_000
"""Events judged again in all to find what would have silenced one alert; what is not found by then is not told."""
NEAREST_MAX: Final = 3
"""Changes told of one alert, the nearest first."""

_CLOSE: Final = 0.0005
"""A number is found to this part of itself, then rounded to three digits away from the value that it had."""
_WIDE: Final = 4
"""Between numbers farther apart than this, as a ratio, the middle is taken of their logarithms."""


class Change(pydantic.BaseModel):
    """One parameter that would have silenced the alert: its value, and the nearest that does.

    `factor` is how large the change is: new over old or old over new, whichever is greater; None where that says
    nothing, because one of them is 0. `alerts_before` and `alerts_after` count the rule's alerts in the same logs.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    rule: str
    parameter: str
    old: str
    new: str
    factor: float | None
    description: str
    alerts_before: int | None = None
    alerts_after: int | None = None
    lost: int | None = None
    gained: int | None = None

    @property
    def setting(self) -> str:
        """As `--set` takes it."""
        return f"{self.rule}.{self.parameter}={self.new}"


class Silencing(pydantic.BaseModel):
    """Whether the logs and rules at hand raise the alert at all, the nearest changes, and what limits the answer."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    reproduced: bool
    changes: tuple[Change, ...] = ()
    remark: str = ""


class _OutOfBudget(Exception):  # noqa: N818  # an end that is foreseen, and no error
    """Enough was judged again."""


class Rejudge:
    """Judges a subject's events again under other rules, up to the alert's end; counts how much that was."""

    def __init__(self, ruleset: Ruleset, alert: Alert, events: Sequence[SessionEvent], locator: Locator) -> None:
        """Judge `events`, which are the subject's, sorted by time."""
        # Rules of other subjects are not asked: what one of them finds changes nothing for this subject.
        self._rules = [rule for rule in ruleset.rules if rule.by == alert.subject.by]
        self._alert = alert
        self._events = [event for event in events if event.at <= alert.last_at]
        self._locator = locator
        self.rule = next((rule for rule in self._rules if rule.id == alert.rule.id), None)
        self.judged = 0

    def raises(self, changed: CompiledRule | None = None) -> bool:
        """Whether the alert, or one of the same matter, is raised with this rule in place of the one of its id."""
        if self.judged >= JUDGED_AGAIN_MAX:
            raise _OutOfBudget
        self.judged += max(1, len(self._events))
        rules = tuple(changed if changed is not None and rule.id == changed.id else rule for rule in self._rules)
        engine = Engine(Ruleset(rules, ""), self._locator)
        found = replay(self._events, engine, Window(end=self._alert.last_at))
        return any(same_matter(self._alert, other) for other in alerts_of(found.alerts.values(), self._alert.rule.id))


def silencing(ruleset: Ruleset, alert: Alert, events: Sequence[SessionEvent], locator: Locator) -> Silencing:
    """The nearest changes of one parameter of the alert's rule after which it is not raised."""
    again = Rejudge(ruleset, alert, events, locator)
    rule = again.rule
    if rule is None:
        return Silencing(reproduced=False, remark=f"these rules have no {alert.rule.id}; name its file with --rules")
    if not again.raises():
        return Silencing(
            reproduced=False,
            remark="these logs, rules and databases do not raise this alert: give those that it was made from",
        )
    changes: list[Change] = []
    remark = ""
    try:
        changes += _changes(rule, again)
    except _OutOfBudget:
        remark = f"the search ended after {JUDGED_AGAIN_MAX:,} events judged again; there may be nearer changes"
    nearest = sorted(changes, key=lambda change: (change.factor or inf, change.parameter))[:NEAREST_MAX]
    if not nearest and not remark:
        remark = "no single number or span of the rule silences it, however it is set"
    return Silencing(reproduced=True, changes=tuple(nearest), remark=remark)


def _changes(rule: CompiledRule, again: Rejudge) -> Iterator[Change]:
    for parameter in parameters(rule.detector.params):
        info = type(rule.detector.params).model_fields[parameter.path[0]]

        def silent(value: Number, parameter: Parameter = parameter) -> bool:
            changed = _changed(rule, parameter, value)
            return changed is not None and not again.raises(changed)

        def fits(value: Number, parameter: Parameter = parameter) -> bool:
            return _changed(rule, parameter, value) is not None

        # Some parameters have a nearer bound in what goes together with others.
        bounds = {_farthest(parameter, bound, fits) for bound in (parameter.least, parameter.most)}
        found = [_nearest(parameter, bound, silent) for bound in sorted(bounds - {parameter.value}) if silent(bound)]
        if found:
            value = min(found, key=lambda value: _factor(parameter.value, value) or inf)
            factor = _factor(parameter.value, value)
            yield Change(
                rule=rule.id,
                parameter=".".join(parameter.path),
                old=written(parameter.written(parameter.value)),
                new=written(parameter.written(value)),
                factor=None if factor is None else round(factor, 3),
                description=info.description or "",
            )


def _changed(rule: CompiledRule, parameter: Parameter, value: Number) -> CompiledRule | None:
    """The rule with this value; None where it does not fit the other parameters."""
    try:
        return with_setting(rule, Setting(rule.id, parameter.path, parameter.written(value)))
    except UsageError:
        return None


def _farthest(parameter: Parameter, bound: Number, fits: Callable[[Number], bool]) -> Number:
    """The value farthest from the parameter's own, on the way to `bound`, that it may have."""
    if fits(bound):
        return bound
    fitting, unfit = parameter.value, bound
    while (middle := _middle(fitting, unfit, whole=parameter.whole)) is not None:
        if fits(middle):
            fitting = middle
        else:
            unfit = middle
    return fitting


def _nearest(parameter: Parameter, bound: Number, silent: Callable[[Number], bool]) -> Number:
    """The value nearest to the parameter's own, on the way to `bound` (which is silent), that is silent too."""
    loud, quiet = parameter.value, bound
    while (middle := _middle(loud, quiet, whole=parameter.whole)) is not None:
        if silent(middle):
            quiet = middle
        else:
            loud = middle
    if parameter.whole:
        return quiet
    rounded = _rounded_away(quiet, parameter.value)
    inside = parameter.least <= rounded <= parameter.most
    return rounded if inside and silent(rounded) else quiet


def _middle(one: Number, other: Number, *, whole: bool) -> Number | None:
    """Between the two; None where they are as close as it matters."""
    low, high = min(one, other), max(one, other)
    if whole and high - low <= 1:
        return None
    if not whole and high - low <= _CLOSE * max(abs(low), abs(high)):
        return None
    middle = exp((log(low) + log(high)) / 2) if low > 0 and high / low > _WIDE else (low + high) / 2
    return min(max(round(middle), int(low) + 1), int(high) - 1) if whole else middle


def _rounded_away(value: float, origin: float) -> float:
    """`value` to three digits, away from `origin`.

    >>> _rounded_away(1471.21, 900), _rounded_away(0.12345, 7)
    (1480.0, 0.123)
    """
    if value == 0:
        return 0.0
    step = 10.0 ** (floor(log10(abs(value))) - 2)
    steps = ceil(value / step) if value > origin else floor(value / step)
    return float(f"{steps * step:.12g}")


def _factor(old: Number, new: Number) -> float | None:
    return max(new / old, old / new) if old > 0 and new > 0 else None


def counted(
    silenced: Silencing,
    ruleset: Ruleset,
    alert: Alert,
    events: Iterable[SessionEvent],
    locator: Locator,
    progress: Callable[[int], None] | None = None,
) -> Silencing:
    """The same, with what each change does to the rule's alerts over all `events`, sorted by time."""
    if not silenced.changes:
        return silenced
    same = Ruleset(tuple(rule for rule in ruleset.rules if rule.by == alert.subject.by), ruleset.version)
    changed = [with_settings(same, [read_setting(change.setting)]) for change in silenced.changes]
    base, *others = judged_side_by_side(events, [same, *changed], locator, progress=progress)
    before = [one for one in base if one.rule.id == alert.rule.id]
    told = []
    for change, alerts in zip(silenced.changes, others, strict=True):
        after = [one for one in alerts if one.rule.id == alert.rule.id]
        found = compared(before, after)
        counts = {"lost": len(found.lost), "gained": len(found.gained)}
        told.append(change.model_copy(update={"alerts_before": len(before), "alerts_after": len(after), **counts}))
    return silenced.model_copy(update={"changes": tuple(told)})
