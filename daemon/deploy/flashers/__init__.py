"""Writing firmware onto boards: one file a tool, one table."""
