"""Properties: what holds for any events, in any order of arrival."""
