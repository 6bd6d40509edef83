"""The command line: one file a command, the summary, and what they share."""
