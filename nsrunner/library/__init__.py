"""``import nsrunner`` as a library: pods that live as long as a ``with`` block of a Python program."""
