"""Networks: settings and shapes without TensorFlow, for the daemon; the training itself, for the worker."""
