"""Who: tenants, members, roles, sign-in."""
