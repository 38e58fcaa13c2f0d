"""Integer models against the float models that they stand for."""
