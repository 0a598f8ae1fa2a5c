"""`python -m controller`: finds the project's virtual environment when it is started outside of it."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"


def ensure_environment(module: str) -> None:
    """Go on inside the virtual environment with `python -m module`; without one, say in one line how to make it."""
    if Path(sys.prefix).resolve() == (ROOT / ".venv").resolve():
        return
    if not PYTHON.exists():
        sys.exit(f"{module}: the virtual environment .venv is missing: run 'make setup' first")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    os.execv(PYTHON, [str(PYTHON), "-m", module, *sys.argv[1:]])


if __name__ == "__main__":
    ensure_environment("controller")
    try:
        from controller.cli import main

        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
