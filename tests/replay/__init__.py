"""Whole replays: a recorded day in, alerts out, byte for byte; the command line as a user types it."""
