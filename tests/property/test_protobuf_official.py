"""The official client's generated protobuf classes as oracle: equal bytes after a round through both."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from pathlib import Path

import pytest

from neptune_frames.errors import WireDecodingError
from neptune_frames.wire.protobuf import messages
from neptune_frames.wire.protobuf.drafts import Draft
from neptune_frames.wire.protobuf.fields import Field, Kind, Message, WireType
from neptune_frames.wire.protobuf.records import Records

pytestmark = pytest.mark.compat

MODULES = {
    "leaderboard_entries": [messages.SEARCH_RESULT, messages.ATTRIBUTES],
    "attributes": [messages.QUERY_ATTRIBUTES_RESULT, messages.ATTRIBUTES_SEARCH_RESULT],
    "series_values": [messages.FLOAT_SERIES_RESPONSE, messages.OBJECT_SERIES_RESPONSE, messages.BUCKETS_RESPONSE],
    "requests": [messages.BUCKETS_REQUEST],
}

#: Runs in the official client's interpreter: parses each body and writes it again without unknown fields.
ORACLE = """
import base64, importlib, json, sys
package = "neptune_query.generated.neptune_api.proto.neptune_pb.api.v1.model"
classes = {}
for module in ("leaderboard_entries", "attributes", "series_values", "requests"):
    module = importlib.import_module(f"{package}.{module}_pb2")
    classes.update({name: getattr(module, name) for name in module.DESCRIPTOR.message_types_by_name})
answers = []
for name, body in json.load(open(sys.argv[1])):
    message = classes[name]()
    try:
        message.ParseFromString(base64.b64decode(body))
        message.DiscardUnknownFields()
        answers.append(base64.b64encode(message.SerializeToString(deterministic=True)).decode())
    except Exception as error:
        answers.append(None)
json.dump(answers, open(sys.argv[2], "w"))
"""


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    groups = []
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def random_body(source: random.Random, message: Message) -> bytes:
    """A message with fields in any order, some of them several times, some unknown."""
    parts = []
    for field in message.fields:
        parts += [random_field(source, field) for _ in range(source.choice([0, 1, 1, 2, 5 if field.repeated else 1]))]
    if source.random() < 0.3:
        parts.append(varint(100 << 3) + varint(source.getrandbits(64)))
    if source.random() < 0.5:
        source.shuffle(parts)
    return b"".join(parts)


def random_field(source: random.Random, field: Field) -> bytes:
    if field.message is not None:
        content = random_body(source, field.message)
    elif field.kind.wire_type is WireType.LENGTH:
        content = "".join(source.choices("ab/é漢🙂", k=source.choice([0, 1, 8, 130]))).encode()
    elif field.repeated:
        if source.random() < 0.3:
            return varint(field.number << 3 | field.kind.wire_type) + source.randbytes(8)
        content = source.randbytes(8 * source.randrange(4))
    elif field.kind is Kind.BOOL:
        return varint(field.tag) + bytes([source.randrange(2)])
    elif field.kind.wire_type is WireType.VARINT:
        return varint(field.tag) + varint(source.getrandbits(source.choice([1, 7, 31, 33, 64])))
    else:
        return (
            varint(field.tag) + source.choice([bytes(8), source.randbytes(8)])[: 8 if field.kind is Kind.DOUBLE else 4]
        )
    return varint(field.tag) + varint(len(content)) + content


def rewritten(body: bytes, message: Message) -> bytes | None:
    try:
        return Draft.of_struct(message, Records.of_body(body, message).struct()).to_bytes()
    except WireDecodingError:
        return None


def ask_oracle(python: Path, cases: list[tuple[Message, bytes]], directory: Path) -> list[bytes | None]:
    request, answer = directory / "cases.json", directory / "answers.json"
    request.write_text(json.dumps([(message.name, base64.b64encode(body).decode()) for message, body in cases]))
    subprocess.run([python, "-c", ORACLE, str(request), str(answer)], check=True, timeout=120)
    return [None if text is None else base64.b64decode(text) for text in json.loads(answer.read_text())]


def cases_of(source: random.Random, count: int) -> list[tuple[Message, bytes]]:
    return [(m, random_body(source, m)) for known in MODULES.values() for m in known for _ in range(count)]


def test_reads_and_writes_what_the_official_classes_do(official_python: Path, tmp_path: Path) -> None:
    cases = cases_of(random.Random(5), 8)
    for (message, body), official in zip(cases, ask_oracle(official_python, cases, tmp_path), strict=True):
        assert official is not None
        assert rewritten(body, message) == official


def test_never_reads_what_the_official_classes_refuse(official_python: Path, tmp_path: Path) -> None:
    """On damaged bytes we may be stricter (wrong wire types, groups), never laxer, and never read other values."""
    source = random.Random(6)
    cases = []
    for message, body in cases_of(source, 8):
        damaged = bytearray(body or b"\x0a")
        damaged[source.randrange(len(damaged))] = source.randrange(256)
        cases.append((message, bytes(damaged[: source.choice([len(damaged), source.randrange(len(damaged)) + 1])])))
    official_answers = ask_oracle(official_python, cases, tmp_path)
    ours = [rewritten(body, message) for message, body in cases]
    for mine, official in zip(ours, official_answers, strict=True):
        assert mine is None or mine == official
    assert any(mine is not None for mine in ours)
    assert any(official is None for official in official_answers)
