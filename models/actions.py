"""Actions: what the policy decides about an alert, what a broker is asked to do for it, and what came of that."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from operator import not_
from typing import Annotated, Any, Final, Literal, get_args

import pydantic

from models.alerts import Change, Published, Said, SubjectRef
from models.findings import Severity

Verb = Literal["notify", "step_up", "clear_step_up", "kill_session", "kill_user"]
"""What may be done: tell a person; demand a further factor; take that demand back; end one session; end all of a
user's sessions."""
VERBS: Final[tuple[Verb, ...]] = get_args(Verb)
DESTRUCTIVE: Final[frozenset[Verb]] = frozenset({"kill_session", "kill_user"})
"""What cannot be taken back, and is therefore looked at once more right before it is done."""

Result = Literal["applied", "accepted", "already_applied", "retryable", "rejected", "expired", "held", "suppressed"]
"""What came of an action:

* `applied`: done, and the broker says so. `accepted`: it will be done. `already_applied`: there was nothing left to do.
* `retryable`: not known to be done; it is asked again with the same id.
* `rejected`: the broker refuses, and will refuse again: a person must look.
* `expired`: too late to be worth doing, or never done within its time. `held`: waits for a person.
* `suppressed`: not to be done any more, for a reason: withdrawn, done a moment ago, the session has ended.
"""
RESULTS: Final[tuple[Result, ...]] = get_args(Result)
DONE: Final[frozenset[Result]] = frozenset({"applied", "accepted", "already_applied"})
"""Results after which what was asked for holds, or will."""
FINAL: Final[frozenset[Result]] = DONE | {"rejected", "expired", "suppressed"}
"""Results after which an action is not asked for again by itself."""

Act = Literal["at_once", "when_settled"]
"""When an action is done: when it is decided, or once its alert cannot change any more."""
Origin = Literal["policy", "escalation", "withdrawal", "person"]
"""Who decided: the policy, a demand for a factor that was not met, an alert that was withdrawn, a person by hand."""


def action_id(tenant: str, rule: str, subject: SubjectRef, verb: Verb, target: str, chain: str) -> str:
    """The id of an action, and its idempotency key: 32 hexadecimal digits, the same whoever decides and how often.

    `chain` is the id of the first alert of a chain (an alert that took another's place is of its chain), so that what
    was done for one is not done again for the other.
    """
    parts = json.dumps([tenant, rule, subject.by, subject.value, verb, target, chain], ensure_ascii=False)
    return hashlib.blake2b(parts.encode(), digest_size=16, person=b"action").hexdigest()


class RuleVersion(Published):
    """The rule that an action goes back to; both empty where a person decided."""

    id: Said = ""
    version: Said = ""


class Action(Published):
    """One thing asked of a broker. It depends on alerts, rules and policy alone, and holds nothing of any record.

    `target` is a session's id for `kill_session`, else the user; `user` is the key that events have. `source` names the
    feed that the session was seen in. `at` is the newest finding's time (for what a person asks for: when that was);
    from `expires_at` on it is not done any more. `widened`: the whole user in place of one session. `undoes` is the
    id of the action that this one takes back. `why` is one sentence for logs of brokers and reviewers. `by`: the
    person's name, where one decided. `response` names the part of the policy that asked for it.
    """

    id: str
    verb: Verb
    tenant: str
    user: str
    target: str
    session: Said = ""
    source: Said = ""
    subject: SubjectRef
    rule: RuleVersion
    policy: Said = ""
    response: Said = ""
    alert: Said = ""
    chain: Said = ""
    severity: Severity
    at: datetime
    expires_at: datetime
    act: Act = "at_once"
    origin: Origin = "policy"
    widened: Annotated[bool, pydantic.Field(exclude_if=not_)] = False
    undoes: Said = ""
    by: Said = ""
    why: str

    @property
    def destructive(self) -> bool:
        """Whether it cannot be taken back."""
        return self.verb in DESTRUCTIVE

    def to_json(self) -> bytes:
        """The action's bytes: keys in one order."""
        return self.model_dump_json().encode()


class Outcome(Published):
    """What one try at an action came to, as the broker's adapter tells it.

    `status` is the HTTP status, where there was one. `detail` is a short phrase of ours with nothing of a secret and
    nothing of a body. `retry_after_s`: the broker says not to ask again sooner. `worst_case_effective_at`: until then
    a token that is checked offline may still be taken (its lifetime), where that is known.
    """

    result: Result
    detail: Said = ""
    status: Annotated[int, pydantic.Field(ge=0, exclude_if=not_)] = 0
    retry_after_s: Annotated[float | None, pydantic.Field(ge=0, exclude_if=lambda value: value is None)] = None
    worst_case_effective_at: Annotated[datetime | None, pydantic.Field(exclude_if=lambda value: value is None)] = None

    @property
    def done(self) -> bool:
        """Whether what was asked for holds, or will."""
        return self.result in DONE


class ActionReport(Published):
    """What is told of an action to people and SIEMs, and comes back as an event: the action, and what came of it.

    `at` is the runner's clock. `attempts` counts the times that the broker was asked.
    """

    action: Action
    outcome: Outcome
    broker: Said = ""
    at: datetime
    attempts: int = 0

    def to_json(self) -> bytes:
        """The report's bytes: keys in one order."""
        return self.model_dump_json().encode()


class Reason(Published):
    """Why something was decided: a snake_case word that is counted, and a sentence for a person."""

    code: str
    text: str


class Withheld(Published):
    """An action that was thought of and is not asked for, with the reason."""

    verb: Verb
    target: str
    reason: Reason


class Decision(Published):
    """What the policy makes of one notice: pure, the same whenever it is made. Every one goes to the audit log.

    `mode` is what holds for this alert: `enforce` only where rule and policy both say so. `reasons` tell how the verb
    and its target came about, in the order they were thought.
    """

    alert: str
    chain: str
    revision: tuple[int, int]
    change: Change
    rule: RuleVersion
    policy: str
    mode: Literal["observe", "enforce"]
    actions: tuple[Action, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    reasons: tuple[Reason, ...] = ()


class Instruction(Published):
    """One record of the stream from the policy to the runner: keyed by user, one order for all that it says.

    * `act`: do `action`, unless its id was done.
    * `cancel`: the alert is withdrawn: what was not done for its chain is not, and what can be taken back is.
    * `settle`: the alert cannot change any more: what waits for that in its chain may go.
    * `passed`, `failed`: the user met a demand for a further factor, or did not, at `at` in event time.
    * `spare`: the user is not hindered before `at`, whatever was decided: emergency access.
    * `progress`: the feed has gone past `at` in event time; of nobody, so `user` is empty.
    """

    what: Literal["act", "cancel", "settle", "passed", "failed", "spare", "progress"]
    tenant: str
    user: Said = ""
    chain: Said = ""
    alert: Said = ""
    at: Annotated[datetime | None, pydantic.Field(exclude_if=lambda value: value is None)] = None
    action: Annotated[Action | None, pydantic.Field(exclude_if=lambda value: value is None)] = None

    @property
    def key(self) -> bytes:
        """The key under which its topic orders it."""
        return json.dumps([self.tenant, self.user], ensure_ascii=False).encode()

    def to_json(self) -> bytes:
        """The record's bytes: keys in one order."""
        return self.model_dump_json().encode()

    @classmethod
    def of(cls, line: bytes) -> Instruction:
        """The instruction that `line` is.

        Raises:
            pydantic.ValidationError: it is none.
        """
        return cls.model_validate_json(line)


def plain(model: Published) -> dict[str, Any]:
    """The record as plain data, as its JSON has it."""
    data: dict[str, Any] = model.model_dump(mode="json")
    return data
