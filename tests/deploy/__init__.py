"""What runs the system elsewhere: containers, a proxy in front, manifests; as far as it can be tested here."""
