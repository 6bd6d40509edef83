"""From PATHs to records with positions: which files, how they are packed, how records stand in them."""
