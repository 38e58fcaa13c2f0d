"""Any int8 .tflite to C: reader, integer network, clean-up, memory plan, emitter."""
