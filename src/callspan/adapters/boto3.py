"""boto3, which is botocore underneath: of all that it speaks to, the models and agents of Bedrock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.dialects import bedrock_invoke as invoke
from callspan.dialects.bedrock_converse import CONVERSE
from callspan.doors.adapter import Adapter, post
from callspan.doors.botocore import api_calls
from callspan.doors.methods import Asked

SERVICES = frozenset({"bedrock-runtime"})
_STREAMS = frozenset({"ConverseStream", "InvokeModelWithResponseStream"})


def asks(operation_name: str, api_params: Mapping[str, Any]) -> Asked | None:
    """An operation takes the place of a path; InvokeModel's goes on with the name of the format."""
    stream = operation_name in _STREAMS
    if not operation_name.startswith("InvokeModel"):
        body = {**api_params, "model": api_params.get("modelId")}
        return Asked("POST", operation_name, body, stream=stream)
    body = invoke.request(api_params)
    return Asked("POST", f"{operation_name}/{invoke.form(body)}", body, stream=stream)


BOTO3 = Adapter(
    name="boto3",
    package="botocore",
    module="botocore",
    versions=("1.34.116", "2"),
    provider=lambda _client, _host, _port: "aws.bedrock",
    door=api_calls("botocore", "", SERVICES, asks, invoke.metered),
    routes=(
        post("^Converse(Stream)?", CONVERSE),
        *(post(f"^InvokeModel(WithResponseStream)?/{form.name}", form.dialect) for form in invoke.FORMS),
    ),
)
