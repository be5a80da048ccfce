"""What the command line's parser and the fit both know; quick to import."""

MOST_COMPONENTS = 30  # that an unknown number may be, unless asked for

__all__ = ["MOST_COMPONENTS"]
