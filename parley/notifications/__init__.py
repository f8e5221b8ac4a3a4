"""Telling members."""
