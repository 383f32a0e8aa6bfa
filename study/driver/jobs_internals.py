"""Names of Ray's Jobs API that Ray does not promise to keep; see `ray_internals`."""

from collections.abc import Callable
from typing import Any

from ray.job_submission import JobSubmissionClient

# Loggers of modules of the Jobs API that warn of what the study says itself.
JOBS_LOGGERS = (
    "ray.dashboard.modules.dashboard_sdk",
    "ray.dashboard.modules.job.sdk",
    "ray._private.runtime_env.packaging",
    "ray._private.authentication.http_token_authentication",
)


class JobsClient(JobSubmissionClient):
    """Ray's client of the Jobs API, whose requests another function sends.

    Args:
        address: of the API, such as http://127.0.0.1:8265.
        send: called with method, endpoint, headers and the named `data` or `json_data` of a
            request; returns an answer with `status_code`, `text`, `json` and `raise_for_status`.
    """

    def __init__(self, address: str, send: Callable[..., Any]) -> None:
        self._send = send
        super().__init__(address)

    def _do_request(self, method: str, endpoint: str, **parts: Any) -> Any:
        return self._send(method, endpoint, self._headers, **parts)
