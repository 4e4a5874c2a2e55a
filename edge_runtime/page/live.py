"""WS /ws/live: the state twice a second, and the newest picture of a camera, to every browser that looks.

One reader of each mailbox and one encoding of each picture per page process, however many look. Host and
origin were checked before this is reached (`security`). Neighbours: `live_client` is one connection,
`picture_feed` one camera, `keeper` makes the state.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, WebSocket
from starlette.websockets import WebSocketDisconnect

from edge_runtime.page.context import PageContext, viewer
from edge_runtime.page.keeper import Keeper, keeper_of
from edge_runtime.page.live_client import FULL, SIGNED_OUT, LiveClient, SentAwayError, close_socket
from edge_runtime.page.picture_feed import PictureFeed
from edge_runtime.people.sign_in import Viewer

#: connections at a time, over all and from one address
CLIENTS_MAX, CLIENTS_PER_ADDRESS_MAX = 48, 24
#: where looking needs a sign-in, it is asked again so often
ACCESS_S = 2.0


class LiveHub:
    """All connections of the page.

    Args:
        context, keeper: of the page.
    """

    def __init__(self, context: PageContext, keeper: Keeper) -> None:
        self._context = context
        self._keeper = keeper
        self._feeds = {
            camera.name: PictureFeed(context.station, camera.name) for camera in context.config.cameras
        }
        self._clients: dict[LiveClient, str] = {}
        keeper.on_state.append(self._tell)
        keeper.on_tick.append(self._tick)

    def _tell(self) -> None:
        for client in self._clients:
            client.wake()

    def _tick(self) -> None:
        for feed in self._feeds.values():
            feed.tick()

    async def serve(self, socket: WebSocket, camera: str | None) -> None:
        """Serve one accepted connection until one side ends it."""
        address = socket.client.host if socket.client is not None else ""
        client = LiveClient(socket, self._feeds.get, lambda: (self._keeper.number, self._keeper.text))
        if not self._room_for(address):
            await close_socket(socket, FULL, "too many pages are open")
            return
        self._clients[client] = address
        try:
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(self._watch_access(socket))
                try:
                    await client.run(camera)
                finally:
                    watch.cancel()
        except* SentAwayError as sent_away:
            first = sent_away.exceptions[0]
            assert isinstance(first, SentAwayError)
            await close_socket(socket, first.code, str(first))
        except* WebSocketDisconnect:
            pass  # it went
        finally:
            del self._clients[client]

    def _room_for(self, address: str) -> bool:
        if len(self._clients) >= CLIENTS_MAX:
            return False
        return sum(other == address for other in self._clients.values()) < CLIENTS_PER_ADDRESS_MAX

    async def _watch_access(self, socket: WebSocket) -> None:
        """A session that ends takes the pictures with it, where looking needs one."""
        if self._context.page.view_without_sign_in:
            return
        while True:
            await asyncio.sleep(ACCESS_S)
            if not _may_look(await to_thread.run_sync(viewer, socket)):
                raise SentAwayError(SIGNED_OUT, "signed out")


def _may_look(who: Viewer | None) -> bool:
    return who is not None and not who.must_change


def router(context: PageContext) -> APIRouter:
    """The live socket."""
    hub = LiveHub(context, keeper_of(context))
    routes = APIRouter()

    @routes.websocket("/ws/live")
    async def live(
        socket: WebSocket,
        who: Annotated[Viewer | None, Depends(viewer)],
        camera: Annotated[str | None, Query(max_length=64)] = None,
    ) -> None:
        await socket.accept()
        if not context.page.view_without_sign_in and not _may_look(who):
            await close_socket(socket, SIGNED_OUT, "signed out")
            return
        await hub.serve(socket, camera)

    return routes
