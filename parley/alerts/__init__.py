"""Auto Client Messages: what happens to bookings, leads and payments texts clients by itself."""
