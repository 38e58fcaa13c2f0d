"""The parent's side of workers."""
