"""Mappings: a log format as a YAML file, read as strictly as a rule, that becomes an adapter like the others."""
