"""What holds for all tests."""

import signal

from hypothesis import settings

settings.register_profile("tidebed", deadline=None)  # a busy machine is no failure
settings.load_profile("tidebed")

# A shell starts background jobs with SIGINT ignored, and what the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
