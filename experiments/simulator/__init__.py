"""The controller's own loop in virtual time, against a model of instances, HAProxy and load generator.

The loop, the policies, the fleet's state machine, the sensor's computations and the load are the real ones. What is
modelled: how long each step takes (`parameters`), the instances (`instances`), HAProxy (`balancer`), the live actuator
(`host`) and the load generator (`client`). `engine` puts them together, request by request; `fluid` has flows in place
of requests (`flow`, `windows`, `flows`), for days and for fleets of thousands.
"""
