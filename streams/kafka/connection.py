"""How to reach Kafka: one model, read from the environment, for both clients. Secrets are never shown."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator

from sessionwatch.errors import UsageError

PREFIX: Final = "SESSIONWATCH_KAFKA"
"""The servers stand in the variable of this name, everything else in variables that begin with it."""
SECRET_BYTES_MAX: Final = 64 * 1024
"""Bytes of a file with a password or a token."""

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


def _servers(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(value) if isinstance(value, list) else value


class Connection(BaseModel):
    """Servers, protocol and credentials.

    A password or token that stands in a file is read anew at each connection, so it can be exchanged while we run.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    servers: Annotated[tuple[str, ...], BeforeValidator(_servers)] = Field(
        min_length=1, description="HOST:PORT, several with commas."
    )
    protocol: Protocol = Field("PLAINTEXT", description="How to talk to them.")
    ca_file: Path | None = Field(None, description="Certificates that are trusted, PEM; otherwise the system's.")
    certificate_file: Path | None = Field(None, description="Our own certificate, PEM, where the servers ask for one.")
    key_file: Path | None = Field(None, description="Its key, PEM, without a password.")
    mechanism: Mechanism | None = Field(None, description="How SASL signs in.")
    username: str | None = Field(None, description="For PLAIN and SCRAM.")
    password: SecretStr | None = Field(None, description="Its password; better in a file.")
    password_file: Path | None = Field(None, description="A file with the password in it.")
    token_file: Path | None = Field(
        None, description="For OAUTHBEARER: a file with a valid token, kept fresh by others."
    )

    @model_validator(mode="after")
    def _fits(self) -> Connection:
        sasl = self.protocol.startswith("SASL_")
        if sasl != (self.mechanism is not None):
            raise ValueError("a mechanism goes with protocol SASL_SSL or SASL_PLAINTEXT, and these need one")
        if self.mechanism == "OAUTHBEARER":
            if self.token_file is None:
                raise ValueError("OAUTHBEARER needs token_file")
        elif self.mechanism is not None and (
            self.username is None or (self.password is None) == (self.password_file is None)
        ):
            raise ValueError(f"{self.mechanism} needs username and one of password and password_file")
        if not self.protocol.endswith("SSL") and (self.ca_file or self.certificate_file or self.key_file):
            raise ValueError(f"certificates mean nothing with protocol {self.protocol}; use SSL or SASL_SSL")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        return self

    def secret(self) -> str | None:
        """The password, read now where it stands in a file.

        Raises:
            UsageError: the file cannot be read.
        """
        if self.password_file is not None:
            return _read_secret(self.password_file)
        return self.password.get_secret_value() if self.password is not None else None

    def tls(self) -> ssl.SSLContext | None:
        """The context of TLS, with host names checked; None without TLS.

        Raises:
            UsageError: a certificate cannot be read.
        """
        if not self.protocol.endswith("SSL"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate_file is not None:
                context.load_cert_chain(self.certificate_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            files = [str(one) for one in (self.ca_file, self.certificate_file, self.key_file) if one is not None]
            raise UsageError(f"Kafka: cannot use the certificates in {', '.join(files)}: {error}") from error
        return context

    def for_aiokafka(self) -> dict[str, Any]:
        """Arguments of an aiokafka client."""
        settings: dict[str, Any] = {"bootstrap_servers": list(self.servers), "security_protocol": self.protocol}
        if (context := self.tls()) is not None:
            settings["ssl_context"] = context
        if self.mechanism == "OAUTHBEARER":
            settings |= {"sasl_mechanism": self.mechanism, "sasl_oauth_token_provider": self._aiokafka_tokens()}
        elif self.mechanism is not None:
            settings |= self._by_password()
        return settings

    def for_kafka_python(self) -> dict[str, Any]:
        """Arguments of a kafka-python client."""
        settings: dict[str, Any] = {"bootstrap_servers": list(self.servers), "security_protocol": self.protocol}
        if (context := self.tls()) is not None:
            settings["ssl_context"] = context
        if self.mechanism == "OAUTHBEARER":
            settings |= {"sasl_mechanism": self.mechanism, "sasl_oauth_token_provider": self._kafka_python_tokens()}
        elif self.mechanism is not None:
            settings |= self._by_password()
        return settings

    def for_faust(self) -> dict[str, Any]:
        """Arguments of a Faust app."""
        import faust

        settings: dict[str, Any] = {"broker": ";".join(f"kafka://{server}" for server in self.servers)}
        context = self.tls()
        if self.mechanism == "OAUTHBEARER":
            settings["broker_credentials"] = faust.OAuthCredentials(
                oauth_cb=self._aiokafka_tokens(), ssl_context=context
            )
        elif self.mechanism is not None:
            settings["broker_credentials"] = faust.SASLCredentials(
                username=self.username, password=self.secret(), ssl_context=context, mechanism=self.mechanism
            )
        elif context is not None:
            settings["broker_credentials"] = faust.SSLCredentials(context)
        return settings

    def _by_password(self) -> dict[str, Any]:
        return {
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.secret(),
        }

    def _token(self) -> str:
        return _read_secret(self.token_file or Path())

    def _aiokafka_tokens(self) -> Any:
        from aiokafka.abc import AbstractTokenProvider

        read = self._token

        class FileTokens(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
            async def token(self) -> str:
                return await asyncio.to_thread(read)

        return FileTokens()

    def _kafka_python_tokens(self) -> Any:
        from kafka.net.sasl.oauth import AbstractTokenProvider

        read = self._token

        class FileTokens(AbstractTokenProvider):  # type: ignore[misc]  # kafka-python has no types
            def token(self) -> str:
                return read()

        return FileTokens()


def connection(environment: Mapping[str, str]) -> Connection:
    """What the environment says.

    Raises:
        UsageError: no servers are named, or the variables do not fit together; each fault is said with its variable.
    """
    if not environment.get(PREFIX, "").strip():
        raise UsageError(f"Kafka: no servers; set {PREFIX}=HOST:PORT (several with commas), see docs/kafka.md")
    named = {variable(name): name for name in Connection.model_fields}
    given = {named[key]: value for key, value in environment.items() if key in named and value.strip()}
    try:
        return Connection.model_validate(given)
    except ValidationError as error:
        faults = [
            f"{variable(str(fault['loc'][0])) if fault['loc'] else PREFIX + '_*'}: "
            f"{fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise UsageError("Kafka: " + "; ".join(faults)) from None


def variable(name: str) -> str:
    """The variable of a field."""
    return PREFIX if name == "servers" else f"{PREFIX}_{name.upper()}"


def _read_secret(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(SECRET_BYTES_MAX).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Kafka: cannot read {path}: {error}") from error
