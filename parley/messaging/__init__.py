"""The heart: one road in, one road out."""
