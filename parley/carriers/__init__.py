"""Carriers move texts. Each lives in a folder of its own that can be deleted; all speak the words of `base`."""
