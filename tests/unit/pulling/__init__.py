"""Tests of `sessionwatch.pulling`."""
