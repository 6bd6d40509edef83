"""The far sides of sinks: what answers them in the tests."""
