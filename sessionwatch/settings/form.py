"""The settings, section by section. What stands here is what `docs/settings.md` says, and a test compares them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, Field, SecretStr, StringConstraints

from models.rules import Written
from models.spans import Span, span_text
from streams.kafka.connection import Connection

NAMED_MAX: Final = 1_000
"""Sources that settings may name in one place."""

Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\n]*$")]
Named = Annotated[dict[Word, Span], Field(max_length=NAMED_MAX)]


class LiveSection(Written):
    """What only `sessionwatch live` takes."""

    member: Word | None = Field(None, description="A lasting name of this process in its group.")
    source: tuple[Word, ...] = Field((), description="The sources that the topics have; none: any.")
    by: tuple[Word, ...] = Field((), description="The kinds of subject to judge by; none: all that rules name.")


class NormaliseSection(Written):
    """What only `sessionwatch normalise` takes."""

    member: Word | None = Field(None, description="A lasting name of this process in its groups.")
    raw: tuple[Word, ...] = Field((), description="The formats whose raw topics are normalised.")


class WatchSection(Written):
    """What only `sessionwatch watch` takes."""

    paths: tuple[Word, ...] = Field((), description="Files, folders or globs; `-` is standard input.")
    state: Path | None = Field(None, description="The file that keeps state, positions and alerts.")
    notices: Word | None = Field(None, description="The file that notices are appended to; `-` is standard output.")
    listen: Word | None = Field(None, description="Take events over HTTP at this HOST:PORT.")
    token_file: Path | None = Field(None, description="The file with the token that senders give.")
    token: SecretStr | None = Field(None, description="Or the token itself.")
    log_format: Word = Field("auto", description="A format's name; `auto` looks at the records.")
    lateness: Literal["all", "seen"] = Field("all", description="Whose bound a subject waits for.")
    state_pages_max: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Bounds the state file, in pages of 4 KiB; otherwise the disk does."
    )


class KeycloakSection(Written):
    """What only `sessionwatch pull keycloak` takes."""

    base: Word | None = Field(None, description="Keycloak's address.")
    realm: Word | None = Field(None, description="The realm whose events are pulled.")
    client: Word = Field("sessionwatch", description="The client with a service account.")
    secret_file: Path | None = Field(None, description="The file with the client's secret.")
    secret: SecretStr | None = Field(None, description="Or the secret itself.")
    authority: Path | None = Field(None, description="A file with certificate authorities of your own.")
    position: Path | None = Field(None, description="The file that keeps how far events are read.")
    output: Word = Field("-", description="The file that events are appended to; `-` is standard output.")
    topic: Word | None = Field(None, description="The topic of Kafka that events are written to instead.")
    only: Literal["user", "admin"] | None = Field(None, description="This kind of events alone.")
    every: Span = Field(timedelta(seconds=1), description="The time between two looks.")
    overlap: Span = Field(timedelta(seconds=30), description="The span that each look reads again.")


class Settings(Written):
    """Everything. Each value may stand in the file, in the environment, or as an option, which wins."""

    tenant: Word = Field("default", description="The organisation of events that name none.")
    rules: tuple[Path, ...] = Field((), description="Rule files or folders instead of the bundled ones.")
    geo: tuple[Path, ...] = Field((), description="GeoIP2 or GeoLite2 databases.")
    networks: tuple[Path, ...] = Field((), description="Lists of your own networks and their classes.")
    mapping: tuple[Path, ...] = Field((), description="Mappings: formats of your own.")
    bound: Named = Field({}, description="By source, how late its events may be.")
    expect: Named = Field({}, description="By source, how long it may be silent before that is told.")
    redact: bool = Field(False, description="Leave the raw text out of dead letters.")
    prefix: Word = Field("sessionwatch", description="What the names of all topics begin with.")
    monitor: Word | None = Field(None, description="Answer /healthz, /readyz and /metrics at this HOST:PORT.")
    log: Literal["text", "json"] = Field("text", description="How lines about the work itself are written.")
    live: LiveSection = LiveSection()
    normalise: NormaliseSection = NormaliseSection()
    watch: WatchSection = WatchSection()
    keycloak: KeycloakSection = KeycloakSection()
    kafka: Connection | None = None

    def defaults(self, command: str) -> dict[str, Any]:
        """What the options of a command are where they are not given: by parameter, only what was set."""
        section = getattr(self, command, None)
        found = {name: getattr(self, name) for name in self.model_fields_set if name not in SECTIONS}
        if isinstance(section, Written):
            found |= {name: getattr(section, name) for name in section.model_fields_set}
        return {
            name: _option(value)
            for name, value in found.items()
            if value is not None and not isinstance(value, SecretStr)
        }


class Setting(NamedTuple):
    """One setting: its keys in the file, its variable, whether the file may hold it, its default and what it means."""

    path: tuple[str, ...]
    variable: str
    in_file: bool
    default: Any
    said: str
    annotation: Any


SECTIONS: Final = ("live", "normalise", "watch", "keycloak", "kafka")
SECRETS: Final = frozenset({("kafka", "password"), ("watch", "token"), ("keycloak", "secret")})
"""What no file of settings may hold: it stands in the environment or in a file of its own."""
VARIABLES: Final[dict[tuple[str, ...], str]] = {
    ("kafka", "servers"): "SESSIONWATCH_KAFKA",
    ("watch", "token"): "SESSIONWATCH_TOKEN",
    ("keycloak", "base"): "SESSIONWATCH_KEYCLOAK",
    ("watch", "state_pages_max"): "SESSIONWATCH_STATE_PAGES_MAX",
}
"""Variables that are not `SESSIONWATCH_` and the keys with `_` between them."""


def catalogue() -> Iterator[Setting]:
    """Every setting, in the order of the model."""
    models: dict[str, type[BaseModel]] = {
        "": Settings,
        "live": LiveSection,
        "normalise": NormaliseSection,
        "watch": WatchSection,
        "keycloak": KeycloakSection,
        "kafka": Connection,
    }
    for section, model in models.items():
        for name, field in model.model_fields.items():
            if section or name not in SECTIONS:
                path = (section, name) if section else (name,)
                default = None if field.is_required() else field.default
                said = field.description or ""
                yield Setting(path, variable_of(path), path not in SECRETS, default, said, field.annotation)


def variable_of(path: tuple[str, ...]) -> str:
    """The variable of a setting."""
    return VARIABLES.get(path) or "_".join(("SESSIONWATCH", *path)).upper()


def _option(value: Any) -> Any:
    """A value as a command line would have it."""
    if isinstance(value, dict):
        return [f"{name}={_text(one)}" for name, one in value.items()]
    if isinstance(value, tuple):
        return [str(one) for one in value]
    if isinstance(value, timedelta):
        return span_text(value)
    return value if isinstance(value, bool | int) else str(value)


def _text(value: Any) -> str:
    return span_text(value) if isinstance(value, timedelta) else str(value)
