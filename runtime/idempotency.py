"""Idempotency keys: a repeated request has the first one's answer, and no effect of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from hashlib import blake2b
from typing import Any

from pydantic import BaseModel, TypeAdapter

from runtime.call import Call
from runtime.operation import Operation
from runtime.ports import KeyTaken, Remember, Remembered, Store
from runtime.problem import DeadlineExceeded, KeyReused, NotFound, RequestInProgress
from runtime.upload import Upload

Arguments = Mapping[str, Any]
Chain = Callable[[Call, Arguments], Awaitable[Any]]


class Idempotency:
    """The steps of one operation's chain. The record commits with the effect, in its store.

    `running` holds the (caller, key) of the calls that run in this process, of all operations.
    """

    def __init__(
        self, operation: Operation, store: Store, result: Any, running: set[tuple[str, str]]
    ) -> None:
        self._operation = operation
        self._store = store
        self._adapter: TypeAdapter[Any] = TypeAdapter(result)
        self._running = running

    def once(self, following: Chain) -> Chain:
        """Calls `following` at most once for each caller and key."""
        store, running, operation = self._store, self._running, self._operation
        encode = self._adapter.serializer.to_json

        async def once(call: Call, arguments: Arguments) -> Any:
            key = call.idempotency_key
            if key is None:
                return await following(call, arguments)
            caller = call.caller.user_id
            for name, value in arguments.items():
                if isinstance(value, Upload):
                    data = await self._whole(value)
                    fingerprint = self._fingerprint(call, {**arguments, name: (value.media, data)})
                    arguments = {**arguments, name: Upload(value.media, _one(data))}
                    break
            else:
                fingerprint = self._fingerprint(call, arguments)
            if (caller, key) in running:
                raise RequestInProgress("A request with this key is still running.", retry_after=1)
            running.add((caller, key))
            try:
                kept = await store.recall(caller, key)
                if kept is None:
                    call.pending = record = Remember(caller, key, operation.id, fingerprint)
                    record.encode = encode
                    try:
                        answer = await following(call, arguments)
                        if not record.kept:
                            await store.commit(call.remember(answer))
                        return answer
                    except KeyTaken:
                        # Another process was faster: its effect stands, ours was not written.
                        kept = await store.recall(caller, key)
                        if kept is None:
                            raise RequestInProgress(retry_after=1) from None
            finally:
                running.discard((caller, key))
            return self._again(kept, fingerprint)

        return once

    def gone(self, following: Chain) -> Chain:
        """Answers a repeated request whose first one took away what the access check asks for.

        For operations that answer nothing: so no record shows a caller what it may not see now.
        """

        async def gone(call: Call, arguments: Arguments) -> Any:
            try:
                return await following(call, arguments)
            except NotFound:
                if call.idempotency_key is None:
                    raise
                kept = await self._store.recall(call.caller.user_id, call.idempotency_key)
                if kept is None:
                    raise
                return self._again(kept, self._fingerprint(call, arguments))

        return gone

    def _again(self, kept: Remembered, fingerprint: bytes) -> Any:
        if kept.operation != self._operation.id or kept.fingerprint != fingerprint:
            raise KeyReused("This key was used with another request.")
        return self._adapter.validator.validate_json(kept.answer)

    def _fingerprint(self, call: Call, arguments: Arguments) -> bytes:
        """What makes two requests the same: the operation, its arguments, its condition."""
        digest = blake2b(self._operation.id.encode(), digest_size=16)
        digest.update(b"%d" % (call.if_version or 0))
        for name in sorted(arguments):
            value = arguments[name]
            text = value.model_dump_json() if isinstance(value, BaseModel) else repr(value)
            digest.update(f"\0{name}\0{text}".encode())
        return digest.digest()

    async def _whole(self, upload: Upload) -> bytes:
        """A file's bytes, which tell two requests apart."""
        try:
            async with asyncio.timeout(self._operation.deadline):
                return b"".join([chunk async for chunk in upload.chunks])
        except TimeoutError:
            raise DeadlineExceeded("It took longer than allowed.", retry_after=1) from None


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data
