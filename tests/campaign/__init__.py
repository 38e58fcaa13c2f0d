"""The campaign: a stream of requests while everything is killed at random, and a count of what went wrong."""
