"""The vocabulary: events, places, findings, alerts, notices, rules. Imports nothing of ours."""
