"""All fuzz targets by their names."""

from tests.fuzz import balancer, loads, options, policies, protocol, records

TARGETS = {
    target.name: target
    for family in (policies, balancer, loads, protocol, options, records)
    for target in family.TARGETS
}
