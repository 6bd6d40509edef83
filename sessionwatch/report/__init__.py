"""A report on paper or screen: one page that has everything in it and asks nobody for anything."""
