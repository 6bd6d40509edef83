"""Tests of `sessionwatch.live`."""
