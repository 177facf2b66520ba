"""aiobotocore, the asynchronous form of botocore, also where aioboto3 stands on it."""

from __future__ import annotations

from dataclasses import replace

from callspan.clients.boto3 import BOTO3, SERVICES, read_call
from callspan.formats.bedrock.invoke import read_headers
from callspan.hooks.botocore import botocore_hook

AIOBOTOCORE = replace(
    BOTO3,
    name="aiobotocore",
    package="aiobotocore",
    module="aiobotocore",
    versions=("2.13.1", "4"),
    hook=botocore_hook("aiobotocore", "Aio", SERVICES, read_call, read_headers),
)
