"""Calls on the number that texts: who is rung, what callers hear, what they leave, and that it stands in the thread."""
