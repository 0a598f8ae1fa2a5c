"""What holds for all tests."""

import signal

from hypothesis import HealthCheck, settings

# A busy machine is no failure.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The gate is repeatable: new examples are looked for by `make fuzz`, and by hand with --hypothesis-profile=search.
settings.register_profile("tidebed", settings.get_profile("search"), derandomize=True)
settings.load_profile("tidebed")

# A shell starts background jobs with SIGINT ignored, and what the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
