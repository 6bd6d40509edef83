"""The story of an alert for a person: what it rests on, in words and in order, and what would have silenced it."""
