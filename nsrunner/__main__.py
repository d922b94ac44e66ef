"""``python -m nsrunner`` is the ``nsrunner`` program."""

from .cli.main import entry

if __name__ == "__main__":
    entry()
