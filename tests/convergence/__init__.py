"""Whatever order writes arrive in, they end as the order of their acceptance would have it."""
