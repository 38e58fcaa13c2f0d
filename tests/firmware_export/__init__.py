"""Generated C: its text, and what compilers and boards make of it."""
