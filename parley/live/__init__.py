"""Nudges to browsers: one LISTEN a process, a bounded queue a listener, and no query for any of them."""
