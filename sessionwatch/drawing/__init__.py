"""Pictures for people, as SVG; nothing here judges."""
