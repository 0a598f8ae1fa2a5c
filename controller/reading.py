"""A policy file as it is given, ours or in a format of production: read, translated, checked.

Every error is one line: file, place, value, and what is legal.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from controller.config import HIGHEST, PolicyFile
from controller.document import ConfigError, read_documents, short
from controller.foreign import MetricNames, Names, PlaceError, Translation
from controller.foreign.formats import KINDS, translate
from controller.policies import POLICIES
from controller.spelling import keys_at, unknown

__all__ = ["ConfigError", "changed", "load", "load_all", "unique"]

# Production's files say nothing of this. Instances start as fast as they can, for production's wait on machines is not
# in these policies; ticks are short enough for intervals of seconds that a time scale makes ten times shorter.
ASSUMED = {"apply": "runtime", "boot": "zygote", "tick_s": 0.25}
TOLD = ("instances.min", "instances.max", "service.rate_limit", "apply", "boot", "tick_s")


def load_all(paths: Sequence[Path], metrics: MetricNames) -> list[PolicyFile]:
    """Read and check policy files, of which at least one must have each of the `metrics`. Raises ConfigError."""
    files = [load(path, metrics) for path in paths]
    names = list(dict.fromkeys(name for file in files for name in file.metric_names))
    for theirs, ours in metrics.items():
        if theirs not in names:
            raise ConfigError(f"--metric {theirs}={ours}: {_no_metric(theirs, names)}")
    return files


def load(path: Path, metrics: MetricNames | None = None) -> PolicyFile:
    """Read and check a policy file; `metrics` says which of our metrics a foreign file means. Raises ConfigError."""
    documents = read_documents(path)
    translated = _translate(path, documents, metrics or {})
    if translated is not None:
        return _checked(path, translated, {})
    if len(documents) > 1:
        raise ConfigError(f"{path}: holds {len(documents)} documents; a policy is one")
    document = documents[0]
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: must be a mapping with the keys {', '.join(PolicyFile.model_fields)}")
    if "kind" in document:
        raise ConfigError(f"{path}: kind: {short(repr(document['kind']))}: is not read here; "
                          f"known are {', '.join(KINDS)}")  # fmt: skip
    policy = document.get("policy")
    if isinstance(policy, dict) and "file" in policy:
        return _referring(path, document, policy, metrics or {})
    return _check(path, document)


def unique(names: Iterable[str]) -> list[str]:
    """The names, numbered where one comes again."""
    found: list[str] = []
    for name in names:
        numbered = (f"{name}-{number}" for number in count(2))
        found.append(name if name not in found else next(each for each in numbered if each not in found))
    return found


@dataclass(frozen=True, slots=True)
class _Foreign:
    """A foreign file as it was read: its format, what it asks for, and what it calls its metrics."""

    title: str
    translation: Translation
    metric_names: tuple[str, ...]


def _translate(path: Path, documents: list[Any], metrics: MetricNames) -> _Foreign | None:
    names = Names(metrics)
    try:
        found = translate(documents, names)
    except PlaceError as error:
        raise ConfigError(f"{path}: {error}") from error
    except ValidationError as error:
        raise ConfigError(f"{path}: {_words(error, ())}") from error
    return None if found is None else _Foreign(*found, tuple(names.asked))


def _referring(path: Path, document: dict[str, Any], policy: dict[str, Any], metrics: MetricNames) -> PolicyFile:
    """A file of ours whose policy is a foreign file beside it: `policy: {file: hpa.yaml, metrics: {theirs: ours}}`."""
    unknown = set(policy) - {"file", "metrics"}
    own = policy.get("metrics", {})
    if unknown or not isinstance(policy["file"], str) or not isinstance(own, dict):
        wrong = f"{sorted(unknown)[0]} is not a known key" if unknown else "is not what it should be"
        raise ConfigError(f"{path}: policy: {wrong}; must be {{file: NAME, metrics: {{theirs: ours}}}}")
    other = path.parent / policy["file"]
    translated = _translate(other, read_documents(other), {**own, **metrics})
    if translated is None:
        raise ConfigError(f"{path}: policy.file: {other}: is in no foreign format that is read here")
    for theirs in own:
        if theirs not in translated.metric_names:
            raise ConfigError(f"{path}: policy.metrics: {_no_metric(theirs, translated.metric_names)}")
    return _checked(path, translated, {key: value for key, value in document.items() if key != "policy"})


def _no_metric(theirs: str, names: Sequence[str]) -> str:
    there = f"there are {', '.join(map(repr, names))}" if names else "there is none to name"
    return f"no policy file has a metric {theirs!r}; {there}"


def _ours(translation: Translation, given: Mapping[str, Any]) -> dict[str, Any]:
    """The translation as a document of ours; what the user's own file says goes before."""
    bounds = {"min": translation.minimum, "max": translation.maximum}
    capped = {key: min(value, HIGHEST) for key, value in bounds.items() if value is not None}
    instances = given.get("instances", {})
    merged = {**capped, **instances} if isinstance(instances, dict) else instances
    return {**ASSUMED, **translation.settings, **given, "instances": merged, "policy": dict(translation.policy)}


def _assumed(settings: PolicyFile, said: Mapping[str, Any]) -> str:
    """What neither the foreign file nor the user's own says, with the values that it has."""
    dumped, parts = settings.model_dump(), []
    for place in TOLD:
        section, _, key = place.rpartition(".")
        if key not in (said.get(section, {}) if section else said):
            parts.append(f"{place} {dumped[section][key] if section else dumped[key]}")
    return ", ".join(parts)


def _grouped(unused: Iterable[str]) -> list[str]:
    """Places with the same reason in one line."""
    places: dict[str, list[str]] = {}
    for place, _, reason in (each.partition(": ") for each in unused):
        places.setdefault(reason, []).append(place)
    return [f"{', '.join(several)}: {reason}" for reason, several in places.items()]


def _checked(path: Path, foreign: _Foreign, given: Mapping[str, Any]) -> PolicyFile:
    """A foreign file with what the user's own file says beside it, and the notes on how it was read."""
    translation = foreign.translation
    document = _ours(translation, given)
    settings, most = _check(path, document), translation.maximum or 0
    capped = [f"{most} instances at most: here {HIGHEST}"] if most > HIGHEST else []
    said = {key: value for key, value in document.items() if key in given or key not in ASSUMED}
    assumed = _assumed(settings, said)
    settings._notes = (
        f"read from: {foreign.title}",
        *(f"read as: {each}" for each in dict.fromkeys((*translation.mapped, *capped))),
        *(f"not used: {each}" for each in _grouped(translation.unused)),
        *([f"not said, so the testbed's own: {assumed}"] if assumed else []),
    )
    settings._metric_names = foreign.metric_names
    return settings


def changed(path: Path, settings: PolicyFile, document: dict[str, Any]) -> PolicyFile:
    """What was read from `path`, with the keys of this document in place of its own. Raises ConfigError."""
    checked = _check(path, document)
    checked._notes = settings.notes
    return checked


def _check(path: Path, document: dict[str, Any]) -> PolicyFile:
    place: tuple[str, ...] = ()
    try:
        checked = PolicyFile.model_validate(document)
        place = ("policy", checked.policy_name)
        checked.make_policy()
    except ValidationError as error:
        raise ConfigError(f"{path}: {_words(error, place)}") from error
    return checked


def _words(error: ValidationError, place: tuple[str, ...]) -> str:
    """One error in one line: place, value, what is legal. A key that is not known explains best what else is wrong."""
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    location = _location((*place, *first["loc"]))
    message, context = first["msg"], first.get("ctx", {})
    if first["type"] == "extra_forbidden":
        model = POLICIES[place[-1]].Config if place else PolicyFile
        *inner, key = first["loc"]
        return f"{location}: {unknown(str(key), keys_at(model, inner))}"
    if first["type"] == "missing":
        return f"{location}: is missing"
    if first["type"] in ("model_type", "dict_type"):
        return f"{location}: {_value(first['input'])}must be a mapping of keys to values"
    if first["type"] == "value_error":
        message = str(context["error"])
        return f"{location}: {_value(first['input'])}{message}" if location else message
    return f"{location}: {_value(first['input'])}{message[0].lower()}{message[1:]}"


def _value(value: Any) -> str:
    if isinstance(value, int) and abs(value) > 10**100:
        return ""  # Python refuses to write out very long numbers
    return f"{short(repr(value))}: " if isinstance(value, str | int | float | bool | None) else ""


def _location(parts: tuple[Any, ...]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return short(text)
