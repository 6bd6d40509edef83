"""Bytes to events and alerts to bytes: sources, adapters, sinks, replay, dead letter. Never imports the engine."""
