"""The command line: one verb, or one family of verbs, in each file."""
