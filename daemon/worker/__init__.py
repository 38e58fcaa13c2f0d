"""The child process that trains, and its supervision."""
