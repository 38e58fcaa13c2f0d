"""The reference firmware, as a process and on emulated boards."""
