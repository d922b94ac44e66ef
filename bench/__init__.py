"""Ratios against peers, measured in one run (``make bench``); the results are in README.md beside this file."""
