"""The people a business serves."""
