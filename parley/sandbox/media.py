"""Pictures that the account sends: the carrier fetches them from the URLs it was given."""

from __future__ import annotations

import aiohttp

# Twilio: 5 MB for body and media together; types that handsets show.
SIZE_LIMIT = 5 * 1024 * 1024
KINDS = ("image/", "audio/", "video/", "text/vcard", "text/x-vcard", "application/pdf")


class MediaFailure(Exception):
    """The picture could not be had; `code` goes on the message."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


class MediaFetcher:
    """One client for all fetches."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool."""
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=15, sock_connect=5)
        )

    async def close(self) -> None:
        """Drop what is under way."""
        if self._session:
            await self._session.close()

    async def fetch(self, urls: list[str]) -> list[tuple[str, bytes]]:
        """Content type and bytes of each. Raises MediaFailure."""
        found: list[tuple[str, bytes]] = []
        room = SIZE_LIMIT
        for url in urls:
            content_type, content = await self._one(url, room)
            room -= len(content)
            found.append((content_type, content))
        return found

    async def _one(self, url: str, room: int) -> tuple[str, bytes]:
        assert self._session is not None
        try:
            async with self._session.get(url) as response:
                if response.status != 200:
                    raise MediaFailure(11200)
                if not response.content_type.startswith(KINDS):
                    raise MediaFailure(12300)
                content = bytearray()
                async for chunk in response.content.iter_chunked(64 * 1024):
                    content += chunk
                    if len(content) > room:
                        raise MediaFailure(11751)
                return response.content_type, bytes(content)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise MediaFailure(11200) from error
