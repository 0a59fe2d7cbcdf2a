"""docker/kubernetes as kubectl renders it: well formed for the API server, and of one mind with the programs."""

from __future__ import annotations

import re
import subprocess
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from safety.authority import load_or_create_authority
from storage.aliases import sources_of
from tests.contract.deploy.composed import DOCKER, services
from tests.contract.deploy.known import GIVING_BACK_SECONDS, unknown
from tests.contract.deploy.rendered import FOREIGN, OVERLAYS, Resource, containers, faults, of_kind, pods, rendered

OURS = ("api", "keeper", "worker", "worker-xl", "migrate")
SECRET_FOLDER = "/run/secrets/inpaintd/"


def environment(overlay: str, container: Resource) -> dict[str, str]:
    """The variables of a container: those of its ConfigMaps, and over them its own."""
    given: dict[str, str] = {}
    for source in container.get("envFrom", []):
        given |= of_kind(overlay, "ConfigMap")[source["configMapRef"]["name"]]["data"]
    return given | {item["name"]: item.get("value", "a field of the pod") for item in container.get("env", [])}


def programs(overlay: str) -> dict[str, Resource]:
    """The pod templates of our own programs."""
    return {name: pod for name, pod in pods(overlay).items() if name in OURS}


def workers(overlay: str) -> dict[str, Resource]:
    """Those of workers."""
    return {name: pod for name, pod in pods(overlay).items() if name.startswith("worker")}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_resource_is_what_the_api_server_takes(overlay: str) -> None:
    found = [resource for resource in rendered(overlay) if resource["kind"] not in FOREIGN]
    assert {fault for resource in found for fault in faults(resource)} == set()
    assert {"Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget"} <= {resource["kind"] for resource in found}


def test_what_it_does_not_take_is_found() -> None:
    api = deepcopy(of_kind("try", "Deployment")["api"])
    api["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    assert faults(api) == ["Deployment.spec.template.spec.containers[0].imagePullPolice is unknown"]
    api["spec"]["replicas"] = "two"
    assert "replicas" in faults(api)[0]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_variable_is_one_that_a_program_reads(overlay: str) -> None:
    for name, pod in programs(overlay).items():
        for container in containers(pod):
            assert unknown(environment(overlay, container)) == set(), name
            own = [item["name"] for item in container.get("env", [])]
            assert len(own) == len(set(own)), name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_program_gets_the_secrets_it_names_and_no_other(overlay: str) -> None:
    for name, pod in programs(overlay).items():
        named = {
            value.removeprefix(SECRET_FOLDER)
            for container in containers(pod)
            for key, value in environment(overlay, container).items()
            if key.endswith("_FILE") and value.startswith(SECRET_FOLDER)
        }
        mounted = {
            item["path"]
            for volume in pod["spec"]["volumes"]
            for item in volume.get("secret", {}).get("items", [])
            if volume["secret"]["secretName"] == "inpaintd"
        }
        assert named == mounted, name
        assert named <= {path.removeprefix("/run/secrets/") for path in _compose_secrets()}


def _compose_secrets() -> set[str]:
    return {f"/run/secrets/{secret}" for found in services("cpu").values() for secret in found.get("secrets", [])}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_restricted(overlay: str) -> None:
    """As the pod security standard `restricted` asks, and with images that cannot be written."""
    for name, pod in pods(overlay).items():
        security = pod["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(pod):
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert {"requests", "limits"} <= container["resources"].keys()
        if name in OURS:
            assert security["runAsUser"] == security["runAsGroup"] == 10001, "the account of the images"
            assert all(container["securityContext"]["readOnlyRootFilesystem"] for container in containers(pod))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_programs_wait_for_the_schema_and_have_no_token_without_need(overlay: str) -> None:
    for name, pod in programs(overlay).items():
        first = [container.get("command") for container in pod["spec"].get("initContainers", [])][:1]
        assert first == ([] if name == "migrate" else [["python", "-P", "-m", "storage.schema"]])
        needs_token = any("INPAINTD_POD" in environment(overlay, container) for container in containers(pod))
        assert pod["spec"]["automountServiceAccountToken"] is needs_token


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_worker_is_given_longer_than_its_drain_takes_and_is_ready_when_it_says_so(overlay: str) -> None:
    for pod in workers(overlay).values():
        (worker,) = pod["spec"]["containers"]
        given = environment(overlay, worker)
        grace = float(given["INPAINTD_GRACE_SECONDS"])
        assert pod["spec"]["terminationGracePeriodSeconds"] >= grace + GIVING_BACK_SECONDS
        assert worker["readinessProbe"]["exec"]["command"] == ["test", "-e", given["INPAINTD_READY_FILE"]]
        assert Path(given["INPAINTD_READY_FILE"]).parent in _writable(pod, worker)
        assert "lifecycle" not in worker, "SIGTERM is the drain, a hook would put it off"


def _writable(pod: Resource, container: Resource) -> set[Path]:
    empty = {volume["name"] for volume in pod["spec"]["volumes"] if "emptyDir" in volume}
    return {Path(mount["mountPath"]) for mount in container["volumeMounts"] if mount["name"] in empty}


def test_workers_of_a_cluster_have_a_gpu_each_and_serve_a_model_on_offer() -> None:
    served = set()
    for pod in workers("cluster").values():
        (worker,) = pod["spec"]["containers"]
        given = environment("cluster", worker)
        assert worker["resources"]["limits"]["nvidia.com/gpu"] == "1"
        assert given["INPAINTD_WORKER_MODELS"] in sources_of(tuple(given["INPAINTD_MODELS"].split(",")), None)
        served.add(given["INPAINTD_WORKER_MODELS"])
    assert served == {"default", "xl"}


def test_each_class_is_scaled_by_the_backlog_of_its_own_model() -> None:
    scaled = of_kind("cluster", "ScaledObject")
    assert scaled.keys() == workers("cluster").keys()
    for name, found in scaled.items():
        assert found["spec"]["scaleTargetRef"] == {"name": name}
        (trigger,) = found["spec"]["triggers"]
        model = environment("cluster", workers("cluster")[name]["spec"]["containers"][0])["INPAINTD_WORKER_MODELS"]
        query = trigger["metadata"]["query"]
        assert f'inpaintd_backlog_seconds{{model="{model}"}}' in query
        assert f'namespace="{found["metadata"]["namespace"]}", deployment="{name}"' in query
        assert trigger["metricType"] == "AverageValue", "a fallback needs it"
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
        assert "replicas" not in of_kind("cluster", "Deployment")[name]["spec"], "applying must not undo scaling"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_selectors_find_the_pods_they_are_for(overlay: str) -> None:
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        for name, found in of_kind(overlay, kind).items():
            spec = found["spec"]
            selector = spec.get("podSelector") or spec["selector"]
            matched = {pod for pod, template in pods(overlay).items() if _matches(selector, template)}
            assert matched, (kind, name)
            if kind != "NetworkPolicy":
                assert matched == {name}, "and no other"


def _matches(selector: Resource, template: Resource) -> bool:
    labels = template["metadata"]["labels"]
    equal = selector.get("matchLabels", {} if "matchExpressions" in selector else selector)
    among = selector.get("matchExpressions", [])
    return all(labels.get(key) == value for key, value in equal.items()) and all(
        labels.get(rule["key"]) in rule["values"] for rule in among
    )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_named_ports_are_there(overlay: str) -> None:
    open_ports = {
        port.get("name"): port["containerPort"]
        for pod in pods(overlay).values()
        for container in containers(pod)
        for port in container.get("ports", [])
    }
    asked = set(re.findall(r"(?:targetPort|port): ([a-z]+)\b", yaml.safe_dump_all(rendered(overlay))))
    assert {"http", "metrics"} <= asked <= open_ports.keys()
    for name, pod in pods(overlay).items():
        (container,) = pod["spec"]["containers"]
        ports = {port.get("name"): str(port["containerPort"]) for port in container.get("ports", [])}
        told = f"INPAINTD_{name.partition('-')[0].upper()}_METRICS_PORT"
        assert environment(overlay, container).get(told) == ports.get("metrics"), name


def test_nothing_is_let_through_that_was_not_said() -> None:
    for overlay in OVERLAYS:
        closed = of_kind(overlay, "NetworkPolicy")["nothing-by-default"]["spec"]
        assert closed["policyTypes"] == ["Ingress", "Egress"]
        assert "ingress" not in closed
        assert "egress" not in closed
        assert all(_matches(closed["podSelector"], pod) for pod in pods(overlay).values())


def test_servers_run_as_in_compose() -> None:
    for name in ("database", "redis", "objects"):
        (container,) = pods("try")[name]["spec"]["containers"]
        other = services("cpu")[name]
        assert container["image"] == other["image"]
        if name != "database":
            folder = "/run/secrets/inpaintd/"
            assert [word.replace(folder, "/run/secrets/") for word in container["args"]] == other["command"]


def test_a_mounted_key_is_made_the_workers_own(tmp_path: Path) -> None:
    """The kubelet mounts secrets for a group; the very command of the pod makes of them what a worker accepts."""
    mounted, own = tmp_path / "mounted", tmp_path / "own"
    load_or_create_authority(mounted)
    for path in mounted.iterdir():
        path.chmod(0o440)
    own.mkdir(mode=0o775)
    signing = workers("cluster")["worker"]["spec"]["initContainers"][1]
    places = {"/run/secrets/signing": str(mounted), "/run/signing": str(own)}
    command = [_placed(word, places) for word in signing["command"]]
    subprocess.run(command, check=True)
    assert load_or_create_authority(own).key_pem == (mounted / "signing.key").read_text()
    api = next(volume for volume in pods("cluster")["api"]["spec"]["volumes"] if volume["name"] == "signing")
    assert [item["key"] for item in api["secret"]["items"]] == ["root.pem"], "no key in the API"


def _placed(word: str, places: dict[str, str]) -> str:
    return next((word.replace(before, after) for before, after in places.items() if word.startswith(before)), word)


def test_a_worker_may_patch_pods_and_do_nothing_else() -> None:
    role, binding = of_kind("cluster", "Role")["worker"], of_kind("cluster", "RoleBinding")["worker"]
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}]
    (subject,) = binding["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "worker", "namespace": "inpaintd"}
    assert {pod["spec"]["serviceAccountName"] for pod in workers("cluster").values()} == {"worker"}


def test_every_file_is_used() -> None:
    used = set()
    for path in (DOCKER / "kubernetes").rglob("kustomization.yaml"):
        text = yaml.safe_load(path.read_text())
        for name in [*text.get("resources", []), *text.get("configurations", []), *text.get("components", [])]:
            target = (path.parent / name).resolve()
            used.add(target / "kustomization.yaml" if target.is_dir() else target)
    ours = set((DOCKER / "kubernetes").resolve().rglob("*.yaml"))
    assert ours - used == {(DOCKER / "kubernetes" / name / "kustomization.yaml").resolve() for name in OVERLAYS}
