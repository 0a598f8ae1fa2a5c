"""Does anything leak: thousands of starts and stops, and hours of load."""
