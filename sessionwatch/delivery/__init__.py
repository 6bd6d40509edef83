"""Alerts on their way to a SIEM: read from a watch's state file, kept until they were taken, sent at least once."""
