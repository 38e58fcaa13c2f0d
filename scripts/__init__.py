"""What a developer runs beside the tests; see the Makefile."""
