"""One instance of the web application: `python3 -m webapp`, configured by the environment.

Exit status: 0 after SIGTERM, SIGINT or SIGPWR, 1 when the address cannot be bound, 2 for a setting that is not legal.
"""

import gc
import os
import signal
import sys
from types import FrameType

from webapp.lazy import defer_unused

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGPWR)


def stop(_signal_number: int, _frame: FrameType | None) -> None:
    """Leave the server's loop; it lets the requests that are being computed finish, for 5 seconds at most."""
    raise SystemExit(0)


def main() -> int:
    """Serve until told to stop; the exit status."""
    # As PID 1 of a container the process has no default action for signals; LXC stops it with SIGPWR.
    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    gc.disable()  # imports make much that lives for ever: there is nothing to collect until they are done
    if os.environ.get("IMPORTS") != "all":
        defer_unused()
    from webapp.settings import Settings, SettingsError
    from webapp.sockets import keep_to_families

    keep_to_families()
    try:
        settings = Settings.from_environ(os.environ)
    except SettingsError as error:
        print(f"webapp: {error}", file=sys.stderr)
        return 2
    from webapp.server import build_server

    try:
        server = build_server(settings)
    except OSError as error:
        print(f"webapp: cannot listen on {settings.host}:{settings.port}: {error}", file=sys.stderr)
        return 1
    gc.freeze()
    gc.enable()
    print(f"webapp: listening on {settings.host}:{server.effective_port}", file=sys.stderr, flush=True)
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
