"""What goes wrong with brokers and processes, on a real Apache Kafka; the alerts at the end are a replay's."""
