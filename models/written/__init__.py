"""What people write in YAML: read strictly, with every fault at its place. Rules, lists and mappings are read so."""
