"""Rule files to compiled rules: strict loading, conditions, lists, each rule's own tests."""
