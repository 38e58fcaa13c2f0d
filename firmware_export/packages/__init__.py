"""Exported C in the form that a project's build expects, one build system a file."""
