"""Is Parley well? The same figures for load balancers, monitors and the person who runs it."""
