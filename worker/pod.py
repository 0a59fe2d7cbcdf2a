"""The Kubernetes pod of this process, known to the API server by its service account."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

# https://kubernetes.io/docs/reference/labels-annotations-taints/#pod-deletion-cost
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class KubernetesPod:
    """Pod `name`. `server` is the address of the API server, `account` the folder with token, namespace and ca.crt."""

    name: str
    server: str
    account: Path = ACCOUNT

    def set_deletion_cost(self, cost: int) -> None:
        """Annotates the pod; a ReplicaSet that shrinks deletes pods of lower cost first, as far as it can.

        Raises OSError when the API server does not answer within SECONDS, or refuses.
        """
        try:
            status, reason = self._patch({"metadata": {"annotations": {DELETION_COST: str(cost)}}})
        except http.client.HTTPException as problem:
            raise OSError(f"{self.server} does not speak HTTP: {problem!r}") from problem
        if status != http.client.OK:
            advice = "; its service account needs the verb patch on pods" if status == http.client.FORBIDDEN else ""
            raise OSError(f"{self.server} answered {status} {reason} to a patch of pod {self.name}{advice}")

    def _patch(self, change: dict[str, object]) -> tuple[int, str]:
        # Read each time: the kubelet renews the token every hour or so.
        token = (self.account / "token").read_text().strip()
        namespace = (self.account / "namespace").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"}
        connection = self._connection()
        try:
            path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(self.name)}"
            connection.request("PATCH", path, json.dumps(change), headers)
            answer = connection.getresponse()
            return answer.status, answer.reason
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        address = urlsplit(self.server)
        if address.scheme == "http":
            return http.client.HTTPConnection(address.netloc, timeout=SECONDS)
        trusted = ssl.create_default_context(cafile=str(self.account / "ca.crt"))
        return http.client.HTTPSConnection(address.netloc, timeout=SECONDS, context=trusted)
