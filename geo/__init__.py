"""Where an address is, how sure that is, how far apart two places are, what kind of network it is."""
