"""Bad luck: everything is killed, full or away once, with a real broker and real processes."""
