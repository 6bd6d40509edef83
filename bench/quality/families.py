"""Which rules count as having found an attack of which family."""

from __future__ import annotations

from typing import Final

FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "brute_force": ("brute_force", "brute_force_slow"),
    "failures_in_many_countries": ("brute_force_many_countries", "geo_velocity_failures"),
    "password_spray": ("password_spray", "password_spray_slow"),
    "stuffing": ("credential_stuffing", "password_spray", "password_spray_slow", "password_spray_wide"),
    "mfa_fatigue": ("mfa_fatigue", "mfa_fatigue_slow"),
    "mfa_fatigue_approved": ("mfa_fatigue_approved",),
    "success_after_failures": ("success_after_failures", "brute_force_account_change"),
    "new_country": ("new_country",),
    "new_device": ("new_device", "new_network"),
    "session_hijack": ("session_hijack",),
    "role_hijack": ("session_hijack_role",),
    "concurrent_sessions": ("concurrent_sessions",),
    "impossible_travel": ("impossible_travel",),
    "many_places": ("geo_velocity",),
    "mass_export": ("mass_export", "mass_export_slow"),
    "mass_read_secrets": ("mass_read_secrets", "mass_read_secrets_slow"),
    "mass_delete_secrets": ("mass_delete_secrets",),
    "privilege_then_export": ("privilege_then_export", "privilege_given_then_export"),
    "factor_changed": (
        "mfa_factor_changed_elsewhere",
        "mfa_removed_then_login",
        "mfa_enrolled_then_login",
        "mfa_reset_then_login",
        "new_device_mfa",
    ),
    "audit_off": ("audit_switched_off",),
    "unusual_hours": ("unusual_hours", "unusual_hours_inside"),
    "dormant_account": ("dormant_account",),
    "emergency_access": ("emergency_access", "emergency_access_often"),
    "shared_account": ("account_shared", "account_shared_house"),
    "session_after_its_end": ("session_policy", "session_hijack"),
}
"""A family that no loaded rule answers for is said to be so, and counts as not found."""

BY_DESIGN: Final[frozenset[str]] = frozenset({"emergency_access"})
"""Rules that alert on what is allowed, so that somebody looks: their alerts in the harmless month are counted apart."""
