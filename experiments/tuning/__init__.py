"""The search for a policy's parameters in the simulator.

`space` says what may be changed, `trials` what a choice comes to on several loads, `search` looks for the best, and
`tune` is the command with its folder of evidence.
"""
