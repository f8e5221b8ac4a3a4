"""A business's texts: the month's, and those it bought."""
