"""What happens to one event of one subject: due timers fire, all rules judge, then all learn. Pure and in order.

Nothing here knows of lateness, of other subjects, of the clock, or of where events come from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from detectors.detector import GROWTH_BYTES_MAX, GROWTH_TEXTS_MAX
from models.events import OrderKey, PlacedEvent, text_bytes
from models.findings import Finding, NearMiss, NotEvaluable
from sessionwatch.engine.counts import EngineCounts, RuleCounts
from sessionwatch.engine.folds import (
    FOLDS_MAX,
    Subject,
    digest,
    fold_in,
    is_notice_point,
    opened,
    trigger_of_event,
    who,
    write,
)
from sessionwatch.engine.program import STATE_BYTES_MAX, Entry, Program, SubjectState
from sessionwatch.engine.shedding import halve, largest_folds, largest_part
from sessionwatch.errors import DetectorError

Publication = tuple[str, str, OrderKey, bytes]
"""(alert id, rule id and finding key, when in the subject's order, the alert's bytes)."""

Published = dict[str, Publication]


class Moment(NamedTuple):
    """When and by what something was found: `event` is None where it was a timer."""

    event: PlacedEvent | None
    at_us: int
    trigger: str
    order: OrderKey


class Judgement:
    """Runs a program over one subject's events at a time. Holds counters, no subject's data."""

    def __init__(self, program: Program, counts: EngineCounts) -> None:
        """Run `program`, counting into `counts`."""
        self.program = program
        self.counts = [counts.rules.setdefault(rule.id, RuleCounts()) for rule in program.rules]

    def step(  # noqa: C901  # one event's whole path: a call for each part would cost more than the part
        self, subject: Subject, state: SubjectState, event: PlacedEvent, out: Published, *, count: bool
    ) -> None:
        """Let `event` happen to `subject`: `state` moves on, alerts that reach a notice point go to `out`.

        `count` is False when the event is judged again, so that counters hold each event once.
        """
        at_us = event.at_us
        if state.due_us <= at_us:
            self.fire_due(subject, state, at_us, out, count=count)
        state.now_us = max(state.now_us, at_us)
        parts = state.parts
        learners: list[tuple[Callable[..., None], Any]] = []
        found: list[tuple[Entry, Finding]] | None = None
        timed = False
        for entry in self.program.table[event.kind]:
            when = entry.when
            selected = entry.judges and (when is None or when(event))
            if not selected and not entry.hears:
                continue
            index = entry.index
            part = parts[index]
            if part is None or at_us - part.touched_us > entry.keep_us:
                part = parts[index] = entry.new_state(touched_us=at_us)
            timed = timed or entry.timed
            if not selected:
                learners.append((entry.hear, part))
                continue
            learners.append((entry.learn, part))
            verdict = entry.judge(event, part)
            if count:
                self.counts[index].evaluated += 1
            if verdict is not None and (finding := self._heard(entry, verdict, event, subject, count=count)):
                found = [*(found or ()), (entry, finding)]
        suspect = found is not None
        for learn, part in learners:
            learn(event, part, suspect=suspect)
            part.touched_us = at_us
        if found is not None:
            moment = Moment(event, at_us, trigger_of_event(event), event.order)
            for entry, finding in found:
                self._raise(subject, state, entry, finding, moment, out, count=count)
        if timed or found is not None:
            state.due_us = self.program.next_due(state)
        state.room -= (GROWTH_BYTES_MAX + GROWTH_TEXTS_MAX * text_bytes(event)) * len(learners)
        if state.room < 0:
            self._keep_within(subject, state, event.order, out, count=count)

    def fire_due(self, subject: Subject, state: SubjectState, until_us: int, out: Published, *, count: bool) -> None:
        """Fire every deadline up to and including `until_us`, each at its time: folds end, then detectors speak."""
        rules = self.program.rules
        while (due := state.due_us) <= until_us:
            order: OrderKey = (due, -1, -1, "")
            for slot in sorted(slot for slot, fold in state.folds.items() if fold.end_us <= due):
                self._end_fold(subject, state, slot, order, out)
            for i in self.program.timed:
                part = state.parts[i]
                if part is None or rules[i].detector.due(part) != due:
                    continue
                for finding in rules[i].detector.on_time(due, part):
                    self._on_timer(subject, state, i, finding, due, out, count=count)
            state.due_us = self.program.next_due(state)
            if state.due_us <= due:
                raise DetectorError(f"a timer of {subject[1]!r} does not move past its deadline; check on_time and due")
            if state.room < 0:
                self._keep_within(subject, state, order, out, count=count)
        state.now_us = max(state.now_us, until_us)

    def tell_open(self, subject: Subject, state: SubjectState, out: Published) -> None:
        """At the end of an input: the alerts of open folds as they stand, though no notice point has come."""
        for slot, fold in sorted(state.folds.items()):
            rule = self.program.by_id.get(fold.rule_id)
            if rule is not None and fold.count != fold.published_count:
                alert = write(fold, rule, self.program.by, subject)
                out[fold.alert_id] = (fold.alert_id, slot, (state.now_us, -1, -1, ""), alert)

    def judge_late(self, subject: Subject, state: SubjectState, event: PlacedEvent) -> list[tuple[str, bytes]]:
        """Judge an event beyond the lateness bound against settled `state`, which it does not change."""
        alerts = []
        for entry in self.program.table[event.kind]:
            if not entry.judges or (entry.when is not None and not entry.when(event)):
                continue
            self.counts[entry.index].late += 1
            part, kept_us = state.parts[entry.index], self.program.kept_us[entry.index]
            if part is None or (kept_us is not None and state.now_us - part.touched_us > kept_us):
                continue
            finding = entry.detector.judge_late(event, part)
            if finding is None or not entry.alerts or self._exempted(entry, event) is not None:
                continue
            fold = opened(entry.rule, subject, finding, event, event.at_us, trigger_of_event(event))
            fold.late = True
            alerts.append((f"{entry.rule.id}|{finding.key}", write(fold, entry.rule, self.program.by, subject)))
        return alerts

    def _heard(
        self,
        entry: Entry,
        verdict: Finding | NearMiss | NotEvaluable,
        event: PlacedEvent,
        subject: Subject,
        *,
        count: bool,
    ) -> Finding | None:
        """Count a verdict; the finding if it is one that alerts."""
        counts = self.counts[entry.index]
        if isinstance(verdict, NotEvaluable):
            if count:
                counts.not_evaluable[verdict.reason] += 1
            return None
        if isinstance(verdict, NearMiss):
            if count:
                counts.miss(verdict, event.at_us, event.id, subject[1], who(self.program.by, subject, event))
            return None
        exempted = self._exempted(entry, event)
        if count:
            if exempted is not None:
                counts.exempted[exempted] += 1
            elif entry.alerts:
                counts.fired += 1
            else:
                counts.shadowed += 1
        return verdict if exempted is None and entry.alerts else None

    @staticmethod
    def _exempted(entry: Entry, event: PlacedEvent) -> str | None:
        for exemption in entry.rule.exemptions:
            if (exemption.until_us is None or event.at_us < exemption.until_us) and exemption.when(event):
                return exemption.name
        return None

    def _on_timer(
        self,
        subject: Subject,
        state: SubjectState,
        index: int,
        finding: Finding,
        due: int,
        out: Published,
        *,
        count: bool,
    ) -> None:
        rule = self.program.rules[index]
        alerts = rule.mode in {"alert", "enforce"}
        if count:
            self.counts[index].fired += alerts
            self.counts[index].shadowed += not alerts
        if alerts:
            moment = Moment(None, due, digest(rule.id, subject[1], str(due)), (due, -1, -1, ""))
            self._raise(subject, state, self.program.entries[index], finding, moment, out, count=count)

    def _raise(
        self,
        subject: Subject,
        state: SubjectState,
        entry: Entry,
        finding: Finding,
        moment: Moment,
        out: Published,
        *,
        count: bool,
    ) -> None:
        rule = entry.rule
        slot = f"{rule.id}|{finding.key}"
        fold = state.folds.get(slot)
        if fold is None or fold.detector != rule.detector.kind:
            fold = opened(rule, subject, finding, moment.event, moment.at_us, moment.trigger)
            if rule.fold_us > 0:
                self._make_room(subject, state, entry, moment.order, out, count=count)
                state.folds[slot] = fold
        else:
            fold_in(fold, rule, finding, moment.event, moment.at_us)
        if is_notice_point(fold.count):
            out[fold.alert_id] = (fold.alert_id, slot, moment.order, write(fold, rule, self.program.by, subject))
        # What a finding says has no bound that is known beforehand.
        state.room = -1

    def _make_room(
        self, subject: Subject, state: SubjectState, entry: Entry, order: OrderKey, out: Published, *, count: bool
    ) -> None:
        """End the oldest fold of the rule where the subject has as many open as it may."""
        mine = [(fold.at_us, slot) for slot, fold in state.folds.items() if fold.rule_id == entry.rule.id]
        if len(mine) >= FOLDS_MAX:
            self._end_fold(subject, state, min(mine)[1], order, out)
            self.counts[entry.index].crowded += count

    def _keep_within(
        self, subject: Subject, state: SubjectState, order: OrderKey, out: Published, *, count: bool
    ) -> None:
        """Give up what is oldest of what takes most, until `state` is within its bound."""
        program = self.program
        while (size := len(program.encode(state))) > STATE_BYTES_MAX:
            folds_size, slot = largest_folds(state)
            part_size, index = largest_part(state)
            if folds_size > part_size:
                rule = state.folds[slot].rule_id
                self._end_fold(subject, state, slot, order, out)
                for of_rule, counts in zip(program.rules, self.counts, strict=True):
                    counts.crowded += count and of_rule.id == rule
            else:
                halve(program, state, index)
                self.counts[index].shed += count
            state.due_us = program.next_due(state)
        state.room = STATE_BYTES_MAX - size

    def _end_fold(self, subject: Subject, state: SubjectState, slot: str, order: OrderKey, out: Published) -> None:
        fold = state.folds.pop(slot)
        rule = self.program.by_id.get(fold.rule_id)
        # A rule that is no longer loaded cannot be asked for its sentence: its alert stays at its last notice point.
        if rule is not None and fold.count != fold.published_count:
            out[fold.alert_id] = (fold.alert_id, slot, order, write(fold, rule, self.program.by, subject))
