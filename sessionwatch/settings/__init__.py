"""What an operator sets: one model over a settings file and the environment, for every command that keeps running."""
