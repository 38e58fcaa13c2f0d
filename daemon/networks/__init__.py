"""The training of a network, from the stored rows to a complete version."""
