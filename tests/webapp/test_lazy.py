"""Lazy imports: what is not used is not loaded, and what is used works."""

import subprocess
import sys

SERVE = """
import sys
from webapp.lazy import UNUSED, defer_unused
defer_unused()
from webapp import app
app.monotonic = lambda: 1000.0
from webapp.settings import Settings
client = app.create_app(Settings(rate_limit_rps=1)).test_client()
print([client.get("/integral/0/1?n_max=10").status_code for _ in range(2)])
print([type(sys.modules[name]).__name__ for name in sorted(UNUSED)])
import asyncio
print(asyncio.run(asyncio.sleep(0, "loaded at last")))
"""


def test_application_limits_its_rate_and_loads_nothing_that_it_does_not_use() -> None:
    done = subprocess.run([sys.executable, "-c", SERVE], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines() == ["[200, 429]", "['_LazyModule', '_LazyModule']", "loaded at last"], done.stderr
