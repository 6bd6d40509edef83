"""Pure judgement, one file a detector. No clock, no disk, no network. Read `impossible_travel.py` first."""
