"""The state directory after bad luck."""
