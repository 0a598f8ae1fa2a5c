"""What fuzzing has found: each was a traceback, a hang, or a message that no terminal should show."""

import pytest

from tests.fuzz.target import LONGEST_INPUT, SLOW_S, at_most
from tests.fuzz.targets import target_of

STATISTICS = b"Pid: 7\n\n# pxname,%s\nentry,FRONTEND,%s,1,2,0,UP\nweb,BACKEND,0,0,0,0,UP\n\n"
# Of the target records:
RUN, SUMMARY, POLICY, JOURNAL, REQUESTS, DEMAND = b"\x00", b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"
CAPACITY = b"\x08"
COMPLETE = b'{"status": "complete", "started": "x", "kind": "real", "experiment": %s}'
FACTS = (
    b'{"name": "%s", "title": "", "hypothesis": "", "order": 1, "arm": "%s", "arms": ["a"], "repeat": 1,'
    b' "set": null, "expect": %s}'
)
LEVELS = b'{"service": {"rate_limit": 10}, "levels": [{"instances": %s, "capacity_rps": %s}]}'
SQUARE = b"{shape: square, period_s: 0.1, duration_s: 3600}"
MANY = b", ".join(b"a%d: {}" % number for number in range(300))
RULE = b"{when: {metric: served_rps, above: 1}, then: {add: 1}}, "
STATED = b"title: T\nload: {shape: ramp}\nhypothesis: '%s'\n"



def _grown(levels: int) -> bytes:
    """A sum of twenty sums of twenty sums ... in a short text."""
    text = "{shape: ramp}"
    for level in range(levels):
        text = f"{{shape: sum, of: [&a{level} {text}" + f", *a{level}" * 19 + "]}"
    return text.encode()


FOUND: dict[str, tuple[str, bytes]] = {
    "control group of a hierarchy whose name is too long": ("zygote", b"\x02\x041:" + b"c" * 1000 + b":/x\n"),
    "request with more columns than there are": (
        "records",
        REQUESTS + b"due_s,sent_s,done_s,kind,status,outcome,error\n"
        b"6.1,6.1,6.2,object,200,served6.3,6.3,object,200,x,\n6.4,6.4,6.5,object,200,served,\n",
    ),
    "key with a sign that nobody sees": ("policy", b"wait\xef\xbb\xbfms: 1\n"),
    "key with a control character": ("cloud", b'[{"PolicyType": "SimpleScaling", "PolicyN\\u007fame": "x"}]'),
    "escape sequence in the name of a check": (
        "nomad",
        b'scaling "a" {\n min = 1\n max = 9\n policy {\n  check "\x1b[31m" {\n   source = "x"\n   query = "cpu"\n'
        b'   strategy "target-value" { target = 50 }\n  }\n }\n}\n',
    ),
    "statistics without the name of a server": ("haproxy", b"\x00" + STATISTICS % (b"xsvname,a", b"1")),
    "statistics with a header of two lines": ("haproxy", b"\x00" + STATISTICS % (b"a\x1db,svname", b"1")),
    "statistics with a cell that is too long": ("haproxy", b"\x00" + STATISTICS % (b"svname,a", b"9" * 140_000)),
    "request that lasted for ever": ("haproxy", b"\x02200 web-1 0 3 inf -- 77\n"),
    "request of a worker that cannot be": ("haproxy", b"\x02200 web-1 0 3 12 -- -1\n"),
    "arrivals half a year apart": ("trace", b"0.5\n1\n1.5\n15000000\n"),
    "arrivals closer than numbers tell": ("trace", b"0\n1e11\n100000000000.00002\n"),
    "times whose difference is endless": ("trace", b"-1e308,1\n1e308,1\n"),
    "intervals without end": ("trace", b"0,1\n1e-300,2\n1e9,3\n"),
    "more requests than there are numbers": ("trace", b"0,1e308\n1,1e308\n2,1e308\n"),
    "aliases that grow": ("load", _grown(4)),
    "load nested too deeply": ("load", b"{shape: sum, of: [" * 900),
    "load with a number that has no end": ("load", b"{shape: ramp, peak_rps: %s}" % (b"9" * 5000)),
    "load with a date that is none": ("load", b"{shape: ramp, peak_rps: 2001-13-45}"),
    "load with a tag without end": ("load", b"!<%s> {shape: ramp}" % (b"x" * 4000)),
    "load with a long word": ("load", b"%s" % (b"ramp" * 1000)),
    "twenty shapes with corners without end": ("load", b"{shape: sum, of: [%s]}" % b", ".join([SQUARE] * 20)),
    "scenario that is not UTF-8": ("scenario", b"title: \xed\xa0\x80\n"),
    "scenario with a sign that turns the line round": ("scenario", b"title: {\n\xe2\x80\xae}: : \n"),
    "hypothesis that looks into objects": ("scenario", STATED % b"{policy.nothing}"),
    "hypothesis as wide as memory": ("scenario", STATED % b"{policy:>99999999999}"),
    "hypothesis with a number of a text": ("scenario", STATED % b"{policy[x]}"),
    "arms and loads without end": ("scenario", STATED % b"H" + b"arms: {%s}\nloads: {%s}\n" % (MANY, MANY)),
    "short form that is none": ("scenario", STATED % b"H" + b"quick:\n"),
    "container that is named like an instance": ("zygote", "\x02\x00tidebed-web-²".encode()),
    "container with a number as nobody writes it": ("zygote", b"\x02\x00tidebed-web-007"),
    "CPU time that is no number": ("zygote", b"\x02\x01usage_usec"),
    "control group that is cut off": ("zygote", b"\x02\x0412:cpu"),
    "console that obeys an instance": ("zygote", b"\x02\x03web\x1b]0;owned\x07\x1b[2J\n"),
    "zygote that quotes two lines": ("zygote", b"\x01\x00error OSError:\nnot this one"),
    "zygote that says nothing readable": ("zygote", b"\x01\x00" + b"\x00\x01" * 200),
    "object directory with a bell": ("options", b"\x04/srv/\x07"),
    "object directory that is not UTF-8": ("options", b"\x04/srv/\xff"),
    "port in other digits": ("options", "\x00127.0.0.1:８０８０".encode()),
    "port with zeros": ("options", b"\x00127.0.0.1:008080"),
    "range of points": ("options", b"\x0astandby=.....3"),
    "journal that is not UTF-8": ("records", JOURNAL + b'{"t_s": 1, "event": "tick\xb2"}\n'),
    "journal with a number that has no end": ("records", JOURNAL + b'{"t_s": %s, "event": "tick"}\n' % (b"9" * 5000)),
    "journal nested too deeply": ("records", JOURNAL + b"[" * 100_000),
    "run that is a list": ("records", RUN + b"[]"),
    "run of an experiment whose name is a list": (
        "records",
        RUN + b'{"status": "complete", "started": "x", "kind": "real", "experiment": {"name": [], "repeat": 1,'
        b' "expect": []}}',
    ),
    "capacity nested too deeply": ("records", CAPACITY + b"[" * 100_000),
    "capacity of as many instances as there are none": ("records", CAPACITY + LEVELS % (b"1000000000", b"9")),
    "capacity of next to nothing": ("records", CAPACITY + LEVELS % (b"1", b"5e-324")),
    "summary with a number of 400 digits": ("records", SUMMARY + b'{"valid": true, "offered": %s}' % (b"9" * 400)),
    "summary whose mean has no end": ("records", SUMMARY + b'{"valid": true, "offered": 1.7e308}'),
    "summary with a name that no file can hold": ("records", SUMMARY + b'{"valid": true, "\\ud800": 1}'),
    "shares below nothing": (
        "records",
        SUMMARY + b'{"valid": true, "theta_u_percent": -7, "theta_o_percent": 1, "tau_u_percent": 1,'
        b' "tau_o_percent": 1}',
    ),
    "expectations that are none": ("records", RUN + COMPLETE % (FACTS % (b"n", b"a", b"null"))),
    "arm that the experiment does not have": ("records", RUN + COMPLETE % (FACTS % (b"n", b"b", b"[]"))),
    "name of an experiment that leads elsewhere": ("records", RUN + COMPLETE % (FACTS % (b"../x", b"a", b"[]"))),
    "name of an experiment that no file can have": ("records", RUN + COMPLETE % (FACTS % (b"a\\u0000", b"a", b"[]"))),
    "run without a time": ("records", RUN + b'{"status": "complete", "shape": [], "faults": 1}'),
    "rate limit of 400 digits": ("records", POLICY + b"service: {rate_limit: %s}" % (b"9" * 400)),
    "policy that grows": ("records", POLICY + _grown(4)),
    "journal with a number of 400 digits": (
        "records",
        JOURNAL + b'{"t_s": 1, "event": "tick", "in_service": 1, "wanted": %s}\n' % (b"9" * 400),
    ),
    "journal of a run of ages": ("records", JOURNAL + b'{"t_s": 9e11, "event": "tick"}\n'),
    "decision that does not tell from what": (
        "records",
        JOURNAL + b'{"t_s": 1, "event": "tick", "in_service": 1, "wanted": 1}\n'
        b'{"t_s": 2, "event": "decision", "wanted": 3}\n',
    ),
    "requests that are due in ages": (
        "records",
        REQUESTS + b"due_s,sent_s,done_s,kind,status,outcome,error\n9e9,,,put,0,dropped,\n",
    ),
    "request whose status has no end": (
        "records",
        REQUESTS + b"due_s,sent_s,done_s,kind,status,outcome,error\n6.1,6.1,6.2,object,inf,served,\n",
    ),
    "demand without end": ("records", DEMAND + b"t_s,instances\n0,1\ninf,1\n"),
}


LARGE: dict[str, tuple[str, bytes]] = {
    "rules without end": ("policy", b"policy: {rules: [" + RULE * 1200),
    "list in a list in a list": ("policy", b"[" * LONGEST_INPUT),
    "mapping in a mapping": ("policy", b"{a: " * (LONGEST_INPUT // 4)),
    "mapping as a key of a mapping": ("records", POLICY + b"{" * LONGEST_INPUT),
    "documents without end": ("policy", b"---\na: 1\n" * 7000),
    "key as long as the file": ("policy", b"instances" * 7000 + b": 1\n"),
    "number as long as the file": ("policy", b"tick_s: " + b"9" * 60_000),
    "sixties without end": ("policy", b"tick_s: 1" + b":10" * 20_000),
    "JSON in JSON": ("cloud", b'{"a":' * 13_000),
    "keys that are nearly known": ("cloud", b"[{%s}]" % b",".join(b'"PolicyTyp%d":1' % each for each in range(3800))),
    "block in a block": ("nomad", b"a {" * 20_000),
    "bracket in a bracket": ("nomad", b"a = " + b"(" * 60_000),
    "strings that are not closed": ("nomad", b'a = "' + b"${" * 30_000),
    "quotes without end": ("trace", b'"' * LONGEST_INPUT),
    "sums in sums": ("load", b"{shape: sum, of: [" * 3600),
    "columns without end": ("haproxy", b"\x00" + STATISTICS % (b"svname" + b",a" * 30_000, b"1")),
    "workers without end": ("haproxy", b"\x011 master 0 x\n# workers\n" + b"7 worker 1 x\n" * 5000),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_and_deep_inputs_take_a_moment(name: str) -> None:
    target, data = LARGE[name]
    check = target_of(target).check  # imports are not counted
    with at_most(5 * SLOW_S):
        check(data[:LONGEST_INPUT])


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_stays_mended(name: str) -> None:
    target, data = FOUND[name]
    check = target_of(target).check
    with at_most(SLOW_S):
        check(data)
