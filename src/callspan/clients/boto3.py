"""boto3, which is botocore underneath: the models, agents and knowledge bases of Bedrock."""

from __future__ import annotations

from collections.abc import Mapping

from callspan.formats.bedrock import agentic as agentic
from callspan.formats.bedrock import invoke as invoke
from callspan.formats.bedrock import knowledge as knowledge
from callspan.formats.bedrock import rerank as rerank
from callspan.formats.bedrock.agent import AGENT
from callspan.formats.bedrock.converse import CONVERSE
from callspan.hooks.botocore import botocore_hook
from callspan.hooks.client import Client
from callspan.hooks.methods import MethodCall

SERVICES = frozenset({"bedrock-runtime", "bedrock-agent-runtime"})


def _request(params: Mapping[str, object]) -> dict[str, object]:
    # an agent that is made for one call names its model otherwise than Converse does
    model = params.get("modelId") or params.get("foundationModel")
    return {**params, "model": model}


_REQUESTS = {
    "AgenticRetrieveStream": agentic.request,
    "Rerank": rerank.request,
    "RetrieveAndGenerate": knowledge.generation_request,
    "RetrieveAndGenerateStream": knowledge.generation_request,
}
"""How the model of a request is read, for operations that have it in a place of their own."""


def read_operation(operation_name: str, api_params: Mapping[str, object]) -> MethodCall:
    """Map a botocore operation to an endpoint: `Converse`, or `InvokeModel/<body format>`."""
    endpoint = operation_name
    # one operation for the formats of all vendors, which are told apart by the body
    if operation_name in ("InvokeModel", "InvokeModelWithResponseStream"):
        body = invoke.request(api_params)
        endpoint = f"InvokeModel/{invoke.form(body)}"
    else:
        body = _REQUESTS.get(operation_name, _request)(api_params)
        if api_params.get("generateResponse"):
            # a search, after which a model writes an answer if the app wants one
            endpoint = f"{operation_name}/answer"
    return MethodCall(endpoint, body, stream=operation_name.endswith("Stream"))


BOTO3 = Client(
    name="boto3",
    package="boto3",
    # the module that boto3 stands on: apps may import it alone
    module="botocore",
    versions=("1.34.131", "2"),
    # whatever the address: a private endpoint of AWS's may have any name
    provider=lambda _client, _host, _port: "aws.bedrock",
    hook=botocore_hook("botocore", "", SERVICES, read_operation, invoke.read_headers),
    endpoints={
        "Converse": CONVERSE,
        "ConverseStream": CONVERSE,
        **{f"InvokeModel/{form.name}": form.wire_format for form in invoke.FORMS},
        "InvokeAgent": AGENT,
        "InvokeInlineAgent": AGENT,
        "RetrieveAndGenerate": knowledge.GENERATION,
        "RetrieveAndGenerateStream": knowledge.GENERATION,
        "Retrieve": knowledge.SEARCH,
        "AgenticRetrieveStream": agentic.SEARCH,
        "AgenticRetrieveStream/answer": agentic.GENERATION,
        "Rerank": rerank.RERANK,
    },
    conflicts={
        "opentelemetry.instrumentation.botocore": "opentelemetry-instrumentation-botocore",
        "opentelemetry.instrumentation.bedrock": "opentelemetry-instrumentation-bedrock",
        "openinference.instrumentation.bedrock": "openinference-instrumentation-bedrock",
        "ddtrace.contrib.internal.botocore.patch": "ddtrace",
    },
    public_methods=(
        ("botocore.client", "BaseClient._make_api_call"),
        ("botocore.client", "ClientCreator.create_client"),
    ),
)
