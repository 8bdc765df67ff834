"""What ninja leaves out of an OpenAPI document: how errors look, and an example for the shell per operation.

`$PARLEY` is the server's address and `$KEY` a key; models and parts of paths are variables too, such as
`$SESSION_ID`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from chat.api.v1.schemas import Error

JSON = "application/json"
EVENTS = "text/event-stream"
FILE_FIELD = "binary"
REFERENCE = "#/components/schemas/{model}"
REFUSED = {
    "description": "Refused, or failed.",
    "content": {JSON: {"schema": {"$ref": REFERENCE.format(model=Error.__name__)}}},
}


TEXTS = {name: {"type": "string"} for name in ("id", "event", "data")}
SCHEMAS = {JSON: {"type": "object"}, EVENTS: {"type": "object", "properties": TEXTS}}


def documented(*kinds: str) -> dict[str, Any]:
    """`openapi_extra` of an operation whose answer is no JSON, or not always."""
    names = [kind.partition(";")[0] for kind in kinds]
    content = {name: {"schema": SCHEMAS.get(name, {"type": "string"})} for name in names}
    return {"responses": {200: {"description": "OK", "content": content}}}


class SampledAPI(NinjaAPI):
    """An API whose document has an example for each operation (`x-codeSamples`)."""

    def get_openapi_schema(self, *args: Any, **kwargs: Any) -> OpenAPISchema:
        """The document."""
        document = super().get_openapi_schema(*args, **kwargs)
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                source = write_sample(method.upper(), path, operation, document)
                # For readers of the page, and for tools that know the extension.
                operation["description"] += f"\n\n```sh\n{source}\n```"
                operation["x-codeSamples"] = [{"lang": "Shell", "label": "curl", "source": source}]
        return document


class ChatAPI(SampledAPI):
    """One whose document has the envelope of errors too."""

    def get_openapi_schema(self, *args: Any, **kwargs: Any) -> OpenAPISchema:
        """The document."""
        document = super().get_openapi_schema(*args, **kwargs)
        document["components"]["schemas"] |= _error_schemas()
        for operations in document["paths"].values():
            for operation in operations.values():
                operation["responses"]["default"] = REFUSED
        return document


def _error_schemas() -> dict[str, Any]:
    schema = Error.model_json_schema(ref_template=REFERENCE)
    return {**schema.pop("$defs"), Error.__name__: schema}


def write_sample(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    """A curl command with what the operation needs, and nothing optional."""
    url = re.sub(r"\{(\w+)\}", lambda name: f"${name[1].upper()}", path) + _query(operation)
    parts = [f'curl -X {method} "$PARLEY{url}"']
    if "security" in operation:
        parts.append('-H "Authorization: Bearer $KEY"')
    parts += _body(operation.get("requestBody", {}).get("content", {}), document)
    return " ".join(parts)


def _query(operation: dict[str, Any]) -> str:
    given = [
        f"{parameter['name']}={example}"
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query" and (example := _example(parameter["schema"])) is not None
    ]
    return f"?{'&'.join(given)}" if given else ""


def _body(content: dict[str, Any], document: dict[str, Any]) -> list[str]:
    if "multipart/form-data" in content:
        schema = _resolve(content["multipart/form-data"]["schema"], document)
        return [
            f'-F "{name}=@notes.txt"' if _is_file(field) else f'-F "{name}={_example(field) or ""}"'
            for name, field in schema["properties"].items()
            if name in schema.get("required", ())
        ]
    if JSON not in content:
        return []
    schema = _resolve(content[JSON]["schema"], document)
    body = json.dumps(_example(schema) or {}, ensure_ascii=False)
    return ['-H "Content-Type: application/json"', f"-d {json.dumps(body, ensure_ascii=False)}"]


def _example(schema: dict[str, Any]) -> Any:
    return next(iter(schema.get("examples", [])), None)


def _is_file(schema: dict[str, Any]) -> bool:
    return schema.get("format") == FILE_FIELD


def _resolve(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "")
    if not reference:
        return schema
    resolved: dict[str, Any] = document["components"]["schemas"][reference.rpartition("/")[2]]
    return resolved
