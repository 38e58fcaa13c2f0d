"""Akida variants: for real where MetaTF is installed (`make test-akida`), and without it."""
