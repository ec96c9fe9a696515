"""/docs: Swagger UI, from connexion and the files of its package; no request leaves the machine."""

from __future__ import annotations

import asyncio
import warnings

from runtime.foreign import Asgi
from runtime.rest import Receive, Scope, Send


class Documents:
    """An ASGI application that loads connexion at its first request: 0.7 s and 40 MB that a process
    which serves no reader need not spend."""

    def __init__(self, title: str, spec_url: str) -> None:
        self._title = title
        self._spec_url = spec_url
        self._app: Asgi | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves /docs and what lies below it."""
        if self._app is None:
            async with self._loading:
                if self._app is None:
                    self._app = await asyncio.to_thread(self._connexion)
        await self._app(scope, receive, send)

    def _connexion(self) -> Asgi:
        with warnings.catch_warnings():
            # connexion loads a test client that wants a newer httpx; nothing here uses it.
            warnings.simplefilter("ignore")
            import connexion
            from connexion.options import SwaggerUIOptions

        app = connexion.AsyncApp(__name__)
        # The served spec is ours (/openapi.json), so connexion is given none to serve.
        app.add_api(
            {"openapi": "3.0.3", "info": {"title": self._title, "version": "1"}, "paths": {}},
            base_path="/",
            swagger_ui_options=SwaggerUIOptions(
                serve_spec=False,
                swagger_ui_path="/docs",
                swagger_ui_template_arguments={"openapi_spec_url": self._spec_url},
            ),
        )
        return app  # type: ignore[no-any-return] # connexion is not typed
