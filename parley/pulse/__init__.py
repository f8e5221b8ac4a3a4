"""Who of Parley's processes is alive, on any machine: each loop leaves a beat in the database."""
