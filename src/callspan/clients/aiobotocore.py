"""aiobotocore, the asynchronous form of botocore, also where aioboto3 stands on it."""

from __future__ import annotations

from dataclasses import replace

from callspan.clients.boto3 import BOTO3, SERVICES, asks
from callspan.formats.bedrock.invoke import read_headers
from callspan.hooks.botocore import api_calls

AIOBOTOCORE = replace(
    BOTO3,
    name="aiobotocore",
    package="aiobotocore",
    module="aiobotocore",
    versions=("2.13.1", "4"),
    door=api_calls("aiobotocore", "Aio", SERVICES, asks, read_headers),
)
