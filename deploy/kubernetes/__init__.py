"""Manifests for Kubernetes, and their check against the published schemas."""
