"""The metrics of autoscaling: pure functions of staircases, journal events and requests."""
