"""What the command line refuses, in one line that says what to do; and what it takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from backbone.errors import Rejected
from backbone.manifest.objects import read_manifest

BACKBONE = """
apiVersion: backbone.emp.dev/v1alpha1
kind: DataBackbone
metadata: {name: market}
spec: {}
"""
PLAN = """
apiVersion: backbone.emp.dev/v1alpha1
kind: IngestPlan
metadata: {name: sample}
spec:
  backboneRef: {name: market}
  schedule: "@daily"
  dailyBars: {provider: Sample, symbols: [AAPL]}
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: reader}\n"


def documents(*texts: str) -> str:
    return "\n---\n".join(texts)


def given(folder: Path, text: str) -> Path:
    path = folder / "given.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "is empty", id="an empty file"),
        pytest.param("---\n# only a comment\n---\n", "is empty", id="only comments"),
        pytest.param("a: [1", "is no YAML", id="no YAML"),
        pytest.param("\tname: x", "is no YAML", id="a tab"),
        pytest.param("just words", "is no Kubernetes object; it needs apiVersion", id="words"),
        pytest.param("- a\n- b\n", "is no Kubernetes object", id="a list"),
        pytest.param(POD, "nothing of backbone.emp.dev here (1 other objects)", id="somebody else's"),
        pytest.param(
            documents(BACKBONE, PLAN, BACKBONE),
            "a second DataBackbone of the name market, the first is in",
            id="two documents of one kind and name",
        ),
        pytest.param(
            PLAN, "no DataBackbone 'market' in what was read; add its file", id="a plan without its backbone"
        ),
        pytest.param(
            documents(BACKBONE.replace("{name: market}", "{name: market, namespace: a}"), PLAN),
            "no DataBackbone 'market'",
            id="a plan of another namespace than its backbone",
        ),
        pytest.param(
            BACKBONE.replace("v1alpha1", "v1beta9"),
            "unknown version backbone.emp.dev/v1beta9; use",
            id="version",
        ),
        pytest.param(
            BACKBONE.replace("DataBackbone", "DataBackbon"), "(did you mean DataBackbone?)", id="kind"
        ),
        pytest.param(
            BACKBONE.replace("spec:", "spce:"), "unknown field spce (did you mean spec?)", id="top level"
        ),
        pytest.param(
            documents(BACKBONE, PLAN.replace("provider:", "colour: red, provider:")),
            "IngestPlan sample: unknown field spec.dailyBars.colour; remove it",
            id="an unknown field deep in the spec",
        ),
        pytest.param(
            BACKBONE.replace("{name: market}", "{name: market, nmespace: a}"),
            "unknown field metadata.nmespace",
            id="an unknown field of the metadata",
        ),
        pytest.param(BACKBONE.replace("{name: market}", "{}"), "metadata.name is missing", id="no name"),
        pytest.param(BACKBONE.replace("market", "Market!"), "metadata.name", id="a name that is no name"),
        pytest.param(BACKBONE + "kind: DataBackbone\n", "the key 'kind' is written twice", id="a key twice"),
        pytest.param(
            documents(BACKBONE, PLAN.replace("Sample", "Yahoo!")),
            "spec.dailyBars.provider",
            id="unknown provider",
        ),
        pytest.param(
            documents(BACKBONE, PLAN.replace("dailyBars", "weeklyBars")),
            "spec.weeklyBars",
            id="unknown dimension",
        ),
        pytest.param(
            documents(BACKBONE, PLAN.replace("[AAPL]", "[]")),
            "spec.dailyBars.symbols",
            id="an empty symbol list",
        ),
        pytest.param(
            documents(BACKBONE, PLAN.replace("[AAPL]", f"[{', '.join(f'S{n}' for n in range(1001))}]")),
            "at most 1000",
            id="more than 1,000 symbols",
        ),
        pytest.param(
            documents(BACKBONE, PLAN.replace("[AAPL]", "[AAPL, ON]")),
            "put it in quotes",
            id="a symbol that YAML reads as true",
        ),
        pytest.param(
            documents(BACKBONE, PLAN.replace("@daily", "61 * * * *")),
            "schedule",
            id="a cron that does not parse",
        ),
        pytest.param(
            documents(BACKBONE, PLAN.replace("@daily", "0 0 30 2 *")),
            "schedule",
            id="a cron that never fires",
        ),
        pytest.param(
            documents(BACKBONE, PLAN.replace("schedule:", "timeZone: America/Gotham\n  schedule:")),
            "spec.timeZone: 'America/Gotham' is not in the IANA",
            id="a time zone that does not exist",
        ),
        pytest.param(
            documents(BACKBONE, "a: &a [*a]\n" + PLAN), "unknown field a", id="a reference to itself"
        ),
    ],
)
def test_refused(tmp_path: Path, text: str, told: str) -> None:
    path = given(tmp_path, text)
    with pytest.raises(Rejected) as caught:
        read_manifest([path])
    message = str(caught.value)
    assert told in message
    assert str(path) in message
    assert "\n" not in message


def test_the_document_of_several_is_named(tmp_path: Path) -> None:
    path = given(tmp_path, documents(BACKBONE, PLAN.replace("provider:", "colour: red, provider:")))
    with pytest.raises(Rejected, match=r"given\.yaml \(document 2\)"):
        read_manifest([path])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(
            lambda folder: folder / "absent.yaml", "cannot be read: No such file", id="no such file"
        ),
        pytest.param(lambda folder: folder, "no file ending in", id="a folder without YAML"),
    ],
)
def test_paths_that_hold_nothing(tmp_path: Path, make: object, told: str) -> None:
    with pytest.raises(Rejected, match=told):
        read_manifest([make(tmp_path)])  # type: ignore[operator]


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(Rejected, match="is no YAML"):
        read_manifest([path])


def test_a_folder_is_read_file_by_file_and_what_is_not_ours_is_told(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text(PLAN)
    (tmp_path / "a.yaml").write_text(BACKBONE)
    (tmp_path / "c.yaml").write_text(POD)
    (tmp_path / "readme.md").write_text("not YAML: [")
    manifest = read_manifest([tmp_path])
    assert [item.name for item in manifest.backbones] == ["market"]
    assert [(item.name, item.backbone.name) for item in manifest.plans] == [("sample", "market")]
    assert manifest.notices == (f"{tmp_path / 'c.yaml'} holds a Pod, which is for kubectl: skipped",)


def test_the_form_in_which_the_operator_renders_a_plan_is_taken(tmp_path: Path) -> None:
    metadata = "{name: sample, namespace: trading, generation: 4, uid: 0b1c}"
    backbone = BACKBONE.replace(
        "{name: market}", "{name: market, namespace: trading, generation: 1, uid: 9f}"
    )
    path = given(tmp_path, documents(backbone, PLAN.replace("{name: sample}", metadata)))
    assert read_manifest([path]).plans[0].generation == 4


def test_what_kubectl_prints_is_taken_back(tmp_path: Path) -> None:
    metadata = (
        "{name: market, resourceVersion: '9', creationTimestamp: 2024-03-01T12:00:00Z, managedFields: []}"
    )
    text = BACKBONE.replace("{name: market}", metadata) + "status: {conditions: []}\n"
    assert read_manifest([given(tmp_path, text)]).backbones[0].name == "market"


def test_the_defaults_of_the_models_are_applied(tmp_path: Path) -> None:
    spec = read_manifest([given(tmp_path, documents(BACKBONE, PLAN))]).plans[0].spec
    assert (spec.time_zone, spec.worker.store_wait_seconds) == ("Etc/UTC", 300)


@pytest.mark.parametrize(
    ("status", "tier"),
    [
        ("{tier: {active: Institutional, epoch: 2}}", "Institutional"),
        ("{tier: {active: Bootstrap}}", "Bootstrap"),
        ("{tier: {active: Another}}", None),
        ("{tier: text}", None),
        ("null", None),
    ],
)
def test_the_tier_that_the_operator_chose_is_read(tmp_path: Path, status: str, tier: str | None) -> None:
    (tmp_path / "one.yaml").write_text(f"{BACKBONE}\nstatus: {status}\n")
    (found,) = read_manifest([tmp_path]).backbones
    assert found.tier == tier


def listed(*texts: str, kind: str = "List", version: str = "v1") -> str:
    """The objects as `kubectl get -o yaml` prints them."""
    items = [yaml.safe_load(text) for text in texts]
    return yaml.safe_dump({"apiVersion": version, "kind": kind, "metadata": {}, "items": items})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(listed(PLAN, BACKBONE), id="in one list"),
        pytest.param(listed(PLAN, POD, listed(BACKBONE)), id="in a list within a list, beside others"),
        pytest.param(documents(BACKBONE, listed(PLAN)), id="beside a list"),
        pytest.param(
            documents(
                listed(PLAN, kind="IngestPlanList", version="backbone.emp.dev/v1alpha1"),
                listed(BACKBONE, kind="DataBackboneList", version="backbone.emp.dev/v1alpha1"),
            ),
            id="in lists of their own kinds",
        ),
        pytest.param(documents(BACKBONE, PLAN, listed()), id="beside an empty list"),
    ],
)
def test_objects_in_lists_are_read(tmp_path: Path, text: str) -> None:
    found = read_manifest([given(tmp_path, text)])
    assert [item.name for item in found.backbones] == ["market"]
    assert [item.name for item in found.plans] == ["sample"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            listed(BACKBONE, PLAN.replace("AAPL", "aapl")),
            "given.yaml, item 2: IngestPlan sample: spec.dailyBars",
        ),
        (listed(BACKBONE, BACKBONE), "item 2: a second DataBackbone of the name market"),
        ("apiVersion: v1\nkind: List\nitems: {a: 1}\n", "items of a List is not a list of objects"),
        ("apiVersion: v1\nkind: List\nitems: [3]\n", "item 1: is no Kubernetes object"),
        ("&a {apiVersion: v1, kind: List, items: [*a, *a]}", "the same List a second time"),
        ("apiVersion: v1\nkind: List\nitems:\n", "nothing of backbone.emp.dev here"),
    ],
)
def test_what_is_wrong_in_a_list_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Rejected, match=re.escape(told)):
        read_manifest([given(tmp_path, text)])
