"""Jobs: their states, their record, the queue that runs them, and replies that must not get lost."""
