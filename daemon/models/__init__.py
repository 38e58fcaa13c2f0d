"""Models: what training makes, its manifest, and the versions on disk."""
