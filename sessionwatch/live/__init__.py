"""The engine at work on events as they arrive: batches of events in, notices and changed state out."""
