"""boto3, which is botocore underneath: of all that it speaks to, the models and agents of Bedrock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callspan.formats.bedrock import invoke as invoke
from callspan.formats.bedrock import knowledge as knowledge
from callspan.formats.bedrock.agent import AGENT
from callspan.formats.bedrock.converse import CONVERSE
from callspan.hooks.botocore import botocore_hook
from callspan.hooks.client import Client, post
from callspan.hooks.methods import MethodCall

SERVICES = frozenset({"bedrock-runtime", "bedrock-agent-runtime"})


def read_call(operation_name: str, api_params: Mapping[str, Any]) -> MethodCall | None:
    """An operation takes the place of a path; InvokeModel's goes on with the name of the format."""
    path, model = operation_name, api_params.get("modelId") or api_params.get("foundationModel")
    if path.startswith("InvokeModel"):
        body = invoke.request(api_params)
        path = f"{path}/{invoke.form(body)}"
    elif path.startswith("RetrieveAndGenerate"):
        body = knowledge.generation_request(api_params)
    else:
        body = {**api_params, "model": model}
    return MethodCall("POST", path, body, stream=operation_name.endswith("Stream"))


BOTO3 = Client(
    name="boto3",
    package="boto3",
    module="botocore",
    versions=("1.34.131", "2"),
    provider=lambda _client, _host, _port: "aws.bedrock",
    hook=botocore_hook("botocore", "", SERVICES, read_call, invoke.read_headers),
    endpoints=(
        post("^Converse(Stream)?", CONVERSE),
        *(
            post(f"^InvokeModel(WithResponseStream)?/{form.name}", form.wire_format)
            for form in invoke.FORMS
        ),
        post("^Invoke(Inline)?Agent", AGENT),
        post("^RetrieveAndGenerate(Stream)?", knowledge.GENERATION),
        post("^Retrieve", knowledge.SEARCH),
    ),
)
