"""Fingerprints: an update changes nothing, another program or system does, and a provider is nobody's device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.fingerprint import alike, device_of, fingerprint

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "text"),
    [
        (f"{WINDOWS} Chrome/126.0.0.0 Safari/537.36", "chrome on windows"),
        (f"{WINDOWS} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.61", "edge on windows"),
        (f"{WINDOWS} Chrome/106.0.0.0 Safari/537.36 OPR/92.0", "opera on windows"),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:102.0) Gecko/20100101 Firefox/102.0", "firefox on linux"),
        (f"{MAC} Version/17.5 Safari/605.1.15", "safari on macos"),
        (
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
            "chrome on chromeos",
        ),
        (f"{IPHONE} Version/17.5 Mobile/15E148 Safari/604.1", "ios"),
        (f"{IPHONE} CriOS/126.0 Mobile/15E148 Safari/604.1", "ios"),
        ("Outlook-iOS/723.4027091.prod.iphone (3.24.1)", "ios"),
        ("MyChart/10.9 CFNetwork/1494.0.7 Darwin/23.4.0", "ios"),
        ("Mozilla/5.0 (Linux; Android 14; SM-S901U) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", "android"),
        ("okhttp/4.12.0", "android"),
        ("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)", "android"),
        ("aws-cli/2.13.5 Python/3.11.4 Linux/4.14.255 exe/x86_64.amzn.2 prompt/off command/s3.cp", "aws-cli on linux"),
        ("[aws-cli/1.18.136 Python/3.8.5 Darwin/19.5.0 botocore/1.17.59]", "aws-cli on macos"),
        ("Boto3/1.26.165 Python/3.10.6 Linux/5.19.0-46-generic Botocore/1.29.165", "boto on linux"),
        ("aws-sdk-go-v2/1.17.0 os/linux lang/go/1.18.10 md/GOOS/linux api/sts/1.16.19", "aws-sdk-go-v2 on linux"),
        ("APN/1.0 HashiCorp/1.0 Terraform/1.1.2 (+https://www.terraform.io)", "terraform"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.31.0", "python"),
        ("Go-http-client/2.0", "go-http-client"),
        ("epic-hyperspace/2023.1 (build 7; Windows)", "epic-hyperspace on windows"),
        ("CareLink 4", "carelink"),
        ("stratus-red-team_01190e38-873e-4cc4-aede-7ceb7ffc2a4a", "stratus-red-team"),
    ],
)
def test_names_the_program_and_the_system(agent: str, text: str) -> None:
    """Browsers, phones' apps, command lines, kits and unknown programs: family and system, no versions."""
    assert fingerprint(agent).text == text


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "  ",
        "AWS Internal",
        "secretsmanager.amazonaws.com",
        "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.488 Linux/5.10]",
        "68319f60-9dec-43b2-9702-de3a08c9d8a3",
    ],
)
def test_the_provider_is_nobodys_device(agent: str) -> None:
    """What acts on somebody's behalf, or names a single run, says nothing about their device."""
    assert fingerprint(agent).text == ""


@given(st.integers(1, 999), st.integers(1, 999), st.integers(0, 9999))
def test_an_update_changes_nothing(old: int, new: int, build: int) -> None:
    """Whatever the versions, the same browser on the same system is the same."""
    before, after = (f"{WINDOWS} Chrome/{n}.0.{build}.0 Safari/537.36" for n in (old, new))
    assert fingerprint(before) == fingerprint(after)


@given(st.text(max_size=700))
def test_any_text_is_read(agent: str) -> None:
    """Nothing a client sends breaks it, and what comes out is short."""
    assert len(fingerprint(agent).text) < 100


def test_a_missing_system_is_no_difference() -> None:
    """A program that once names its system and once does not is one program; another system is another."""
    assert alike(fingerprint("aws-cli/2.13.0").text, fingerprint("aws-cli/2.15 Python/3.11 Linux/5.10").text)
    assert not alike(fingerprint("aws-cli/1.1 Darwin/19").text, fingerprint("aws-cli/1.1 Linux/5").text)
    assert not alike("aws-sdk-go", "aws-sdk-go-v2")


def test_a_device_id_speaks_before_the_agent() -> None:
    """The source's own id names the device where there is one."""
    assert device_of("d1", "curl/8") == "d1"
    assert device_of("", "curl/8") == "curl"
