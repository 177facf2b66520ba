"""aiobotocore, the asynchronous form of botocore, which aioboto3 also stands on."""

from __future__ import annotations

from dataclasses import replace

from callspan.clients.boto3 import BOTO3, SERVICES, read_operation
from callspan.formats.bedrock.invoke import read_headers
from callspan.hooks.botocore import botocore_hook

AIOBOTOCORE = replace(
    BOTO3,
    name="aiobotocore",
    package="aiobotocore",
    module="aiobotocore",
    versions=("2.13.1", "4"),
    conflicts={},
    public_methods=(),
    # its classes are botocore's with this before their names, such as `AioBaseClient`
    hook=botocore_hook("aiobotocore", "Aio", SERVICES, read_operation, read_headers),
)
