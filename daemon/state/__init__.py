"""The state directory: opened whatever has happened to it, watched, copied and put back."""
