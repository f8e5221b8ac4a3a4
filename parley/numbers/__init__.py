"""Numbers that Parley can send from."""
