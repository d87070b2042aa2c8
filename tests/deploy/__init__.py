"""Other ways to run the system: containers, a proxy in front, manifests; as far as they can be tested here."""
