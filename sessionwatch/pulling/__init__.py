"""Events fetched from where they are stored: looks over an overlap, a position kept, each event written once."""
