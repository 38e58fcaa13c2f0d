"""Training daemon: MQTT commands in, versioned int8 models and their C out."""

__version__ = "0.1.0"
