"""Minutes of random faults under load, with an account of every request and every object."""
