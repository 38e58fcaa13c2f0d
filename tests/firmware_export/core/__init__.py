"""The portable parts of the reference firmware, one by one: hash, signatures, unpacking."""
