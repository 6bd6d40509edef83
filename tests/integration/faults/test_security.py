"""TLS and SASL against a real broker: both clients and the group, by every mechanism that can be set."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from sessionwatch.errors import KafkaError
from streams.kafka.connection import connection
from streams.kafka.topics import admin, find
from tests.integration.faults.brokers import Breakable
from tests.integration.faults.stage import LONG, Stage
from tests.integration.keeper import NoBrokerError, free_ports, give_up
from tests.integration.live.clients import WAIT_MAX_S

SECRET = "s3cret-of-ann"  # noqa: S105  # of a broker that lives as long as the test
JAAS = "org.apache.kafka.common.security"
SETTINGS = f"""
listeners=PLAINTEXT://127.0.0.1:@PORT@,CONTROLLER://127.0.0.1:@CONTROLLER_PORT@,TLS://127.0.0.1:%(tls)d,SASL://127.0.0.1:%(sasl)d
advertised.listeners=PLAINTEXT://127.0.0.1:@PORT@,TLS://127.0.0.1:%(tls)d,SASL://127.0.0.1:%(sasl)d
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,TLS:SSL,SASL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location=%(folder)s/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=%(folder)s/ca.pem
listener.name.tls.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl.plain.sasl.jaas.config={JAAS}.plain.PlainLoginModule required user_ann="{SECRET}";
listener.name.sasl.scram-sha-256.sasl.jaas.config={JAAS}.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config={JAAS}.scram.ScramLoginModule required;
listener.name.sasl.oauthbearer.sasl.jaas.config={JAAS}.oauthbearer.OAuthBearerLoginModule required \\
  unsecuredLoginStringClaim_sub="broker";
"""


class Guarded:
    """A broker with listeners for TLS and SASL, its certificates, and how to sign in."""

    def __init__(self, folder: Path) -> None:
        """Make certificates and start it."""
        self.folder = folder
        self.tls, self.sasl = free_ports(2)
        self._certificates()
        settings = SETTINGS % {"tls": self.tls, "sasl": self.sasl, "folder": folder}
        self.broker = Breakable(folder / "kafka", settings)
        client = KafkaAdminClient(bootstrap_servers=self.broker.address)
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            said = client.alter_user_scram_credentials([UserScramCredentialUpsertion("ann", mechanism, SECRET)])
            assert said == {"ann": None}, said
        client.close()
        (folder / "password").write_text(f"{SECRET}\n")
        (folder / "token").write_text(token())

    def _certificates(self) -> None:
        make = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
        self._openssl(*make, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=tests")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:false")
        for name, more in (("server", ("-addext", "subjectAltName=IP:127.0.0.1")), ("client", ())):
            words = ("-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}")
            self._openssl(*make, *signed, *more, *words)
        pem = (self.folder / "server.key").read_text() + (self.folder / "server.crt").read_text()
        (self.folder / "server.pem").write_text(pem)

    def _openssl(self, *words: str) -> None:
        openssl = shutil.which("openssl")
        if openssl is None:
            raise NoBrokerError("no openssl to make certificates with")
        done = subprocess.run([openssl, *words], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def settings(self, way: str) -> dict[str, str]:
        """What stands in the environment to sign in this way."""
        trust = {"CA_FILE": str(self.folder / "ca.pem")}
        if way == "TLS":
            own = {"CERTIFICATE_FILE": str(self.folder / "client.crt"), "KEY_FILE": str(self.folder / "client.key")}
            return named(f"127.0.0.1:{self.tls}", {"PROTOCOL": "SSL"} | trust | own)
        by = {"TOKEN_FILE": str(self.folder / "token")}
        if way != "OAUTHBEARER":
            by = {"USERNAME": "ann", "PASSWORD_FILE": str(self.folder / "password")}
        return named(f"127.0.0.1:{self.sasl}", {"PROTOCOL": "SASL_SSL", "MECHANISM": way} | trust | by)


def named(servers: str, more: dict[str, str]) -> dict[str, str]:
    """Settings by the names of their variables."""
    return {"SESSIONWATCH_KAFKA": servers} | {f"SESSIONWATCH_KAFKA_{name}": value for name, value in more.items()}


def token() -> str:
    """A token that nobody has signed, as a broker takes it that is told of no keys."""
    now_s = int(time.time())
    parts = ({"alg": "none"}, {"sub": "ann", "iat": now_s - 60, "exp": now_s + 3600})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """The broker; skips where there is none or no openssl."""
    try:
        made = Guarded(tmp_path_factory.mktemp("guarded"))
    except NoBrokerError as error:
        give_up("Kafka", error)
    yield made
    made.broker.end()


WAYS = ("TLS", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")


def test_live_works_by_every_way(guarded: Guarded, unique: str, tmp_path: Path, lines: list[bytes]) -> None:
    """Topics are checked, events read in a group, notices and state written: by certificates and by each mechanism."""
    stages = []
    try:
        for way in WAYS:
            stage = Stage(guarded.broker.address, f"{unique}.{way.lower()}", tmp_path / way)
            stages.append(stage)
            stage.feed(lines[:40])
            stage.start(named=guarded.settings(way))
        for stage in stages:
            stage.until_judged()
    finally:
        for stage in stages:
            stage.close()


@pytest.mark.parametrize("way", WAYS[1:] if LONG else WAYS[1:2])
def test_who_may_not_in_is_told_so_in_one_line(guarded: Guarded, way: str, tmp_path: Path) -> None:
    """With a wrong password or token: the server is named and no secret is shown."""
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-secret")
    file = "TOKEN_FILE" if way == "OAUTHBEARER" else "PASSWORD_FILE"
    broker = connection(guarded.settings(way) | {f"SESSIONWATCH_KAFKA_{file}": str(wrong)})
    begun_s = time.monotonic()
    with pytest.raises(KafkaError) as refused, admin(broker) as client:
        find(client, ["events"])
    assert time.monotonic() - begun_s < WAIT_MAX_S
    assert "\n" not in str(refused.value)
    assert str(guarded.sasl) in str(refused.value)
    assert "not-the-secret" not in str(refused.value)
