"""The autoscaler: a functional core in an imperative shell.

Core, without time, files or processes: model, window, policies, limits, fleet, and the loop over the ports.
Shell: containers, haproxy, requestlog, network, usage, live, app, cli.
"""
