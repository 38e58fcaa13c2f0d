"""Models: their float form, their versions on disk."""
