"""Traps of each format that its examples do not show: what lies, what is missing, what comes twice."""

from __future__ import annotations

import contextlib
import copy
import json

import pytest

from sessionwatch.errors import BadRecordError
from streams.adapters import adapters
from streams.adapters.adapter import Dropped
from tests.unit.streams.adapting import adapted, dropped, example

# Entra


@pytest.mark.parametrize("code", [50140, 65001, 50125, 16000])
def test_an_entra_interrupt_is_no_failure(code) -> None:
    """Pages between password and end of a sign-in have no outcome yet, and no login."""
    record = example("entra", "Graph") | {"status": {"errorCode": code}}
    (event,) = adapted("entra", record)
    assert (event.kind, event.outcome, event.reason) == ("activity", "unknown", str(code))


@pytest.mark.parametrize("code", [50072, 50074, 50076, 50079])
def test_an_entra_demand_for_a_second_factor_is_a_challenge(code) -> None:
    """The person is asked; that is no failure either."""
    (event,) = adapted("entra", example("entra", "Graph") | {"status": {"errorCode": code}})
    assert (event.kind, event.outcome) == ("mfa_challenge", "unknown")


@pytest.mark.parametrize("code", [50126, 50053, 50055, 50057, 90072, 700016])
@pytest.mark.parametrize("interactive", [True, False])
def test_an_entra_failure_is_one_with_or_without_the_person(code, interactive) -> None:
    """Wrong password, locked, expired, disabled, of another directory: failed logins, flagged as they are."""
    record = example("entra", "Graph") | {"status": {"errorCode": code}, "isInteractive": interactive}
    (event,) = adapted("entra", record)
    assert (event.kind, event.outcome, event.interactive) == ("login_failed", "failure", interactive)


def test_entra_text_and_code_that_disagree() -> None:
    """The code in `status` says what `resultType: Failure` leaves open, and a failure outweighs a zero."""
    record = example("entra", "diagnostic stream")
    record["resultType"] = "Failure"
    record["properties"]["status"] = {"errorCode": 50053}
    assert adapted("entra", record)[0].reason == "50053"
    record["resultType"], record["properties"]["status"] = "50126", {"errorCode": 0}
    assert adapted("entra", record)[0].kind == "login_failed"
    record["resultType"], record["properties"]["status"] = "Success", None
    assert adapted("entra", record)[0].outcome == "success"
    record["resultType"] = None
    with pytest.raises(BadRecordError, match="no_outcome"):
        adapted("entra", record)


def test_entra_columns_that_an_export_jitters_are_not_believed() -> None:
    """The place is LocationDetails, and never the columns Latitude and Longitude beside it."""
    login, _ = adapted("entra", example("entra", "SigninLogs"))
    assert login.place is not None
    assert (login.place.latitude, login.place.longitude, login.place.radius_km) == (50.63, 5.57, 50.0)
    assert (login.place.country, login.place.city, login.place.source) == ("BE", "Liège", "log")


def test_entra_objects_written_as_text_and_keys_in_lower_case() -> None:
    """Exports that write objects as text, or all keys in lower case, give the same events."""
    record = example("entra", "SigninLogs")
    as_text = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in record.items()}
    lower = {key.lower(): value for key, value in record.items()}
    assert adapted("entra", as_text) == adapted("entra", lower) == adapted("entra", record)


def test_an_entra_factor_taken_over_from_before_is_no_result() -> None:
    """A claim from an earlier second factor makes `mfa` true, and no new `mfa_result`."""
    record = example("entra", "SigninLogs")
    record["AuthenticationDetails"] = (
        '[{"authenticationMethod": "Previously satisfied", "succeeded": true,'
        ' "authenticationStepRequirement": "Multifactor authentication"}]'
    )
    record["AuthenticationRequirement"] = "singleFactorAuthentication"
    record["Status"] = {"errorCode": 0, "additionalDetails": "MFA requirement satisfied by claim in the token"}
    (event,) = adapted("entra", record)
    assert (event.kind, event.mfa) == ("login", True)


def test_an_entra_place_that_names_a_country_only_is_that_wide() -> None:
    """Without city and region the radius is a country's."""
    record = example("entra", "Graph")
    record["location"] = {
        "city": "",
        "state": "",
        "countryOrRegion": "US",
        "geoCoordinates": {"latitude": 0, "longitude": 0},
    }
    (event,) = adapted("entra", record)
    assert event.place is not None
    assert event.place.latitude == 0
    assert event.place.radius_km > 500


@pytest.mark.parametrize("category", ["AuditLogs", "P", "", "xSignInLogs"])
@pytest.mark.parametrize("envelope", ["SignInLogs", "AuditLogs", "xSignInLogs", "P"])
@pytest.mark.parametrize("name", ["entra", "azure_audit"])
def test_a_record_that_names_two_logs_is_not_handed_to_and_fro(name, envelope, category) -> None:
    """Where envelope and properties disagree, each adapter comes to an end, with an event, a drop or a fault."""
    record = example("azure_audit", "") | {"category": envelope}
    record["properties"] = {**record.get("properties", {}), "category": category}
    each = adapters()[name]
    with contextlib.suppress(BadRecordError):
        made = each.adapt(record)
        assert made.reason in each.drops if isinstance(made, Dropped) else made


# Okta


def test_an_okta_uuid_may_come_again() -> None:
    """The same uuid at another time is another event: id and time together tell."""
    one, other = example("okta", "a login"), example("okta", "a login")
    other["published"] = "2026-03-04T09:00:00.490Z"
    (first,), (second,) = adapted("okta", one), adapted("okta", other)
    assert first.id == second.id
    assert first.at != second.at


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ("SUCCESS", "success"),
        ("ALLOW", "success"),
        ("FAILURE", "failure"),
        ("DENY", "failure"),
        ("UNANSWERED", "failure"),
        ("CHALLENGE", "unknown"),
        ("SKIPPED", "unknown"),
        ("ABANDONED", "unknown"),
        (None, "unknown"),
    ],
)
def test_okta_outcomes(result, outcome) -> None:
    """What neither succeeded nor failed is unknown."""
    (event,) = adapted("okta", example("okta", "a push that nobody") | {"outcome": {"result": result}})
    assert event.outcome == outcome


def test_an_okta_policy_evaluation_is_no_challenge() -> None:
    """A challenge counts once, when it is sent."""
    record = example("okta", "a login") | {"eventType": "policy.evaluate_sign_on", "outcome": {"result": "CHALLENGE"}}
    assert adapted("okta", record)[0].kind == "activity"


def test_okta_words_for_no_session_are_none() -> None:
    """The words unknown and null in the place of a session do not join strangers into one."""
    for word in ("unknown", "null", "-", ""):
        record = example("okta", "a login")
        record["authenticationContext"]["externalSessionId"] = word
        assert adapted("okta", record)[0].session == ""


def test_an_okta_lockout_is_the_locked_users() -> None:
    """When the system locks an account the event is of that account."""
    record = example("okta", "Okta's own doing")
    record |= {
        "eventType": "user.account.lock",
        "target": [{"type": "User", "alternateId": "bob@clinic.example"}],
        "outcome": {"result": "FAILURE", "reason": "LOCKED_OUT"},
    }
    (event,) = adapted("okta", record)
    assert (event.kind, event.user, event.interactive) == ("lockout", "bob@clinic.example", False)


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("user.session.end", "logout"),
        ("user.session.impersonation.initiate", "impersonation"),
        ("user.mfa.factor.activate", "device_enrolled"),
        ("user.mfa.factor.reset_all", "credential_change"),
        ("user.account.update_password", "credential_change"),
        ("user.lifecycle.deactivate", "account_change"),
        ("group.privilege.grant", "privilege_change"),
        ("policy.rule.update", "policy_change"),
        ("app.oauth2.token.detect_reuse", "refresh"),
        ("user.authentication.sso", "activity"),
        ("something.new", "activity"),
    ],
)
def test_okta_kinds(event_type, kind) -> None:
    """Event types have the kind that a detection engineer would look for."""
    assert adapted("okta", example("okta", "a login") | {"eventType": event_type})[0].kind == kind


def test_an_okta_event_of_nobody_has_no_empty_attribute() -> None:
    """Where no actor is named, none is kept beside the user whose sessions ended."""
    record = example("okta", "an administrator ends") | {"actor": None}
    (event,) = adapted("okta", record)
    assert (event.user, "actor" in event.attributes) == ("bob@clinic.example", False)


# CloudTrail


def test_keys_of_one_role_session_are_one_session() -> None:
    """A role session that changes keys goes on; the key itself is an attribute."""
    record = example("cloudtrail", "an object read")
    other = copy.deepcopy(record)
    other["userIdentity"]["accessKeyId"] = "ASIAOTHERKEY"
    (one,), (two,) = adapted("cloudtrail", record), adapted("cloudtrail", other)
    assert one.session == two.session == record["userIdentity"]["arn"]
    assert one.attributes["access_key"] != two.attributes["access_key"]
    assert one.attributes["key_type"] == "temporary"


def test_a_long_lived_key_is_its_own_session() -> None:
    """A person's key is the session, and named as long-lived."""
    (event,) = adapted("cloudtrail", example("cloudtrail", "a key for another"))
    assert event.session == event.attributes["access_key"]
    assert event.attributes["key_type"] == "long_lived"


def test_roots_of_two_accounts_are_two_users() -> None:
    """`root` is in every account, also where the record does not write the name."""
    for name in ({}, {"userName": "root"}):
        record = example("cloudtrail", "root")
        record["userIdentity"] |= name
        assert adapted("cloudtrail", record)[0].user == "root@123456789012"


@pytest.mark.parametrize(
    ("arn", "user"),
    [
        ("arn:aws:sts::123456789012:assumed-role/reader/i-0abc", "reader"),
        ("arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_1/ann@clinic.example", "ann@clinic.example"),
        ("arn:aws:iam::123456789012:user/path/to/ann", "ann"),
        ("arn:aws:sts::123456789012:federated-user/ann", "ann"),
    ],
)
def test_users_out_of_arns(arn, user) -> None:
    """Where no name is written the ARN has it."""
    kind = "AssumedRole" if "assumed-role" in arn else "FederatedUser" if "federated" in arn else "IAMUser"
    record = example("cloudtrail", "a role assumed") | {"userIdentity": {"type": kind, "arn": arn}}
    assert adapted("cloudtrail", record)[0].user == user


def test_what_aws_does_in_a_persons_name_stays_theirs() -> None:
    """Calls through AWS are the person's, in the background, with AWS's name kept as the address's text."""
    (event,) = adapted("cloudtrail", example("cloudtrail", "AWS decrypts"))
    assert (event.user, event.interactive, event.attributes["invoked_by"]) == ("ann", False, "AWS Internal")


def test_times_that_shippers_write_elsewhere() -> None:
    """`@timestamp` stands in where `eventTime` was taken away."""
    record = example("cloudtrail", "a group")
    record["@timestamp"] = record.pop("eventTime")
    assert adapted("cloudtrail", record)[0].at.isoformat() == "2026-03-02T09:00:00+00:00"
    del record["@timestamp"]
    with pytest.raises(BadRecordError, match="no_time"):
        adapted("cloudtrail", record)


@pytest.mark.parametrize(
    ("name", "source", "kind"),
    [
        ("GetSecretValue", "secretsmanager", "export"),
        ("BatchGetSecretValue", "secretsmanager", "export"),
        ("Decrypt", "kms", "activity"),
        ("AssumeRoleWithSAML", "sts", "login"),
        ("GetSessionToken", "sts", "refresh"),
        ("DeleteTrail", "cloudtrail", "policy_change"),
        ("DescribeTrails", "cloudtrail", "activity"),
        ("PutBucketPolicy", "s3", "policy_change"),
        ("GetBucketPolicy", "s3", "activity"),
        ("ModifySnapshotAttribute", "ec2", "policy_change"),
        ("CreateUser", "iam", "account_change"),
        ("AttachUserPolicy", "iam", "privilege_change"),
        ("UpdateLoginProfile", "iam", "credential_change"),
        ("EnableMFADevice", "iam", "device_enrolled"),
        ("DeactivateMFADevice", "iam", "credential_change"),
        ("ListUsers", "iam", "activity"),
        ("RunInstances", "ec2", "activity"),
        ("DeleteParameter", "ssm", "activity"),
    ],
)
def test_cloudtrail_kinds(name, source, kind) -> None:
    """Calls have the kind that a detection engineer would look for."""
    record = example("cloudtrail", "a group") | {"eventName": name, "eventSource": f"{source}.amazonaws.com"}
    (event,) = adapted("cloudtrail", record)
    assert (event.kind, event.interactive) == (kind, False)


def test_no_secret_leaves_a_record() -> None:
    """Credentials in an answer are not copied anywhere into the event."""
    record = example("cloudtrail", "a role assumed")
    record["responseElements"] = {"credentials": {"sessionToken": "IQoJb3JpZ2luX2VjEKn", "accessKeyId": "ASIANEW"}}
    assert "IQoJ" not in repr(adapted("cloudtrail", record))


def test_a_service_with_nobody_named_is_dropped() -> None:
    """AWSService, only `invokedBy`, and service events of nobody are not sessions."""
    record = example("cloudtrail", "a group")
    assert dropped("cloudtrail", record | {"userIdentity": {"type": "AWSService"}}) == "aws_service"
    assert dropped("cloudtrail", record | {"userIdentity": {"invokedBy": "rds.amazonaws.com"}}) == "invoked_by_service"
    assert dropped("cloudtrail", record | {"userIdentity": None, "eventType": "AwsServiceEvent"}) == "aws_service"


def test_a_bucket_and_a_key_are_one_text_cut_like_others() -> None:
    """Each alone is within bounds, and so are both."""
    record = example("cloudtrail", "an object read")
    record["requestParameters"] |= {"bucketName": "b" * 900, "key": "k" * 900}
    assert len(adapted("cloudtrail", record)[0].resource) == 1024


# PingID


def test_pingid_twins_do_not_look_like_a_session_taken_over() -> None:
    """One session has one address: the one that asks. The telephone's is beside it, as an attribute."""
    (asked,) = adapted("pingid", example("pingid", "asks for access"))
    answer = example("pingid", "the telephone approves")
    answer["resources"][0]["ipaddress"] = "198.51.100.9"
    (answered,) = adapted("pingid", answer)
    assert asked.session == answered.session
    assert {asked.ip, answered.ip} - {""} == {"192.0.2.7"}
    assert answered.attributes["phone_ip"] == "198.51.100.9"


@pytest.mark.parametrize("result", [{"status": "FAILURE,authFail", "message": "x"}, None, {}])
def test_a_push_without_an_answer_is_a_failure(result) -> None:
    """Refused, timed out, or no result at all: it can be counted as a failure of the second factor."""
    (event,) = adapted("pingid", example("pingid", "nobody answers") | {"result": result})
    assert (event.kind, event.outcome, event.device) == ("mfa_result", "failure", "iPhone 6S")


def test_a_pairing_without_a_model_takes_the_quoted_name() -> None:
    """`Device Paired SMS "Mobile 1"` names the device in quotes; quotes inside quotes name it inside."""
    for message, device in (('Device Paired SMS "Mobile 1"', "Mobile 1"), ('Device Paired "Android "S22""', "S22")):
        record = example("pingid", "a new telephone")
        record["result"]["message"] = message
        record["resources"] = [{"ipaddress": "192.0.2.7"}]
        (event,) = adapted("pingid", record)
        assert (event.kind, event.device) == ("device_enrolled", device)
