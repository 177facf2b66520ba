"""Guardrails: answers that pass, are mended, asked for again and refused; streamed, async, unasked.

guardrails-ai 0.11.0. Needs OPENAI_BASE_URL.
"""

import asyncio
import os
import tempfile
import warnings
from pathlib import Path

home = tempfile.mkdtemp()
# else it sends telemetry of its own away
Path(home, ".guardrailsrc").write_text("enable_metrics=false\n")
os.environ["HOME"] = home
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
warnings.simplefilter("ignore")

from guardrails import AsyncGuard, Guard, OnFailAction
from guardrails.validators import FailResult, PassResult, Validator, register_validator


@register_validator(name="shop/short", data_type="string")
class Short(Validator):
    def __init__(self, most=40, on_fail=None):
        super().__init__(on_fail=on_fail, most=most)
        self.most = most

    def _validate(self, value, metadata):
        if len(value) <= self.most:
            return PassResult()
        return FailResult(error_message="too long", fix_value=value[: self.most])


def guard(
    most: int, on_fail: OnFailAction, name: str | None = "short", kind: type = Guard
) -> Guard:
    return kind(name=name).use(Short(most, on_fail=on_fail))


REQUEST = {
    "model": "openai/gpt-4.1-mini",
    "api_base": os.environ["OPENAI_BASE_URL"],
    "api_key": "none",
    "messages": [{"role": "user", "content": "How long does a tulip last?"}],
}
print("passes:", guard(200, OnFailAction.NOOP, None)(**REQUEST).validation_passed)
print("mended:", guard(40, OnFailAction.FIX)(**REQUEST).validated_output)
print("let through:", guard(40, OnFailAction.NOOP)(**REQUEST).validation_passed)
print("asked again:", guard(40, OnFailAction.REASK)(num_reasks=1, **REQUEST))
try:
    guard(40, OnFailAction.EXCEPTION)(**REQUEST)
except Exception as error:
    print("refused:", type(error).__name__)
pieces = guard(200, OnFailAction.NOOP)(stream=True, **REQUEST)
print("streamed:", "".join(piece.validated_output for piece in pieces))
for _piece in guard(200, OnFailAction.NOOP)(stream=True, **REQUEST):
    break
print("left early")
print("unasked:", guard(5, OnFailAction.NOOP).validate("a tulip").validation_passed)


async def main() -> None:
    outcome = await guard(40, OnFailAction.REASK, kind=AsyncGuard)(num_reasks=2, **REQUEST)
    print("async:", outcome.validation_passed)
    pieces = await guard(200, OnFailAction.NOOP, kind=AsyncGuard)(stream=True, **REQUEST)
    print("async streamed:", [piece.validated_output async for piece in pieces])


asyncio.run(main())
