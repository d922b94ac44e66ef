"""The command line: one verb a file. Results go to standard output, talk to standard error.

Every verb is a module with ``parser()`` (cheap: it imports nothing but :mod:`argparse`) and ``run(options) -> int``;
the modules that do the work are imported by ``run`` when they are needed. :mod:`nsrunner.cli.main` dispatches.
"""
