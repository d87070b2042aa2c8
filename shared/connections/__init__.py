"""How to reach a store: addresses, TLS, Redis connections and scripts."""
