"""Changes of an input that keep most of its form: words and lines are replaced, moved, left out and given twice."""

import re
from collections.abc import Iterable, Sequence
from random import Random

TOKEN = re.compile(rb"[A-Za-z_][\w./-]*|-?\d+(?:\.\d+)?|\s+|.", re.DOTALL)
MOST_EDITS = 5
HOSTILE = [
    word.encode("utf-8", "surrogatepass")
    for word in (
        "0", "-0", "-1", "1", "0.1", "2", "100", "201", "65536", "1e3", "1e18", "1e308", "1e999", "-1e999", "5e-324",
        "nan", ".nan", "inf", ".inf", "-.inf", "Infinity", "NaN", "0x7f", "0o17", "0b1", "1_000", "1:30", "12:30:45.6",
        "9223372036854775808", "4294967296", "9" * 400, "9" * 5000, "0." + "0" * 400 + "1", "٣", "²", "１２",
        "null", "~", "true", "false", "yes", "on", "None", "", "''", '""', "[]", "{}", "[[]]", "{{}}", "[null]",
        "{0}", "{a.b}", "{a[b]}", "{policy:>999999999}", "{", "}", "%s", "%n", "${a}", "\\", "\\0", "\\u0000",
        '"\\ud800"', '"\\u001b[31m"', '"\\n"', "\0", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff", "\u202e",
        "é", "𝟘", "\ud800",
        "!!python/object/apply:os.system", "!!binary x", "!!timestamp x", "!!int ''", "!!float ''", "!!set", "!!omap",
        "&a", "*a", "&a [*a]", "<<: *a", "? ", "- ", ": ", "---", "...", "%YAML 9.9", "!", "!!", "|", ">",
        "@", "`", "#",
        "2001-12-14t21:59:43.10-05:00", "2001-13-45", "0000-00-00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59",
        "1m30s", "99999999999h", "PT5M", "P1D", "PT" + "9" * 400 + "S", "50%", "-50%", "1e9%", "100m", "1Ki", "5e3k",
        "/dev/null", "../..", "<<EOF\n", "${", "%{if true}", "\"${\"", "/*", "*/", "//", ",", ";", "=", "\n",
        "\r", "\t",
    )
]  # fmt: skip


def tokens_of(data: bytes) -> list[bytes]:
    """The words, numbers, blanks and signs of an input; joined they are the input."""
    return TOKEN.findall(data)


def words_of(inputs: Iterable[bytes], longest: int = 60) -> list[bytes]:
    """The words that occur in some inputs, in a fixed order."""
    found = {token for data in inputs for token in tokens_of(data) if len(token.strip()) > 1 and len(token) <= longest}
    return sorted(found)


class Editor:
    """Makes inputs out of others, with the words and the lines of the seeds."""

    def __init__(self, seeds: Sequence[bytes]) -> None:
        self._words = words_of(seeds)
        self._lines = sorted({line for seed in seeds for line in seed.splitlines(keepends=True)})

    @property
    def dictionary(self) -> list[bytes]:
        """All words that it puts in."""
        return self._words + HOSTILE

    def edited(self, data: bytes, random: Random) -> bytes:
        """The input with a few changes."""
        for _ in range(random.randint(1, MOST_EDITS)):
            data = self._by_line(data, random) if random.random() < 0.3 else self._by_word(data, random)
        return data

    def _by_word(self, data: bytes, random: Random) -> bytes:
        tokens = tokens_of(data) or [b""]
        at = random.randrange(len(tokens))
        match random.randrange(6):
            case 0 | 1:
                tokens[at] = self._word(random)
            case 2:
                tokens.insert(at, self._word(random))
            case 3:
                del tokens[at : at + random.randint(1, 4)]
            case 4:
                tokens[at:at] = tokens[at : at + random.randint(1, 30)] * random.choice((1, 1, 1, 2, 50))
            case _:
                other = random.randrange(len(tokens))
                tokens[at], tokens[other] = tokens[other], tokens[at]
        return b"".join(tokens)

    def _by_line(self, data: bytes, random: Random) -> bytes:
        lines = data.splitlines(keepends=True) or [b""]
        at = random.randrange(len(lines))
        match random.randrange(5):
            case 0 if self._lines:
                lines.insert(at, random.choice(self._lines))
            case 1:
                del lines[at : at + random.randint(1, 3)]
            case 2:
                lines[at:at] = lines[at : at + random.randint(1, 10)] * random.choice((1, 1, 1, 2, 20))
            case 3:
                lines[at] = b" " * random.randint(0, 12) + lines[at].lstrip()
            case _:
                other = random.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
        return b"".join(lines)

    def _word(self, random: Random) -> bytes:
        return random.choice(self._words if self._words and random.random() < 0.5 else HOSTILE)
