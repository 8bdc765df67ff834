"""`manage.py protocol_types`: writes the browser's TypeScript types from `chat.realtime.protocol`."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from msgspec import inspect

from chat.realtime.protocol import commands, events, views
from chat.realtime.protocol.closing import Close
from inference.types import errors

TARGET = "chat/web/frontend/src/protocol.ts"
HEADER = "// Generated from chat/realtime/protocol by `manage.py protocol_types`. Do not edit.\n"
UNIONS: dict[str, Any] = {
    "ClientCommand": commands.ClientCommand,
    "GenerationEvent": events.GenerationEvent,
    "SessionEvent": events.SessionEvent,
    "ServerEvent": events.ServerEvent,
}
PLAIN: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.UUIDType: "string",
    inspect.IntType: "number",
    inspect.FloatType: "number",
    inspect.BoolType: "boolean",
    inspect.NoneType: "null",
    inspect.AnyType: "unknown",
}


class Command(BaseCommand):
    """With `--check`, fails when the file is not what the protocol says."""

    help = "Write the TypeScript types of the chat socket's frames."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say whether the file is up to date")
        parser.add_argument("--output", type=Path, default=settings.BASE_DIR / TARGET)

    def handle(self, *args: object, check: bool, output: Path, **options: object) -> None:
        wanted = typescript()
        if not check:
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(wanted)
        elif not output.exists() or output.read_text() != wanted:
            raise CommandError(f"{output.name} is out of date: run `manage.py protocol_types`.")


def typescript() -> str:
    """The whole file."""
    close = {name: code for name, code in vars(Close).items() if name.isupper()}
    parts = [HEADER, f"export const PROTOCOL_VERSION = {events.PROTOCOL_VERSION};\n"]
    parts.append(f"export const MAX_CONTENT_CHARS = {commands.MAX_CONTENT_CHARS};\n")
    parts.append(f"export const Close = {json.dumps(close, indent=2)} as const;\n")
    structs = [
        value
        for module in (commands, errors, views, events)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, msgspec.Struct) and _belongs(value, module)
    ]
    parts += [_interface(struct) for struct in structs]
    parts += [f"export type {name} =\n  | {_members(union)};\n" for name, union in UNIONS.items()]
    return "\n".join(parts)


def _belongs(struct: type[msgspec.Struct], module: ModuleType) -> bool:
    return struct.__module__ == module.__name__ and struct not in (commands.Command, events.Event)


def _interface(struct: type[msgspec.Struct]) -> str:
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{struct.__name__} is not a struct")
    lines = [f"  {info.tag_field}: {json.dumps(info.tag)};"] if info.tag_field else []
    for field in info.fields:
        # The server sends every field unless told otherwise; a client may leave out what has a default.
        omits = issubclass(struct, commands.Command) or struct.__struct_config__.omit_defaults
        optional = "" if field.required or not omits else "?"
        lines.append(f"  {field.encode_name}{optional}: {_type(field.type)};")
    return "\n".join([f"export interface {struct.__name__} {{", *lines, "}\n"])


def _members(union: object) -> str:
    info = inspect.type_info(union)
    if not isinstance(info, inspect.UnionType):
        raise TypeError(f"{union} is not a union")
    return "\n  | ".join(_type(member) for member in info.types)


def _type(info: inspect.Type) -> str:
    match info:
        case inspect.Metadata():
            return _type(info.type)
        case inspect.StructType():
            return info.cls.__name__
        case inspect.UnionType():
            return " | ".join(_type(member) for member in info.types)
        case inspect.LiteralType():
            return " | ".join(json.dumps(value) for value in info.values)
        case inspect.ListType():
            return f"{_type(info.item_type)}[]"
        case inspect.DictType():
            return f"Record<{_type(info.key_type)}, {_type(info.value_type)}>"
    return PLAIN[type(info)]
