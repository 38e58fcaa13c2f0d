"""ATK's routes, commands and algorithms."""
