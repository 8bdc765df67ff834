"""`embeddings`."""

from __future__ import annotations

import asyncio
import base64
from array import array
from typing import Annotated, Any, Literal

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from chat.api.auth import ASYNC_LOGGED_IN, user_of
from chat.api.openai.documents import EmbeddingsOut, answers
from chat.api.openai.schemas import Strict
from chat.api.parsing import Name, example
from chat.realtime.database import in_database
from chat.services.embeddings import EmbeddingResult, embed
from chat.services.limits import require_model

router = Router(tags=["embeddings"], auth=ASYNC_LOGGED_IN)

TokenId = Annotated[int, Field(strict=True)]


class EmbeddingRequest(Strict):
    """The body of `embeddings`."""

    model_config = example(model="$MODEL", input="Tea at five.")

    input: str | list[str] | list[TokenId] | list[list[TokenId]]
    model: Annotated[Name, Field(min_length=1, max_length=100)]
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: int | None = None
    user: str | None = None

    def inputs(self) -> list[str | list[int]]:
        """One text or one list of tokens is a list of one."""
        given: Any = self.input
        is_one = isinstance(given, str) or (bool(given) and isinstance(given[0], int))
        return [given] if is_one else list(given)


@router.post("embeddings", summary="Embeddings", response=answers(EmbeddingsOut))
async def create_embeddings(request: HttpRequest, body: EmbeddingRequest) -> Any:
    """As OpenAI's. Vectors have length 1; `dimensions` cuts those of models that are made for it."""
    await in_database(require_model)(user_of(request), body.model)
    result = await embed(model=body.model, inputs=body.inputs(), dimensions=body.dimensions)
    as_base64 = body.encoding_format == "base64"
    content = await asyncio.to_thread(embedding_body, result, body.model, as_base64=as_base64)
    return HttpResponse(content, content_type="application/json")


def embedding_body(result: EmbeddingResult, model: str, *, as_base64: bool) -> bytes:
    """The answer's JSON, which may be megabytes."""

    def encoded(vector: bytes) -> str | list[float]:
        return base64.b64encode(vector).decode() if as_base64 else array("f", vector).tolist()

    data = [
        {"object": "embedding", "index": index, "embedding": encoded(vector)}
        for index, vector in enumerate(result.vectors)
    ]
    usage = {"prompt_tokens": result.tokens, "total_tokens": result.tokens}
    return msgspec.json.encode({"object": "list", "data": data, "model": model, "usage": usage})
