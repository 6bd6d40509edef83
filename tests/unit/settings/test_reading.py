"""Settings: from a file, the environment over it, every fault with its place, and no secret in a file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from sessionwatch.errors import SettingsError
from sessionwatch.settings.form import Settings
from sessionwatch.settings.reading import read_settings

KAFKA = frozenset({"live", "kafka"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the settings stand."""
    return tmp_path / "sessionwatch.yaml"


def refused(path: Path | None, environment: dict[str, str]) -> str:
    """What is said of settings that are none."""
    with pytest.raises(SettingsError) as told:
        read_settings(path, environment, KAFKA)
    return str(told.value)


def test_every_fault_is_told_at_its_place(file: Path) -> None:
    """In one go: keys, types, words, spans, and what does not fit together."""
    file.write_text("tenants: clinic\nbound: {okta: 5}\nlog: jsonn\nkafka:\n  servers: a:1\n  protocol: SASL_SSL\n")
    said = refused(file, {})
    assert f'{file}:1:1: unknown key "tenants"' in said
    assert 'did you mean "tenant"?' in said
    assert f"{file}:2:" in said
    assert "write a span of time as 90s, 15m" in said
    assert f'{file}:3:6: "log" must be text or json' in said
    file.write_text("kafka:\n  servers: a:1\n  protocol: SASL_SSL\n")
    said = refused(file, {})
    assert f"{file}:2:3: " in said
    assert "a mechanism goes with protocol SASL_SSL" in said


def test_the_environment_stands_over_the_file(file: Path) -> None:
    """Value by value; and paths of the file are seen from its folder."""
    file.write_text("tenant: clinic\nrules: [rules]\nexpect: {okta: 30m}\nkafka: {servers: a:1, protocol: SSL}\n")
    environment = {
        "SESSIONWATCH_TENANT": "north",
        "SESSIONWATCH_KAFKA": "b:2, c:3",
        "SESSIONWATCH_EXPECT": "okta=1h,duo=10m",
        "SESSIONWATCH_REDACT": "true",
    }
    settings = read_settings(file, environment, KAFKA)
    assert (settings.tenant, settings.redact) == ("north", True)
    assert settings.rules == (file.parent / "rules",)
    assert settings.expect == {"okta": timedelta(hours=1), "duo": timedelta(minutes=10)}
    assert settings.kafka is not None
    assert (settings.kafka.servers, settings.kafka.protocol) == (("b:2", "c:3"), "SSL")


def test_a_fault_of_the_environment_is_told_by_its_variable() -> None:
    """And sections of other commands are not looked at."""
    said = refused(
        None, {"SESSIONWATCH_LOG": "loud", "SESSIONWATCH_KAFKA": "a:1", "SESSIONWATCH_KAFKA_PROTOCOL": "TLS"}
    )
    assert '$SESSIONWATCH_LOG:1:1: "log" must be text or json' in said
    assert '$SESSIONWATCH_KAFKA_PROTOCOL:1:1: "protocol" must be PLAINTEXT' in said
    assert read_settings(None, {"SESSIONWATCH_KAFKA_PROTOCOL": "TLS"}, {"watch"}) == Settings()


def test_a_secret_in_the_file_is_refused_and_not_shown(file: Path) -> None:
    """It says where it may stand; the environment may hold it, and no option gets to see it."""
    file.write_text("kafka:\n  servers: a:1\n  password: hunter22\nwatch: {token: correct-horse-battery}\n")
    said = refused(file, {})
    assert f"{file}:3:3: a secret does not stand in a file of settings" in said
    assert "set SESSIONWATCH_KAFKA_PASSWORD, or name a file that holds it: kafka.password_file" in said
    assert "set SESSIONWATCH_TOKEN, or name a file that holds it: watch.token_file" in said
    assert "hunter22" not in said
    assert "correct-horse" not in said
    settings = read_settings(None, {"SESSIONWATCH_TOKEN": "correct-horse-battery"}, {"watch"})
    assert settings.defaults("watch") == {}
    assert "correct-horse" not in repr(settings)


def test_only_what_was_set_becomes_an_option(file: Path) -> None:
    """What nobody set is left to the command, and other commands' sections too."""
    file.write_text(
        "bound: {okta: 90s}\nredact: false\nwatch: {paths: [a.jsonl, '-'], state: w.db}\nlive: {member: one}\n"
    )
    settings = read_settings(file, {}, KAFKA)
    paths = [str(file.parent / "a.jsonl"), "-"]
    common = {"bound": ["okta=1m30s"], "redact": False}
    assert settings.defaults("watch") == {**common, "paths": paths, "state": str(file.parent / "w.db")}
    assert settings.defaults("live") == {**common, "member": "one"}
