"""docker-compose.yml and the image, without Docker: the schema, a linter, commands that parse, names that agree.

What a container does at its start is not seen here: the same commands run as local processes in the other tests.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from typer.testing import CliRunner

from sessionwatch import __version__
from sessionwatch.cli.main import app
from sessionwatch.live.metrics import CATALOGUE
from sessionwatch.settings.reading import read_settings

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "examples" / "compose"
DASHBOARD = FOLDER / "grafana" / "dashboards" / "sessionwatch.json"
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+\.\d+(-[\w-]+)?")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file, as YAML."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def ours(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The services of our own image."""
    return {name: one for name, one in compose["services"].items() if "build" in one}


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """By the path in the container what is mounted there."""
    parts = [volume.split(":") for volume in service.get("volumes", [])]
    return {part[1]: part[0] for part in parts}


def test_it_fits_the_compose_specification(compose: dict[str, Any]) -> None:
    """By the specification's own schema."""
    schema = get_builtin_schema("vendor.compose-spec")
    jsonschema.Draft7Validator({**schema, "$schema": "http://json-schema.org/draft-07/schema#"}).validate(compose)


def test_every_image_has_a_version(compose: dict[str, Any]) -> None:
    """What is tried tomorrow is what was tried today; ours has the version of the project."""
    for name, service in compose["services"].items():
        assert PINNED.fullmatch(service["image"]), name
    assert {one["image"] for one in ours(compose).values()} == {f"sessionwatch:{__version__}"}
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert all(PINNED.fullmatch(base) for base in bases)


def test_every_command_of_ours_is_understood(compose: dict[str, Any]) -> None:
    """With its settings file, as it stands in the project."""
    services = ours(compose)
    assert {"topics", "live", "watch"} <= set(services)
    for name, service in services.items():
        files = mounts(service)
        words = [str(ROOT / files[word]) if word in files else word for word in service["command"]]
        ended = CliRunner().invoke(app, [*words, "--help"], env={"SESSIONWATCH_MONITOR": "0.0.0.0:9464"})
        assert ended.exit_code == 0, (name, ended.output, ended.exception)
        assert "Usage:" in ended.output


def test_names_and_ports_agree(compose: dict[str, Any]) -> None:
    """Who scrapes whom, who reads what, and nothing that is open to the network around."""
    services, settings = compose["services"], read_settings(FOLDER / "settings.yaml", {}, {"kafka", "watch"})
    assert settings.monitor == "0.0.0.0:9464"  # of a container
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "EXPOSE 9464" in dockerfile
    assert "http://127.0.0.1:9464/healthz" in dockerfile
    scraped = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"][0]["static_configs"][0][
        "targets"
    ]
    assert set(scraped) == {f"{name}:9464" for name in ours(compose) if name != "topics"}
    assert settings.kafka is not None
    for server in settings.kafka.servers:
        assert f"INSIDE://{server}" in services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    source = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert set(service.get("depends_on", {})) <= set(services), name
        for inside, outside in mounts(service).items():
            known = (ROOT / outside).exists() if outside.startswith("./") else outside in compose["volumes"]
            assert known, (name, outside)
            assert inside.startswith("/"), name


def test_what_the_watch_reads_is_what_keycloak_writes(compose: dict[str, Any]) -> None:
    """One volume, seen from two sides."""
    services = compose["services"]
    (log,) = [word.split("=", 1)[1] for word in services["keycloak"]["command"] if word.startswith("--log-file=")]
    (written,) = [at for at, volume in mounts(services["keycloak"]).items() if volume == "keycloak"]
    (read,) = [at for at, volume in mounts(services["watch"]).items() if volume == "keycloak"]
    settings = read_settings(FOLDER / "settings.yaml", {}, {"watch"})
    assert settings.watch.paths == (log.replace(written, read),)
    assert str(settings.watch.state).startswith("/var/lib/sessionwatch/")


def test_dashboard_and_alarms_ask_for_metrics_that_there_are() -> None:
    """And the dashboard for nearly all of them."""
    dashboard = json.loads(DASHBOARD.read_text())
    texts = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"sessionwatch_(\w+)", " ".join(texts))}
    alarms = set(re.findall(r"sessionwatch_(\w+)", (FOLDER / "alarms.yml").read_text()))
    assert shown | alarms <= set(CATALOGUE)
    assert len(shown) > 20
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {"prometheus"}


def test_the_image_has_no_root_no_tools_and_a_health_check() -> None:
    """By hadolint, and by what it does not look at."""
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    last = (ROOT / "Dockerfile").read_text().rsplit("\nFROM ", 1)[1]
    assert re.search(r"^USER (?!0|root)\d+:\d+$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "pip uninstall" in last
    assert "pip install" not in last
    assert re.findall(r"^COPY (\S+)", last, re.MULTILINE) == ["--from=build"]


def test_only_what_is_named_goes_into_a_build() -> None:
    """A log or a secret that lies in the checkout cannot end in an image; all that is named is there."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    named = [line.removeprefix("!") for line in lines[1:] if line.startswith("!")]
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert {"models", "geo", "detectors", "streams", "sessionwatch", "rules", "pyproject.toml"} <= set(named)
