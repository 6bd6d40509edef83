"""Stories of alerts, and what would have silenced them."""
