"""Where a store is, who connects there, and how the connection is encrypted: one reading of REDIS_ADDR and DB_DSN."""
