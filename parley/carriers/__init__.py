"""Carriers move texts. Each is a folder that can be deleted; all speak the words of `base`."""
