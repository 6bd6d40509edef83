"""What is staged in the month: 120 attacks over the families that the pack looks for, strong ones and faint ones."""
