"""The auth service over a world, and what a client does with it."""

from __future__ import annotations

from generated import operations as op
from generated.models import (
    Authentication,
    EmailInput,
    LoginInput,
    MailedTokenInput,
    RefreshInput,
    RegisterInput,
    ResetPasswordInput,
    Role,
)
from handlers.auth import AuthHandlers
from runtime.call import Caller
from runtime.gate import KnownTokens
from runtime.passwords import Passwords
from runtime.problem import Unauthenticated
from runtime.tokens import AccessTokens
from tests.handlers.world import SECRET, World, call

PASSWORD = "a-long-enough-one"
OTHER = "another-long-enough-one"
ANN = "ann@example.com"


class Auth:
    """The auth service in a world, and what a client does with it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.known = KnownTokens()
        self.store = world.store("auth")
        self.passwords = Passwords(cost=4, threads=2)
        self.tokens = AccessTokens(SECRET, "issuer", "audience", world.clock)
        self.handlers = AuthHandlers(
            store=self.store,
            ids=world.ids,
            clock=world.clock,
            pager=world.pager,
            passwords=self.passwords,
            tokens=self.tokens,
            known=self.known,
            fanout=world.fanout,
            mailer=world.mailer,
            secret=SECRET,
            public_url="https://budget.example",
        )

    async def register(self, email: str = ANN, password: str = PASSWORD) -> Authentication:
        body = RegisterInput(email=email, password=password, name="Ann")
        return await self.handlers.register(call(op.REGISTER, user_agent="tests"), body=body)

    async def login(self, email: str = ANN, password: str = PASSWORD) -> Authentication:
        body = LoginInput(email=email, password=password)
        return await self.handlers.login(call(op.LOGIN, user_agent="tests"), body=body)

    async def refresh(self, token: str) -> Authentication:
        return await self.handlers.refresh_tokens(
            call(op.REFRESH_TOKENS), body=RefreshInput(refresh_token=token)
        )

    async def caller(self, signed_in: Authentication) -> Caller:
        """Who the gate says it is: remembered, as the gate does."""
        token = signed_in.access_token
        caller, seconds = await self.handlers.identify(token)
        self.known.put(token, caller, seconds)
        return caller

    async def is_known(self, signed_in: Authentication) -> bool:
        """Whether the gate would let the access token in."""
        if self.known.get(signed_in.access_token) is not None:
            return True
        try:
            await self.handlers.identify(signed_in.access_token)
        except Unauthenticated:
            return False
        return True

    async def staff(self, role: Role, email: str) -> Caller:
        assert await self.handlers.make_account(email, "Staff", PASSWORD, role)
        return await self.caller(await self.login(email))

    async def verify(self, token: str) -> None:
        await self.handlers.verify_email(call(op.VERIFY_EMAIL), body=MailedTokenInput(token=token))

    async def forgot(self, email: str = ANN) -> None:
        await self.handlers.forgot_password(call(op.FORGOT_PASSWORD), body=EmailInput(email=email))

    async def reset(self, token: str, password: str = OTHER) -> None:
        await self.handlers.reset_password(
            call(op.RESET_PASSWORD), body=ResetPasswordInput(token=token, password=password)
        )
