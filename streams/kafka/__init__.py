"""Kafka: topics, the lane that hands whole batches to one function and keeps its state, bounded history."""
