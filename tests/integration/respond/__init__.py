"""Alerts of a watch acted on through the embedded broker, by the commands as an operator runs them."""
