"""Requests made of the descriptors and their rules: right ones, wrong ones, and what is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from generated.grpc import budget_pb2
from generated.grpc.methods import METHODS

FILE = budget_pb2.DESCRIPTOR
# Rpc by its path, as the file itself has it: those with files between services are not there.
RPCS: dict[str, MethodDescriptor] = {
    f"/{service.full_name}/{method.name}": method
    for service in FILE.services_by_name.values()
    for method in service.methods
}


_RULE: Any = budget_pb2.rule
_INTERNAL: Any = budget_pb2.internal


def internal(rpc: MethodDescriptor) -> bool:
    """Whether only services may ask for it."""
    return bool(rpc.GetOptions().Extensions[_INTERNAL])


PUBLIC = sorted(path for path, rpc in RPCS.items() if not internal(rpc))
INTERNAL = sorted(path for path, rpc in RPCS.items() if internal(rpc))
UNARY = [
    path for path in PUBLIC if not (RPCS[path].client_streaming or RPCS[path].server_streaming)
]
STREAMING = sorted(set(PUBLIC) - set(UNARY))


def kind_of(rpc: MethodDescriptor) -> tuple[bool, bool]:
    """Whether the client streams, and whether the server does."""
    return rpc.client_streaming, rpc.server_streaming


def request_class(path: str) -> type[Message]:
    """The class of an rpc's requests."""
    return GetMessageClass(RPCS[path].input_type)


def answer_class(path: str) -> type[Message]:
    """The class of an rpc's answers."""
    return GetMessageClass(RPCS[path].output_type)


def operation_of(path: str) -> str:
    """The operation that an rpc is."""
    return METHODS[path].operation.id


_JUNK = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", " ", "\0", "é", "0", "-1", "1e5", "NaN", "null", "../x", "a" * 400, "💶"]),
)


def _text(rule: Any, known: Mapping[str, str], name: str) -> st.SearchStrategy[str]:
    """Mostly what the rule allows, an id mostly one that exists."""
    choices: list[st.SearchStrategy[str]] = []
    prefix = re.match(r"\^([a-z]{3})_\[0-7\]", rule.pattern) if rule.pattern else None
    if prefix is not None:
        if prefix[1] in known:
            choices += [st.just(known[prefix[1]])] * 6
        absent = f"{prefix[1]}_{'0' * 26}"
        choices.append(st.just(absent))
    elif rule.format == "decimal":
        choices.append(st.sampled_from(["1.00", "12.5", "0.01", "999999999999.99", "3"]))
    elif rule.format == "date":
        choices.append(st.sampled_from(["2026-11-01", "2026-11-24", "2027-01-31", "2026-02-28"]))
    elif rule.pattern and rule.max_length <= 1024:
        shape = re.compile(rule.pattern.removesuffix("$") + r"\Z")
        fits = st.from_regex(shape, alphabet=st.characters(codec="utf-8")).filter(
            lambda text: rule.min_length <= len(text) <= (rule.max_length or 1024)
        )
        choices += [fits, st.sampled_from(_SAMPLES.get(name, ("Market",)))]
    else:
        choices.append(st.text(min_size=1, max_size=min(rule.max_length or 20, 20)))
    return st.one_of(*choices, *choices, *choices, _JUNK)


# What a text of that name mostly is.
_SAMPLES: dict[str, tuple[str, ...]] = {
    "email": ("nobody@example.com", "somebody@example.com"),
    "sort": ("createdAt", "-createdAt", "name"),
    "month": ("2026-10",),
}


def _scalar(field: FieldDescriptor, known: Mapping[str, str]) -> st.SearchStrategy[Any]:
    rule: Any = field.GetOptions().Extensions[_RULE]
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return _text(rule, known, field.name)
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        assert field.enum_type is not None
        numbers = [value.number for value in field.enum_type.values]
        return st.sampled_from(numbers[1:4] * 8 + numbers + [99, -1])
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return st.floats()
    most = rule.maximum if rule.HasField("maximum") else 100
    least = rule.minimum if rule.HasField("minimum") else 0
    near = st.integers(least, min(most, least + 60))
    return st.one_of(near, near, near, st.sampled_from([least - 1, min(most + 1, 2**31 - 1), 0]))


@st.composite
def filled(draw: st.DrawFn, descriptor: Descriptor, known: Mapping[str, str]) -> Message:
    """A message whose required fields are there nearly always."""
    message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        rule: Any = field.GetOptions().Extensions[_RULE]
        if field.containing_oneof is not None and not field.has_presence:
            continue
        if field.is_repeated:
            most = draw(st.sampled_from([0, 1, 2, 3]))
            for _ in range(most):
                if field.message_type is not None:
                    getattr(message, field.name).append(draw(filled(field.message_type, known)))
                else:
                    getattr(message, field.name).append(draw(_scalar(field, known)))
        elif field.message_type is not None:
            if (rule.required and draw(st.integers(0, 15))) or draw(st.booleans()):
                getattr(message, field.name).CopyFrom(draw(filled(field.message_type, known)))
        elif not field.has_presence:
            if draw(st.integers(0, 15)):
                setattr(message, field.name, draw(_scalar(field, known)))
        elif not draw(st.integers(0, 2)):
            setattr(message, field.name, draw(_scalar(field, known)))
    return message


@st.composite
def frames(draw: st.DrawFn, descriptor: Descriptor, known: Mapping[str, str]) -> bytes:
    """What may come as a request: a message, one with unknown fields, a part of one, or none."""
    raw: bytes = draw(filled(descriptor, known)).SerializeToString()
    how = draw(st.integers(0, 9))
    if how == 0:
        return raw[: draw(st.integers(0, len(raw)))]
    if how == 1:
        return draw(st.binary(max_size=60))
    if how == 2:
        at = draw(st.integers(0, len(raw)))
        return raw[:at] + draw(st.binary(min_size=1, max_size=3)) + raw[at:]
    if how == 3:
        # Field 1000 as bytes, and field 1001 as a number.
        return raw + b"\xc2\x3e\x03abc" + b"\xc8\x3e\x05"
    return raw
