"""From alerts to what is done about them: the policy, the outbox and its runner, brokers, and the audit log."""
