"""Akida variants of networks: made beside the int8 one, taught, and asked on the gateway."""
