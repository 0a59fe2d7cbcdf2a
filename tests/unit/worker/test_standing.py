"""What a worker tells those who run its machine: that it takes jobs, and whether its pod may go."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from storage.errors import SettingsError
from tests.unit.worker.api_server import ApiServer, api_server
from tests.unit.worker.test_slots import Queue
from worker import settings
from worker.fleet import Fleet
from worker.pod import KubernetesPod
from worker.settings import WorkerSettings
from worker.standing import Standing

PATH, PATCH = "/api/v1/namespaces/paint/pods/worker-1", "application/merge-patch+json"


@pytest.fixture
def kubernetes(tmp_path: Path) -> Iterator[ApiServer]:
    with api_server(tmp_path) as server:
        yield server


@pytest.fixture
def pod(kubernetes: ApiServer) -> KubernetesPod:
    return KubernetesPod("worker-1", kubernetes.url, kubernetes.account)


def costs(kubernetes: ApiServer) -> list[str]:
    """The deletion costs that the API server was told, in order."""
    assert all((path, kind) == (PATH, PATCH) for path, kind, _ in kubernetes.patches)
    told = [body["metadata"]["annotations"] for _, _, body in kubernetes.patches]  # type: ignore[index]
    assert all(len(annotations) == 1 for annotations in told)
    return [annotations["controller.kubernetes.io/pod-deletion-cost"] for annotations in told]


def test_a_pod_that_holds_a_job_costs_more_to_delete(kubernetes: ApiServer, pod: KubernetesPod) -> None:
    gate = threading.Event()
    queue = Queue(["a"], gate)
    slots = queue.slots(2)
    standing = Standing(lambda: slots.busy > 0, pod=pod)
    standing.look()
    ringing = threading.Thread(target=slots.answer)
    ringing.start()
    assert queue.works["a"].began.wait(5)
    standing.look()
    standing.look()
    assert costs(kubernetes) == ["0", "100"], "told when it changes, and not again"
    gate.set()
    ringing.join()
    standing.look()
    assert costs(kubernetes) == ["0", "100", "0"]


@pytest.mark.parametrize("status", [403, 500])
def test_what_could_not_be_told_is_told_later(kubernetes: ApiServer, pod: KubernetesPod, status: int) -> None:
    standing = Standing(lambda: True, pod=pod)
    kubernetes.status = status
    with capture_logs() as logs:
        standing.look()
    assert [entry["event"] for entry in logs] == ["deletion_cost_not_told"]
    assert ("patch on pods" in logs[0]["reason"]) == (status == 403)
    kubernetes.status = 200
    standing.look()
    standing.look()
    assert costs(kubernetes) == ["100", "100"]


def test_an_api_server_that_is_not_there_ends_nothing(pod: KubernetesPod, tmp_path: Path) -> None:
    (tmp_path / "token").unlink()
    with capture_logs() as logs:
        Standing(lambda: True, pod=pod).look()
        Standing(lambda: True, pod=KubernetesPod("worker-1", "http://127.0.0.1:1", pod.account)).look()
    assert [entry["event"] for entry in logs] == ["deletion_cost_not_told"] * 2


def test_a_stranger_with_another_certificate_gets_no_token(kubernetes: ApiServer, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with api_server(other) as stranger, pytest.raises(OSError, match="certificate"):
        KubernetesPod("worker-1", stranger.url, kubernetes.account).set_deletion_cost(0)
    assert stranger.patches == []


def test_a_worker_tells_by_itself_until_it_leaves(kubernetes: ApiServer, pod: KubernetesPod, tmp_path: Path) -> None:
    ready, told = tmp_path / "ready", threading.Event()

    def busy() -> bool:
        told.set()
        return False

    standing = Standing(busy, ready, pod, look_seconds=0.01)
    standing.ready()
    assert ready.exists()
    assert told.wait(5)
    standing.leaving()
    standing._thread.join(5)
    assert not ready.exists()
    assert costs(kubernetes) == ["0"]


def test_a_folder_that_cannot_be_written_keeps_no_worker_from_its_work(tmp_path: Path) -> None:
    with capture_logs() as logs:
        Standing(lambda: False, tmp_path / "missing" / "ready").ready()
    assert [entry["event"] for entry in logs] == ["ready_file_not_made"]


def test_a_pod_runs_one_device() -> None:
    with pytest.raises(SettingsError, match="a pod of its own"):
        Fleet(WorkerSettings(devices=("cpu", "cpu"), pod="worker-1"))
    Fleet(WorkerSettings(devices=("cpu",), pod="worker-1"))


def test_the_api_server_is_the_one_that_the_kubelet_names() -> None:
    named = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    assert settings.api_server(named) == "https://[fd00::1]:6443"
    with pytest.raises(SettingsError, match="no pod"):
        settings.api_server({})
