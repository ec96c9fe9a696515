"""`grpc/`: protoc's messages, how they become arguments and models and back, the methods that a
server offers, and the clients that offer a remote service as if it were here.
"""

from __future__ import annotations

from compiler.emit.grpc import clients, methods, values
from compiler.emit.grpc.protos import Protos, compiled
from compiler.emit.lines import HEADER
from compiler.ir import Contract

_DOC = "The contract over gRPC."


def emit(contract: Contract) -> dict[str, str]:
    """The files of `grpc/`; none without a proto."""
    if not contract.proto:
        return {}
    protos = Protos(contract)
    files = {f"grpc/{name}": text for name, text in compiled(protos).items()}
    files["grpc/__init__.py"] = f'"""{_DOC}\n\n{HEADER}\n"""\n'
    for emitter in (values, methods, clients):
        files |= emitter.emit(contract, protos)
    return files
