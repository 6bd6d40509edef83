"""The far sides of brokers: what each adapter talks to in the contract test."""
