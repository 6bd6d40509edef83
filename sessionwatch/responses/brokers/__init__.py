"""The adapters of brokers, one file each; a class of `Broker` in a file here is found by its `name`."""
