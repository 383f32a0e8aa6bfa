"""Asks the head of a Ray cluster whether it is there, before Ray does.

Ray itself tries for minutes, in C++ that no signal interrupts, and gives no reason. A gRPC call,
the protocol of heads, answers at once or at its deadline, and gives a reason.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import ray
from ray.exceptions import AuthenticationError

from study.driver import ray_internals
from study.errors import StudyError
from study.machine import check_address

REMEDY = "Start one: ray start --head. Or leave --address out for a Ray of the study's own."


@dataclass(frozen=True, slots=True)
class HeadAnswer:
    """A head's version of Ray, and for each node that was asked about, whether it is alive."""

    version: str
    alive: list[bool]


def find_head(address: str) -> str:
    """HOST:PORT of the head that `--address` means; "auto" is RAY_ADDRESS or the Ray here.

    Raises UsageError if RAY_ADDRESS is no HOST:PORT, StudyError if no Ray runs on this machine.
    """
    if address == "auto":
        try:
            address = ray_internals.address_from_environment()
        except ConnectionError:
            raise StudyError(
                f"--address auto: no Ray runs on this machine; a study joins one. {REMEDY}"
            ) from None
        check_address(address, "RAY_ADDRESS" if os.environ.get("RAY_ADDRESS") else "--address auto")
    return ray_internals.host_and_port(address)


def ask_head(head: str, seconds: float, nodes: Sequence[bytes] = ()) -> HeadAnswer:
    """Ask a head for its version and for the state of some nodes.

    Args:
        head: HOST:PORT.
        seconds: the deadline of the call.
        nodes: the ids of nodes.

    Raises: StudyError where no head answers, or where it wants a token that was not given.
    """
    try:
        return HeadAnswer(*ray_internals.check_alive(head, seconds, nodes))
    except AuthenticationError:
        raise StudyError(_wants_token(head)) from None
    except grpc.RpcError as error:
        failed_call: Any = error  # gRPC raises a call, which has a code and details
        refusals = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
        if failed_call.code() in refusals:
            raise StudyError(_wants_token(head)) from None
        late = failed_call.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        # Only the end of gRPC's details is a reason, such as "Connection refused".
        reason = str(failed_call.details()).rpartition(": ")[2].rstrip("]")
        why = f"nothing is heard in {seconds:g} s" if late else reason[:160].lower()
        raise StudyError(f"{head}: no head of a Ray answers ({why}). {REMEDY}") from None


def check_head(head: str, seconds: float) -> None:
    """Raise StudyError unless a head of our version answers, with a node on this machine.

    Args:
        head: HOST:PORT.
        seconds: how long the head may take to answer.
    """
    answer = ask_head(head, seconds, ray_internals.nodes_here())
    if answer.version != ray.__version__:
        raise StudyError(
            f"{head}: Ray {answer.version}; a study joins a Ray of its own version, "
            f"{ray.__version__}. Start the head from this environment: ray start --head."
        )
    if not any(answer.alive):
        raise StudyError(
            f"{head}: this machine is no node of that cluster; study run joins from one. "
            f"Make it one: ray start --address={head}. Or send the study: study submit."
        )


def _wants_token(head: str) -> str:
    if os.environ.get("RAY_AUTH_MODE", "").lower() == "token":
        return (
            f"{head}: the head refuses our token, or there is none; its own is what "
            "`ray get-auth-token` prints there. Put that in RAY_AUTH_TOKEN or ~/.ray/auth_token."
        )
    return (
        f"{head}: the head wants a token; a study gives one only when told to. Set "
        "RAY_AUTH_MODE=token, with the head's token in RAY_AUTH_TOKEN or ~/.ray/auth_token."
    )
