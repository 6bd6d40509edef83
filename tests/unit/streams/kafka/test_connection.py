"""How Kafka is reached: one model for both clients, and secrets that nobody sees."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from sessionwatch.errors import UsageError
from streams.kafka.connection import Connection, connection, variable

ROOT = Path(__file__).parents[4]
SECRET = "correct-horse"  # noqa: S105  # invented
PASSWORD = {
    "SESSIONWATCH_KAFKA": "a.example:9093, b.example:9093",
    "SESSIONWATCH_KAFKA_PROTOCOL": "SASL_SSL",
    "SESSIONWATCH_KAFKA_MECHANISM": "SCRAM-SHA-512",
    "SESSIONWATCH_KAFKA_USERNAME": "watcher",
    "SESSIONWATCH_KAFKA_PASSWORD": SECRET,
}


def test_the_servers_alone_are_enough() -> None:
    """In plain text, for a broker on the same machine."""
    plain = connection({"SESSIONWATCH_KAFKA": "127.0.0.1:9092"})
    assert plain.for_aiokafka() == {"bootstrap_servers": ["127.0.0.1:9092"], "security_protocol": "PLAINTEXT"}
    assert plain.for_kafka_python() == plain.for_aiokafka()
    assert plain.for_faust() == {"broker": "kafka://127.0.0.1:9092"}


def test_both_clients_and_faust_get_the_same_credentials() -> None:
    """Whoever can read can write."""
    made = connection(PASSWORD)
    one, other = made.for_aiokafka(), made.for_kafka_python()
    for settings in (one, other):
        assert settings["bootstrap_servers"] == ["a.example:9093", "b.example:9093"]
        assert settings["security_protocol"] == "SASL_SSL"
        assert settings["ssl_context"].check_hostname
        assert (settings["sasl_mechanism"], settings["sasl_plain_username"]) == ("SCRAM-SHA-512", "watcher")
        assert settings["sasl_plain_password"] == SECRET
    faust = made.for_faust()["broker_credentials"]
    assert (faust.protocol.value, faust.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (faust.username, faust.password) == ("watcher", SECRET)


def test_a_password_in_a_file_is_read_anew(tmp_path: Path) -> None:
    """So it can be exchanged while we run."""
    file = tmp_path / "password"
    file.write_text("first\n")
    named = {key: value for key, value in PASSWORD.items() if not key.endswith("_PASSWORD")}
    made = connection({**named, "SESSIONWATCH_KAFKA_PASSWORD_FILE": str(file)})
    assert made.for_aiokafka()["sasl_plain_password"] == "first"  # noqa: S105  # invented
    file.write_text("second\n")
    assert made.for_aiokafka()["sasl_plain_password"] == "second"  # noqa: S105  # invented
    file.unlink()
    with pytest.raises(UsageError, match="cannot read"):
        made.for_aiokafka()


def test_a_token_is_read_from_its_file_by_both_clients(tmp_path: Path) -> None:
    """OAUTHBEARER: whoever issues tokens keeps the file fresh."""
    file = tmp_path / "token"
    file.write_text("abc.def\n")
    made = Connection.model_validate(
        {"servers": "a.example:9093", "protocol": "SASL_SSL", "mechanism": "OAUTHBEARER", "token_file": file}
    )
    assert asyncio.run(made.for_aiokafka()["sasl_oauth_token_provider"].token()) == "abc.def"
    assert made.for_kafka_python()["sasl_oauth_token_provider"].token() == "abc.def"
    assert made.for_faust()["broker_credentials"].mechanism.value == "OAUTHBEARER"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"SESSIONWATCH_KAFKA": " "}, "no servers; set SESSIONWATCH_KAFKA=HOST:PORT"),
        ({"SESSIONWATCH_KAFKA_PROTOCOL": "TLS"}, "SESSIONWATCH_KAFKA_PROTOCOL: Input should be 'PLAINTEXT'"),
        ({"SESSIONWATCH_KAFKA_PROTOCOL": "PLAINTEXT"}, "a mechanism goes with protocol SASL_SSL"),
        ({"SESSIONWATCH_KAFKA_USERNAME": ""}, "needs username and one of password and password_file"),
        ({"SESSIONWATCH_KAFKA_MECHANISM": "OAUTHBEARER"}, "OAUTHBEARER needs token_file"),
        ({"SESSIONWATCH_KAFKA_KEY_FILE": "k.pem"}, "certificate_file and key_file go together"),
    ],
)
def test_what_does_not_fit_is_said_with_its_variable(changed: dict[str, str], said: str) -> None:
    """In one line, and never with a secret in it."""
    with pytest.raises(UsageError, match=said) as raised:
        connection({**PASSWORD, **changed})
    assert SECRET not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_certificate_that_is_not_there_is_said(tmp_path: Path) -> None:
    """With its path."""
    made = connection(
        {
            "SESSIONWATCH_KAFKA": "a.example:9093",
            "SESSIONWATCH_KAFKA_PROTOCOL": "SSL",
            "SESSIONWATCH_KAFKA_CA_FILE": str(tmp_path / "ca.pem"),
        }
    )
    with pytest.raises(UsageError, match=r"cannot use the certificates in .*ca\.pem"):
        made.for_aiokafka()


def test_secrets_are_never_shown() -> None:
    """Neither in a log nor in a trace."""
    made = connection(PASSWORD)
    assert SECRET not in repr(made)
    assert SECRET not in made.model_dump_json()


def test_every_setting_is_in_the_page() -> None:
    """And the page has no other."""
    page = (ROOT / "docs" / "settings.md").read_text()
    shown = set(re.findall(r"\| `(SESSIONWATCH_KAFKA\w*)` \|", page))
    assert shown == {variable(name) for name in Connection.model_fields}
