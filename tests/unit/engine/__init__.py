"""The engine, idea by idea."""
