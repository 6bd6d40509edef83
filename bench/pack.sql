-- The starter pack as an analyst would write it over one file: load once, then a query for each rule.
-- A query's name is its rule's. SQL cannot learn, fold or be suspicious; where a rule does, the nearest equivalent
-- stands here, and says so. Nothing is said of why, of what was set aside, or of what could not be judged.
-- Not here: session_overlong, which is off, and new_network, which only watches: the file names no operators.

-- name: load
CREATE OR REPLACE TABLE events AS
SELECT id, "at", kind, "user", session, "action", outcome, ip, user_agent, device, coalesce("role", '') AS "role",
       coalesce(interactive, true) AS interactive, coalesce("count", 1) AS objects, coalesce(bytes, 0) AS bytes,
       coalesce(target, '') AS target, place.latitude AS latitude, place.longitude AS longitude,
       place.country AS country, coalesce(place.network_class, '') AS network_class
FROM read_json('{file}', format = 'newline_delimited', columns = {
    id: 'VARCHAR', "at": 'TIMESTAMP', kind: 'VARCHAR', "user": 'VARCHAR', session: 'VARCHAR', "action": 'VARCHAR',
    outcome: 'VARCHAR', ip: 'VARCHAR', user_agent: 'VARCHAR', device: 'VARCHAR', "role": 'VARCHAR',
    interactive: 'BOOLEAN', "count": 'BIGINT', bytes: 'BIGINT', target: 'VARCHAR',
    place: 'STRUCT(latitude DOUBLE, longitude DOUBLE, country VARCHAR, network_class VARCHAR)'
});

-- name: impossible_travel
WITH steps AS (
    SELECT "user", "at", ip, device, latitude, longitude,
           lag("at") OVER w AS before_at, lag(ip) OVER w AS before_ip, lag(device) OVER w AS before_device,
           lag(latitude) OVER w AS before_latitude, lag(longitude) OVER w AS before_longitude
    FROM events
    WHERE kind = 'login' AND interactive AND outcome <> 'failure' AND latitude IS NOT NULL
    WINDOW w AS (PARTITION BY "user" ORDER BY "at")
), far AS (
    SELECT *, 2 * 6371 * asin(sqrt(pow(sin(radians(latitude - before_latitude) / 2), 2)
           + cos(radians(latitude)) * cos(radians(before_latitude))
           * pow(sin(radians(longitude - before_longitude) / 2), 2))) - 100 AS km
    FROM steps WHERE before_at IS NOT NULL AND ip <> before_ip
)
SELECT "user", "at", before_at, ip, before_ip, km FROM far
WHERE km > 300 AND km > 900 * greatest(epoch("at" - before_at), 1) / 3600;

-- name: geo_velocity
-- By day instead of a sliding window.
WITH steps AS (
    SELECT "user", "at", country, latitude, longitude,
           lag(latitude) OVER w AS before_latitude, lag(longitude) OVER w AS before_longitude
    FROM events
    WHERE kind = 'login' AND interactive AND outcome <> 'failure' AND latitude IS NOT NULL
    WINDOW w AS (PARTITION BY "user" ORDER BY "at")
)
SELECT "user", date_trunc('day', "at") AS day, count(DISTINCT country) AS countries,
       sum(coalesce(2 * 6371 * asin(sqrt(pow(sin(radians(latitude - before_latitude) / 2), 2)
           + cos(radians(latitude)) * cos(radians(before_latitude))
           * pow(sin(radians(longitude - before_longitude) / 2), 2))), 0)) AS km,
       epoch(max("at") - min("at")) / 3600 AS hours
FROM steps GROUP BY ALL HAVING countries >= 3 AND km > 2000 AND km > 500 * hours;

-- name: geo_velocity_failures
-- By hour instead of a sliding window.
WITH steps AS (
    SELECT "user", "at", country, latitude, longitude,
           lag(latitude) OVER w AS before_latitude, lag(longitude) OVER w AS before_longitude
    FROM events
    WHERE kind = 'login_failed' AND latitude IS NOT NULL
    WINDOW w AS (PARTITION BY "user" ORDER BY "at")
)
SELECT "user", date_trunc('hour', "at") AS hour, count(DISTINCT country) AS countries,
       sum(coalesce(2 * 6371 * asin(sqrt(pow(sin(radians(latitude - before_latitude) / 2), 2)
           + cos(radians(latitude)) * cos(radians(before_latitude))
           * pow(sin(radians(longitude - before_longitude) / 2), 2))), 0)) AS km,
       epoch(max("at") - min("at")) / 3600 AS hours
FROM steps GROUP BY ALL HAVING countries >= 4 AND km > 5000 AND km > 2000 * hours;

-- name: session_hijack
-- Another device at another address, or a place where nobody gets in the time.
WITH steps AS (
    SELECT "user", session, "at", ip, device, latitude, longitude, lag("at") OVER w AS before_at,
           lag(ip) OVER w AS before_ip, lag(device) OVER w AS before_device,
           lag(latitude) OVER w AS before_latitude, lag(longitude) OVER w AS before_longitude
    FROM events
    WHERE kind IN ('login', 'activity', 'refresh', 'export', 'credential_change', 'privilege_change')
      AND interactive AND session <> ''
    WINDOW w AS (PARTITION BY "user", session ORDER BY "at")
), moved AS (
    SELECT *, 2 * 6371 * asin(sqrt(pow(sin(radians(latitude - before_latitude) / 2), 2)
           + cos(radians(latitude)) * cos(radians(before_latitude))
           * pow(sin(radians(longitude - before_longitude) / 2), 2))) - 100 AS km
    FROM steps WHERE before_ip IS NOT NULL AND ip <> before_ip AND device IS DISTINCT FROM before_device
       OR before_ip IS NOT NULL AND ip <> before_ip AND device = ''
)
SELECT "user", session, "at", ip, before_ip, device, before_device, km FROM moved
WHERE device <> before_device OR km >= 500 AND km > 900 * greatest(epoch("at" - before_at), 1) / 3600;

-- name: session_hijack_role
WITH steps AS (
    SELECT session, "at", ip, device, lag(ip) OVER w AS before_ip, lag(device) OVER w AS before_device
    FROM events
    WHERE kind NOT IN ('logout', 'timeout', 'revoked', 'verdict')
      AND NOT interactive AND "role" IN ('AssumedRole', 'FederatedUser') AND session <> ''
    WINDOW w AS (PARTITION BY session ORDER BY "at")
)
SELECT session, "at", ip, before_ip, device, before_device FROM steps
WHERE before_ip IS NOT NULL AND ip <> before_ip AND device <> before_device;

-- name: concurrent_sessions
-- By half-hour instead of by what is live.
SELECT "user", time_bucket(INTERVAL 30 MINUTE, "at") AS half_hour, count(DISTINCT device) AS devices,
       count(DISTINCT ip) AS networks
FROM events
WHERE kind IN ('login', 'activity', 'refresh', 'export') AND interactive AND session <> ''
GROUP BY ALL HAVING devices >= 3 AND networks >= 3;

-- name: new_country
-- A country first seen after ten sign-ins.
WITH ordered AS (
    SELECT "user", "at", country, row_number() OVER (PARTITION BY "user" ORDER BY "at") AS n
    FROM events WHERE kind = 'login' AND interactive AND outcome <> 'failure' AND country <> ''
)
SELECT "user", country, min("at") AS first_at, min(n) AS n FROM ordered GROUP BY ALL HAVING min(n) > 10;

-- name: new_device
-- A device first seen after ten sign-ins, at an address first seen then too.
WITH ordered AS (
    SELECT "user", "at", device, ip, row_number() OVER (PARTITION BY "user" ORDER BY "at") AS n
    FROM events
    WHERE kind = 'login' AND interactive AND outcome <> 'failure' AND device <> '' AND device <> 'shared-workstation'
), devices AS (
    SELECT "user", device, min(n) AS n, arg_min(ip, n) AS ip FROM ordered GROUP BY ALL HAVING min(n) > 10
)
SELECT devices.* FROM devices
WHERE NOT EXISTS (
    SELECT 1 FROM ordered WHERE ordered."user" = devices."user" AND ordered.ip = devices.ip AND ordered.n < devices.n
);

-- name: new_device_mfa
WITH ordered AS (
    SELECT "user", "at", device, row_number() OVER (PARTITION BY "user" ORDER BY "at") AS n
    FROM events WHERE kind IN ('mfa_challenge', 'mfa_result', 'device_enrolled') AND device <> ''
)
SELECT "user", device, min("at") AS first_at, min(n) AS n FROM ordered GROUP BY ALL HAVING min(n) > 10;

-- name: mass_export
WITH windows AS (
    SELECT "user", "at", sum(objects) OVER w AS objects, sum(bytes) OVER w AS bytes
    FROM events
    WHERE kind = 'export' AND outcome <> 'failure' AND "role" NOT IN ('AssumedRole', 'FederatedUser', 'AWSAccount')
    WINDOW w AS (PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND CURRENT ROW)
), days AS (
    SELECT "user", date_trunc('day', "at") AS day, max(objects) AS objects, max(bytes) AS bytes
    FROM windows GROUP BY ALL
), habits AS (
    SELECT *, median(objects) OVER w AS usual_objects, median(bytes) OVER w AS usual_bytes, count(*) OVER w AS days
    FROM days
    WINDOW w AS (PARTITION BY "user" ORDER BY day ROWS BETWEEN 30 PRECEDING AND 1 PRECEDING)
)
SELECT * FROM habits
WHERE objects >= 1000 OR bytes >= 5000000000
   OR (days >= 5 AND (objects > greatest(100, 2.2 * usual_objects) OR bytes > greatest(500000000, 2.2 * usual_bytes)));

-- name: brute_force
SELECT "user", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "at", count(*) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 10 MINUTE PRECEDING AND CURRENT ROW) AS n
    FROM events WHERE kind = 'login_failed'
) WHERE n >= 20 GROUP BY "user";

-- name: brute_force_many_countries
SELECT "user", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "at", count(DISTINCT country) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 30 MINUTE PRECEDING AND CURRENT ROW) AS n
    FROM events WHERE kind = 'login_failed'
) WHERE n >= 3 GROUP BY "user";

-- name: password_spray
-- Names that sign in there shortly before or after are those of people who mistyped.
SELECT ip, min("at") AS first_at, max(n) AS n FROM (
    SELECT ip, "at", count(DISTINCT "user") OVER (
        PARTITION BY ip ORDER BY "at" RANGE BETWEEN INTERVAL 30 MINUTE PRECEDING AND CURRENT ROW) AS n
    FROM events AS failed WHERE kind = 'login_failed'
      AND NOT EXISTS (SELECT 1 FROM events AS entered
        WHERE entered.kind = 'login' AND entered.ip = failed.ip AND entered."user" = failed."user"
          AND entered."at" BETWEEN failed."at" - INTERVAL 30 MINUTE AND failed."at" + INTERVAL 30 MINUTE)
) WHERE n >= 15 GROUP BY ALL;

-- name: mfa_fatigue
-- A push is unanswered where the next thing that happens is another.
WITH pushes AS (
    SELECT "user", "at", kind, outcome, lead(kind) OVER (PARTITION BY "user" ORDER BY "at") AS next_kind
    FROM events WHERE kind IN ('mfa_challenge', 'mfa_result')
)
SELECT "user", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "at", count(*) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 30 MINUTE PRECEDING AND CURRENT ROW) AS n
    FROM pushes
    WHERE outcome = 'failure' OR (kind = 'mfa_challenge' AND outcome = 'unknown' AND next_kind = 'mfa_challenge')
) WHERE n >= 10 GROUP BY ALL;

-- name: mass_read_secrets
SELECT "user", "action", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "action", "at", count(*) OVER (
        PARTITION BY "user", "action" ORDER BY "at" RANGE BETWEEN INTERVAL 10 MINUTE PRECEDING AND CURRENT ROW) AS n
    FROM events
    WHERE kind IN ('activity', 'export') AND "action" IN (
        'BatchGetSecretValue', 'Decrypt', 'GetParameter', 'GetParameters', 'GetParametersByPath', 'GetPasswordData',
        'GetSecretValue', 'read_secret')
) WHERE n >= 30 GROUP BY "user", "action";

-- name: mass_delete_secrets
SELECT "user", "action", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "action", "at", count(*) OVER (
        PARTITION BY "user", "action" ORDER BY "at" RANGE BETWEEN INTERVAL 10 MINUTE PRECEDING AND CURRENT ROW) AS n
    FROM events
    WHERE kind IN ('activity', 'policy_change', 'credential_change') AND "action" IN (
        'DeleteParameter', 'DeleteParameters', 'DeleteSecret', 'DisableKey', 'ScheduleKeyDeletion', 'delete_secret')
) WHERE n >= 15 GROUP BY "user", "action";

-- name: account_shared
SELECT "user", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "at", count(DISTINCT device) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW) AS n
    FROM events WHERE kind = 'login' AND interactive AND outcome <> 'failure' AND device NOT IN ('', 'shared-workstation')
      AND network_class NOT IN ('corporate', 'sase', 'private')
) WHERE n >= 5 GROUP BY ALL;

-- name: account_shared_house
SELECT "user", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "at", count(DISTINCT device) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 12 HOUR PRECEDING AND CURRENT ROW) AS n
    FROM events WHERE kind = 'login' AND interactive AND outcome <> 'failure' AND device <> '' AND network_class IN ('corporate', 'private')
) WHERE n >= 12 GROUP BY ALL;

-- name: audit_switched_off
SELECT "user", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "at", count(*) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND CURRENT ROW) AS n
    FROM events WHERE kind IN ('policy_change', 'activity', 'account_change', 'privilege_change') AND outcome <> 'failure'
      AND "action" IN ('StopLogging', 'DeleteTrail', 'PutEventSelectors', 'DeleteEventDataStore',
        'StopEventDataStoreIngestion', 'StopConfigurationRecorder', 'DeleteConfigurationRecorder',
        'DeleteDeliveryChannel')
) WHERE n >= 1 GROUP BY ALL;

-- name: brute_force_slow
SELECT "user", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "at", count(*) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 12 HOUR PRECEDING AND CURRENT ROW) AS n
    FROM events WHERE kind = 'login_failed' AND interactive
) WHERE n >= 50 GROUP BY ALL;

-- name: credential_change_many
SELECT "user", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "at", count(DISTINCT target) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 30 MINUTE PRECEDING AND CURRENT ROW) AS n
    FROM events WHERE kind = 'credential_change' AND outcome <> 'failure' AND target <> ''
      AND "role" NOT IN ('AssumedRole', 'AWSService')
) WHERE n >= 10 GROUP BY ALL;

-- name: emergency_access
SELECT "user", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "at", count(*) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 12 HOUR PRECEDING AND CURRENT ROW) AS n
    FROM events WHERE kind = 'emergency_access' AND outcome <> 'failure'
) WHERE n >= 1 GROUP BY ALL;

-- name: emergency_access_often
SELECT "user", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "at", count(*) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 8 HOUR PRECEDING AND CURRENT ROW) AS n
    FROM events WHERE kind = 'emergency_access' AND outcome <> 'failure'
) WHERE n >= 6 GROUP BY ALL;

-- name: impersonation
SELECT "user", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "at", count(DISTINCT target) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 8 HOUR PRECEDING AND CURRENT ROW) AS n
    FROM events WHERE kind = 'impersonation' AND outcome <> 'failure' AND target <> ''
) WHERE n >= 10 GROUP BY ALL;

-- name: lockout_repeated
SELECT "user", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "at", count(*) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW) AS n
    FROM events WHERE kind = 'lockout'
) WHERE n >= 5 GROUP BY ALL;

-- name: mass_export_slow
SELECT "user", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "at", sum(objects) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 7 DAY PRECEDING AND CURRENT ROW) AS n
    FROM events WHERE kind = 'export' AND interactive AND outcome <> 'failure' AND "role" NOT IN ('AssumedRole', 'FederatedUser', 'AWSAccount')
) WHERE n >= 20000 GROUP BY ALL;

-- name: mass_read_secrets_slow
SELECT "user", "action", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "action", "at", count(*) OVER (
        PARTITION BY "user", "action" ORDER BY "at" RANGE BETWEEN INTERVAL 6 HOUR PRECEDING AND CURRENT ROW) AS n
    FROM events WHERE kind IN ('activity', 'export') AND interactive AND "action" IN (
        'BatchGetSecretValue', 'Decrypt', 'GetParameter', 'GetParameters', 'GetParametersByPath', 'GetPasswordData',
        'GetSecretValue', 'read_secret')
) WHERE n >= 60 GROUP BY ALL;

-- name: mfa_fatigue_slow
-- A push is unanswered where the next thing that happens is another.
WITH pushes AS (
    SELECT "user", "at", kind, outcome, lead(kind) OVER (PARTITION BY "user" ORDER BY "at") AS next_kind
    FROM events WHERE kind IN ('mfa_challenge', 'mfa_result')
)
SELECT "user", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "at", count(*) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 6 HOUR PRECEDING AND CURRENT ROW) AS n
    FROM pushes
    WHERE outcome = 'failure' OR (kind = 'mfa_challenge' AND outcome = 'unknown' AND next_kind = 'mfa_challenge')
) WHERE n >= 15 GROUP BY ALL;

-- name: password_spray_slow
-- Names that sign in there shortly before or after are those of people who mistyped.
SELECT ip, min("at") AS first_at, max(n) AS n FROM (
    SELECT ip, "at", count(DISTINCT "user") OVER (
        PARTITION BY ip ORDER BY "at" RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW) AS n
    FROM events AS failed WHERE kind = 'login_failed' AND network_class NOT IN ('corporate', 'sase', 'private')
      AND NOT EXISTS (SELECT 1 FROM events AS entered
        WHERE entered.kind = 'login' AND entered.ip = failed.ip AND entered."user" = failed."user"
          AND entered."at" BETWEEN failed."at" - INTERVAL 1 HOUR AND failed."at" + INTERVAL 1 HOUR)
) WHERE n >= 30 GROUP BY ALL;

-- name: refused_requests
SELECT "user", min("at") AS first_at, max(n) AS n FROM (
    SELECT "user", "at", count(*) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 10 MINUTE PRECEDING AND CURRENT ROW) AS n
    FROM events WHERE kind IN ('activity', 'export') AND outcome = 'failure'
) WHERE n >= 20 GROUP BY ALL;

-- name: lockout_wave
SELECT time_bucket(INTERVAL 1 HOUR, "at") AS hour, count(DISTINCT "user") AS n
FROM events WHERE kind = 'lockout' GROUP BY ALL HAVING n >= 15;

-- name: password_spray_wide
SELECT time_bucket(INTERVAL 30 MINUTE, "at") AS half_hour, count(DISTINCT "user") AS n
FROM events WHERE kind = 'login_failed' AND interactive AND network_class IN ('hosting', 'tor', 'vpn')
GROUP BY ALL HAVING n >= 15;

-- name: mass_export_program
WITH windows AS (
    SELECT "user", "at", sum(objects) OVER w AS objects, sum(bytes) OVER w AS bytes
    FROM events
    WHERE kind = 'export' AND outcome <> 'failure' AND NOT interactive
      AND "role" NOT IN ('AssumedRole', 'FederatedUser', 'AWSAccount')
    WINDOW w AS (PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND CURRENT ROW)
), days AS (
    SELECT "user", date_trunc('day', "at") AS day, max(objects) AS objects, max(bytes) AS bytes
    FROM windows GROUP BY ALL
), habits AS (
    SELECT *, max(objects) OVER w AS top_objects, max(bytes) OVER w AS top_bytes, count(*) OVER w AS days
    FROM days
    WINDOW w AS (PARTITION BY "user" ORDER BY day ROWS BETWEEN 30 PRECEDING AND 1 PRECEDING)
)
SELECT * FROM habits
WHERE days >= 5 AND (objects > greatest(1000, 2 * top_objects) OR bytes > greatest(5000000000, 2 * top_bytes));

-- name: dormant_account
SELECT * FROM (
    SELECT "user", "at", lag("at") OVER (PARTITION BY "user" ORDER BY "at") AS before_at
    FROM events WHERE kind = 'login' AND interactive AND outcome <> 'failure'
) WHERE "at" - before_at >= INTERVAL 60 DAY;

-- name: impersonation_then_export
SELECT * FROM (
    SELECT "user", "at", kind, outcome, ip, objects, bytes, network_class, count(*) FILTER (WHERE kind = 'impersonation') OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 2 HOUR PRECEDING AND CURRENT ROW) AS firsts
    FROM events WHERE (kind = 'impersonation') OR (kind = 'export' AND outcome <> 'failure' AND (objects >= 20 OR bytes >= 100000000))
) WHERE kind = 'export' AND outcome <> 'failure' AND (objects >= 20 OR bytes >= 100000000) AND firsts >= 1;

-- name: privilege_then_export
SELECT * FROM (
    SELECT "user", "at", kind, outcome, ip, objects, bytes, network_class, count(*) FILTER (WHERE kind = 'privilege_change' AND outcome <> 'failure') OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 3 HOUR PRECEDING AND CURRENT ROW) AS firsts
    FROM events WHERE (kind = 'privilege_change' AND outcome <> 'failure') OR (kind = 'export' AND outcome <> 'failure' AND (objects >= 20 OR bytes >= 100000000))
) WHERE kind = 'export' AND outcome <> 'failure' AND (objects >= 20 OR bytes >= 100000000) AND firsts >= 1;

-- name: success_after_failures
SELECT * FROM (
    SELECT "user", "at", kind, outcome, ip, objects, bytes, network_class, count(*) FILTER (WHERE kind = 'login_failed') OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 30 MINUTE PRECEDING AND CURRENT ROW) AS firsts
    FROM events WHERE (kind = 'login_failed') OR (kind = 'login' AND outcome <> 'failure')
) WHERE kind = 'login' AND outcome <> 'failure' AND firsts >= 6;

-- name: credential_stuffing
SELECT * FROM (
    SELECT ip, "at", kind, outcome, objects, bytes, network_class, count(DISTINCT "user") FILTER (WHERE kind = 'login_failed') OVER (
        PARTITION BY ip ORDER BY "at" RANGE BETWEEN INTERVAL 15 MINUTE PRECEDING AND CURRENT ROW) AS firsts
    FROM events WHERE (kind = 'login_failed') OR (kind = 'login' AND outcome <> 'failure')
) WHERE kind = 'login' AND outcome <> 'failure' AND firsts >= 10;

-- name: mfa_fatigue_approved
WITH pushes AS (
    SELECT "user", "at", kind, outcome, ip, lead(kind) OVER (PARTITION BY "user" ORDER BY "at") AS next_kind
    FROM events WHERE kind IN ('mfa_challenge', 'mfa_result')
)
SELECT * FROM (
    SELECT "user", "at", kind, outcome, ip, count(*) FILTER (
        WHERE outcome = 'failure' OR (kind = 'mfa_challenge' AND outcome = 'unknown' AND next_kind = 'mfa_challenge')) OVER (
        PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 30 MINUTE PRECEDING AND CURRENT ROW) AS firsts
    FROM pushes
) WHERE kind = 'mfa_result' AND outcome = 'success' AND firsts >= 5;

-- name: brute_force_account_change
SELECT * FROM (
    SELECT "user", "at", kind, outcome, count(*) FILTER (WHERE kind = 'login_failed') OVER w AS failures,
           count(*) FILTER (WHERE kind = 'login' AND outcome <> 'failure') OVER w AS logins
    FROM events WHERE kind IN ('login', 'login_failed', 'credential_change', 'account_change', 'device_enrolled')
    WINDOW w AS (PARTITION BY "user" ORDER BY "at" RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND CURRENT ROW)
) WHERE kind NOT IN ('login', 'login_failed') AND outcome <> 'failure' AND failures >= 4 AND logins >= 1;

-- name: mfa_factor_changed_elsewhere
WITH changed AS (
    SELECT "user", "at", ip FROM events
    WHERE outcome <> 'failure' AND (kind = 'device_enrolled' OR kind = 'credential_change' AND "action" IN (
        'remove_mfa', 'DeactivateMFADevice', 'DeleteVirtualMFADevice', 'user.mfa.factor.deactivate',
        'user.mfa.factor.reset_all', 'user.mfa.factor.suspend', 'REMOVE_TOTP', 'REMOVE_CREDENTIAL'))
), logins AS (
    SELECT "user", "at", ip, min("at") OVER (PARTITION BY "user", ip) AS ip_since, min("at") OVER (PARTITION BY "user")
           AS since
    FROM events WHERE kind = 'login' AND interactive AND outcome <> 'failure'
)
SELECT logins.* FROM logins JOIN changed
  ON logins."user" = changed."user" AND logins."at" BETWEEN changed."at" AND changed."at" + INTERVAL 4 HOUR
WHERE logins.ip <> changed.ip AND logins."at" - logins.since > INTERVAL 1 DAY
  AND logins."at" - logins.ip_since <= INTERVAL 1 DAY;

-- name: mfa_enrolled_then_login
-- The country stands for the network's operator, which the file does not name.
WITH enrolled AS (
    SELECT "user", "at", ip FROM events
    WHERE kind = 'device_enrolled' AND outcome <> 'failure' AND network_class NOT IN ('corporate', 'sase', 'private')
), logins AS (
    SELECT "user", "at", ip, country, network_class, min("at") OVER (PARTITION BY "user", country) AS country_since,
           min("at") OVER (PARTITION BY "user") AS since
    FROM events WHERE kind = 'login' AND interactive AND outcome <> 'failure' AND country IS NOT NULL
)
SELECT logins.* FROM logins JOIN enrolled
  ON logins."user" = enrolled."user" AND logins."at" BETWEEN enrolled."at" AND enrolled."at" + INTERVAL 1 HOUR
WHERE logins.ip = enrolled.ip AND logins.network_class NOT IN ('corporate', 'sase', 'private')
  AND logins."at" - logins.since > INTERVAL 7 DAY AND logins."at" - logins.country_since <= INTERVAL 1 DAY;

-- name: mfa_removed_then_login
-- A network met for the first time that day, by its address.
WITH removed AS (
    SELECT "user", "at" FROM events
    WHERE kind = 'credential_change' AND outcome <> 'failure' AND network_class NOT IN ('corporate', 'sase', 'private')
      AND "action" IN (
        'remove_mfa', 'reset_mfa', 'DeactivateMFADevice', 'DeleteVirtualMFADevice', 'user.mfa.factor.deactivate',
        'user.mfa.factor.reset_all', 'user.mfa.factor.suspend', 'REMOVE_TOTP', 'REMOVE_CREDENTIAL', '2sv_disable',
        'Disable Strong Authentication.', 'User deleted security info', 'Admin deleted security info', 'gd_unenroll')
), logins AS (
    SELECT "user", "at", ip, network_class, min("at") OVER (PARTITION BY "user", ip) AS ip_since,
           min("at") OVER (PARTITION BY "user") AS since
    FROM events WHERE kind = 'login' AND interactive AND outcome <> 'failure'
)
SELECT logins.* FROM logins JOIN removed
  ON logins."user" = removed."user" AND logins."at" BETWEEN removed."at" AND removed."at" + INTERVAL 4 HOUR
WHERE logins.network_class NOT IN ('corporate', 'sase', 'private') AND logins."at" - logins.since > INTERVAL 1 DAY
  AND logins."at" - logins.ip_since <= INTERVAL 1 DAY;

-- name: mfa_reset_then_login
-- The country stands for the network's operator, which the file does not name.
WITH reset AS (
    SELECT lower(target) AS "user", "user" AS by_user, "at" FROM events
    WHERE kind = 'credential_change' AND outcome <> 'failure' AND target <> '' AND lower(target) <> "user"
      AND "action" IN (
        'remove_mfa', 'reset_mfa', 'DeactivateMFADevice', 'DeleteVirtualMFADevice', 'user.mfa.factor.deactivate',
        'user.mfa.factor.reset_all', 'user.mfa.factor.suspend', 'REMOVE_TOTP', 'REMOVE_CREDENTIAL', '2sv_disable',
        'Disable Strong Authentication.', 'User deleted security info', 'Admin deleted security info', 'gd_unenroll')
), logins AS (
    SELECT "user", "at", country, min("at") OVER (PARTITION BY "user", country) AS country_since,
           min("at") OVER (PARTITION BY "user") AS since
    FROM events WHERE kind = 'login' AND interactive AND outcome <> 'failure' AND country IS NOT NULL
)
SELECT logins.* FROM logins JOIN reset
  ON logins."user" = reset."user" AND logins."at" BETWEEN reset."at" AND reset."at" + INTERVAL 4 HOUR
WHERE logins."at" - logins.since > INTERVAL 7 DAY AND logins."at" - logins.country_since <= INTERVAL 1 DAY;

-- name: privilege_given_then_export
SELECT exports."user", exports."at", given.by_user FROM events AS exports JOIN (
    SELECT lower(target) AS "user", "user" AS by_user, "at" FROM events
    WHERE kind = 'privilege_change' AND outcome <> 'failure' AND target <> '' AND lower(target) <> "user"
      AND "role" NOT IN ('AssumedRole', 'FederatedUser', 'AWSAccount')
      AND NOT regexp_matches("action", '^([Rr]emove|[Rr]evoke|[Dd]elete|[Dd]etach)')
) AS given ON exports."user" = given."user" AND exports."at" BETWEEN given."at" AND given."at" + INTERVAL 3 HOUR
WHERE exports.kind = 'export' AND exports.outcome <> 'failure' AND (objects >= 100 OR bytes >= 500000000)
  AND "role" NOT IN ('AssumedRole', 'FederatedUser', 'AWSAccount');

-- name: session_policy
SELECT * FROM (
    SELECT "user", session, "at", kind, interactive, min("at") FILTER (WHERE kind IN ('logout', 'revoked')) OVER (
        PARTITION BY "user", session ORDER BY "at") AS ended_at
    FROM events WHERE session <> '' AND (kind IN ('logout', 'revoked') OR interactive AND kind IN (
        'login', 'activity', 'refresh', 'export', 'credential_change', 'privilege_change', 'account_change'))
) WHERE kind NOT IN ('login', 'logout', 'revoked') AND "at" - ended_at > INTERVAL 10 MINUTE;

-- name: unusual_hours
-- An hour of the day met for the first time by somebody known for four weeks.
WITH hours AS (
    SELECT "user", extract('hour' FROM "at") AS hour, min("at") AS first_at
    FROM events WHERE kind IN ('login', 'activity', 'export') AND interactive AND outcome <> 'failure' GROUP BY ALL
), known AS (SELECT *, min(first_at) OVER (PARTITION BY "user") AS since, count(*) OVER (PARTITION BY "user") AS met
    FROM hours)
SELECT * FROM known WHERE first_at - since > INTERVAL 28 DAY AND met <= 14;

-- name: unusual_hours_inside
WITH hours AS (
    SELECT "user", extract('hour' FROM "at") AS hour, min("at") AS first_at
    FROM events
    WHERE kind IN ('login', 'activity', 'export') AND interactive AND outcome <> 'failure'
      AND network_class IN ('corporate', 'private')
    GROUP BY ALL
), known AS (SELECT *, min(first_at) OVER (PARTITION BY "user") AS since, count(*) OVER (PARTITION BY "user") AS met
    FROM hours)
SELECT * FROM known WHERE first_at - since > INTERVAL 14 DAY AND met <= 14;

-- name: travel_load
-- The travel query alone, with the columns that it needs.
CREATE OR REPLACE TABLE events AS
SELECT "at", kind, "user", outcome, ip, device, coalesce(interactive, true) AS interactive,
       place.latitude AS latitude, place.longitude AS longitude
FROM read_json('{file}', format = 'newline_delimited', columns = {
    "at": 'TIMESTAMP', kind: 'VARCHAR', "user": 'VARCHAR', outcome: 'VARCHAR', ip: 'VARCHAR', device: 'VARCHAR',
    interactive: 'BOOLEAN', place: 'STRUCT(latitude DOUBLE, longitude DOUBLE)'
})
WHERE kind = 'login';
