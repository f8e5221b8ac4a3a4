"""When a business sees its clients: its Calendar."""
