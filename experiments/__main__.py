"""`python -m experiments`: goes on in the project's virtual environment when it is started outside of it."""

import sys

from controller.__main__ import ensure_environment

if __name__ == "__main__":
    ensure_environment("experiments")
    try:
        from experiments.cli import main

        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
