"""``python -m mcmix``: the command line."""

from mcmix.api.command import main

if __name__ == "__main__":
    raise SystemExit(main())
