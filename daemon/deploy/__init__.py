"""From C to a device: building, and measuring what was built."""
