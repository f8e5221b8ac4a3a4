"""Django's connection to PostgreSQL, for threads that each keep one for as long as they live."""
