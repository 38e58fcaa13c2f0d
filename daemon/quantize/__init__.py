"""Integer models: the arithmetic that boards run, and the gate that accepts it."""
