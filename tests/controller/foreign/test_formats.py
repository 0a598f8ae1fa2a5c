"""Files in production's formats, given to the controller as they are."""

import json
from pathlib import Path

import pytest
import yaml

from controller.foreign.formats import translate
from controller.reading import ConfigError, load, load_all, unique

EXAMPLES = Path(__file__).parent / "examples"
POLICY = {"hpa": "hpa", "keda": "keda", "knative": "kpa", "azure": "azure", "nomad": "nomad"}
REFUSED = ("aws_predictive.json", "nomad_full.hcl")
METRICS = {
    "MyBacklogPerInstance": "queue_requests", "memory_nomad": "cpu_percent", "active_connections": "in_flight_requests",
}  # fmt: skip


def policy_of(example: Path) -> str:
    kind = example.stem.split("_")[0]
    if kind != "aws":
        return POLICY[kind]
    return next(name for name in ("step", "simple", "target") if name in example.stem)


@pytest.mark.parametrize("example", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_every_example_is_read_as_it_is_or_refused_in_one_line(example: Path) -> None:
    if example.name in REFUSED:
        with pytest.raises(ConfigError) as caught:
            load(example)
        assert str(caught.value).startswith(f"{example}: ")
        assert "\n" not in str(caught.value)
        return
    settings = load(example, METRICS)
    assert policy_of(example) in settings.policy_name
    assert settings.notes[0].startswith("read from: ")
    assert settings.make_policy().describe()


def test_bounds_and_settings_of_the_file_are_taken_over() -> None:
    settings = load(EXAMPLES / "hpa_php_apache.yaml")
    assert (settings.instances.min, settings.instances.max) == (1, 10)
    knative = load(EXAMPLES / "knative_service.yaml")
    assert (knative.service.overload, knative.apply) == ("queue", "runtime")


def test_what_no_file_of_production_says_has_values_for_such_files_and_is_told() -> None:
    settings = load(EXAMPLES / "hpa_php_apache.yaml")
    assert (settings.apply, settings.boot, settings.tick_s) == ("runtime", "zygote", 0.25)
    own = "service.rate_limit 10, apply runtime, boot zygote, tick_s 0.25"
    assert settings.notes[-1] == f"not said, so the testbed's own: {own}"
    assert load(EXAMPLES / "aws_target_cpu.json").notes[-1].endswith(f": instances.min 1, instances.max 20, {own}")


def test_what_the_user_s_own_file_says_is_not_told_as_assumed(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    text = "boot: exec\ntick_s: 1\napply: runtime\nservice: {rate_limit: 5}\npolicy: {file: "
    mine.write_text(f"{text}{EXAMPLES}/hpa_php_apache.yaml}}")
    settings = load(mine)
    assert (settings.boot, settings.tick_s, settings.service.rate_limit) == ("exec", 1, 5)
    assert not [note for note in settings.notes if note.startswith("not said")]


def test_places_that_are_not_used_for_one_reason_are_told_together() -> None:
    notes = load(EXAMPLES / "aws_step.json").notes
    reason = "an alarm invokes the policy that it stands beside, and nobody is notified"
    assert f"not used: [0].alarm.AlarmActions, [1].alarm.AlarmActions: {reason}" in notes
    assert len(set(notes)) == len(notes)


def test_file_of_ours_may_refer_to_one_and_set_what_it_does_not_say(tmp_path: Path) -> None:
    manifest = (EXAMPLES / "hpa_php_apache.yaml").read_text()
    (tmp_path / "hpa.yaml").write_text(manifest)
    mine = tmp_path / "mine.yaml"
    mine.write_text("instances: {max: 7}\nboot: zygote\npolicy: {file: hpa.yaml}\n")
    settings = load(mine)
    assert (settings.policy_name, settings.boot) == ("hpa", "zygote")
    assert (settings.instances.min, settings.instances.max) == (1, 7)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("policy: {file: none.yaml}", "No such file"),
        ("policy: {file: [a]}", "must be {file: NAME"),
        ("policy: {file: mine.yaml, metric: {}}", "metric is not a known key"),
        ("policy: {file: mine.yaml}", "is in no foreign format"),
    ],
)
def test_wrong_reference_is_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(text)
    with pytest.raises(ConfigError, match=complaint) as caught:
        load(mine)
    assert "\n" not in str(caught.value)


def test_metrics_of_the_command_line_reach_the_reader(tmp_path: Path) -> None:
    document = yaml.safe_load((EXAMPLES / "hpa_php_apache.yaml").read_text())
    document["spec"]["metrics"] = [
        {"type": "Pods", "pods": {"metric": {"name": "jobs"}, "target": {"type": "AverageValue", "averageValue": "5"}}}
    ]
    file = tmp_path / "hpa.yaml"
    file.write_text(yaml.safe_dump(document))
    with pytest.raises(ConfigError, match=r"'jobs' is no metric of the testbed.*--metric jobs=NAME"):
        load(file)
    settings = load(file, {"jobs": "queue_requests"})
    assert settings.policy["hpa"]["metrics"][0]["metric"] == "queue_requests"


@pytest.mark.parametrize(
    ("example", "names"),
    [
        ("hpa_php_apache.yaml", ()),
        ("hpa_several.yaml", ("packets-per-second", "requests-per-second", "queue_messages_ready")),
        ("keda_kafka.yaml", ("kafka", "memory", "cron")),
        ("keda_prometheus.yaml", ("requests", "prometheus")),
        ("knative_service.yaml", ("concurrency",)),
        ("knative_configmap.yaml", ()),
        ("aws_target_requests.json", ("ALBRequestCountPerTarget",)),
        ("aws_step.json", ("CPUUtilization",)),
        ("azure_template.json", ("Percentage CPU",)),
        ("nomad_file.hcl", ("avg_cpu", "cpu_nomad", "avg_memory", "memory_nomad")),
    ],
)
def test_names_of_a_file_s_metrics_are_known(example: str, names: tuple[str, ...]) -> None:
    assert load(EXAMPLES / example, METRICS).metric_names == names


def test_metric_that_no_file_has_is_refused_with_those_that_there_are() -> None:
    files = [EXAMPLES / "azure_template.json", EXAMPLES / "keda_kafka.yaml"]
    assert len(load_all(files, {"kafka": "offered_rps"})) == 2
    with pytest.raises(ConfigError) as caught:
        load_all(files, {"kafka": "offered_rps", "kafak": "offered_rps"})
    assert str(caught.value) == (
        "--metric kafak=offered_rps: no policy file has a metric 'kafak'; "
        "there are 'Percentage CPU', 'kafka', 'memory', 'cron'"
    )


@pytest.mark.parametrize("file", ["hpa_php_apache.yaml", "../../../../rules.yaml"])
def test_metric_for_files_without_any_is_refused(file: str) -> None:
    with pytest.raises(ConfigError, match="no policy file has a metric 'cpu'; there is none to name"):
        load_all([EXAMPLES / file], {"cpu": "offered_rps"})


def test_metric_of_a_reference_that_its_file_has_not_is_refused(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(f"policy: {{file: {EXAMPLES}/azure_template.json, metrics: {{cpu: offered_rps}}}}")
    with pytest.raises(ConfigError) as caught:
        load(mine)
    complaint = "policy.metrics: no policy file has a metric 'cpu'; there are 'Percentage CPU'"
    assert str(caught.value) == f"{mine}: {complaint}"


def test_scaling_object_is_found_among_other_objects(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: php-apache}\n---\n"
    file.write_text(deployment + (EXAMPLES / "hpa_php_apache.yaml").read_text())
    assert "not used: document 1: is not about scaling" in load(file).notes


def test_two_scaling_objects_in_one_file_are_refused(tmp_path: Path) -> None:
    file, manifest = tmp_path / "two.yaml", (EXAMPLES / "hpa_php_apache.yaml").read_text()
    file.write_text(f"{manifest}\n---\n{manifest}")
    with pytest.raises(ConfigError, match="holds 2 scaling policies"):
        load(file)


def test_object_that_is_not_about_scaling_names_those_that_are(tmp_path: Path) -> None:
    file = tmp_path / "deployment.yaml"
    file.write_text("apiVersion: apps/v1\nkind: Deployment\n")
    with pytest.raises(ConfigError, match="kind: 'Deployment': is not read here; known are HorizontalPodAutoscaler"):
        load(file)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"TargetValue": 50.0,}', "line 1, column "),
        ('{"PolicyType": "StepScaling", "PolicyType": "x"}', "PolicyType is given twice"),
        ("[" * 100_000, "characters are too many|nested too deeply|line 1"),
    ],
)
def test_broken_json_is_one_line_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "policy.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=complaint) as caught:
        load(file)
    assert "\n" not in str(caught.value)


def test_maximum_beyond_what_a_host_can_have_is_cut_and_told(tmp_path: Path) -> None:
    document = yaml.safe_load((EXAMPLES / "hpa_php_apache.yaml").read_text())
    document["spec"]["maxReplicas"] = 1000
    file = tmp_path / "hpa.json"
    file.write_text(json.dumps(document))
    settings = load(file)
    assert settings.instances.max == 200
    assert "read as: 1000 instances at most: here 200" in settings.notes


def test_file_of_ours_is_in_no_foreign_format() -> None:
    assert translate([{"policy": {"rules": []}}], {}) is None
    assert translate([None], {}) is None


@pytest.mark.parametrize("other", ["Service", "ConfigMap"])
def test_plain_object_of_kubernetes_beside_what_scales_is_none_of_knative_s(tmp_path: Path, other: str) -> None:
    file = tmp_path / "all.yaml"
    plain = f"apiVersion: v1\nkind: {other}\nmetadata: {{name: app}}\n---\n"
    file.write_text(plain + (EXAMPLES / "hpa_php_apache.yaml").read_text())
    assert load(file).policy_name == "hpa"


def test_yaml_in_flow_style_is_yaml(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("{\n  boot: zygote, policy: {target: {rate_per_instance: 7}}\n}")
    assert load(file).boot == "zygote"


def test_name_of_a_file_that_can_be_none_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text('policy: {file: "a\\0b"}')
    with pytest.raises(ConfigError, match="null") as caught:
        load(file)
    assert "\n" not in str(caught.value)


def test_names_of_shadows_are_told_apart() -> None:
    assert unique(["a", "a", "a-2", "b"]) == ["a", "a-2", "a-2-2", "b"]
