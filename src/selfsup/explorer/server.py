"""A scene on this machine's own address, for a browser on it: more than a file can hold, and pictures in full.

What a page of a stranger in the same browser, or another user of the machine, cannot do: the address holds a random token;
``Host`` must be ours, which a name that was made to point here is not; requests of other sites are refused; and a request
names an entry of a table, never a file.
"""

from __future__ import annotations

import hmac
import io
import logging
import re
import secrets
import socketserver
import sys
import threading
import webbrowser
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from selfsup.errors import OptionError, RunError, SelfsupError
from selfsup.explorer.manifest import describe
from selfsup.explorer.pieces import Bytes
from selfsup.explorer.scene import Scene
from selfsup.explorer.sprites import TYPE, Sheets
from selfsup.explorer.template import around, policy
from selfsup.lazy import PIL
from selfsup.system.signals import aside

HERE = "127.0.0.1"
LARGEST = 1024  # pixels of a side of a picture in full
SMALL = 256  # pixels of a side up to which a picture is sent as it is, without loss
SECONDS = 30  # that a browser may take for a request or for reading an answer
SHEETS = 64  # that are kept
BINARY = "application/octet-stream"
PICTURE = re.compile(r"picture/(0|[1-9][0-9]{0,9})", re.ASCII)
log = logging.getLogger("selfsup")


class Waiting(Exception):
    """What was asked for is still being computed."""


class Server:
    """A page on this machine's own address, from when it is made until it is stopped.

    Parameters
    ----------
    scene
        What is shown. Planes without points are computed from `start` on.
    port
        Of the address; 0 takes a free one.

    Raises
    ------
    OptionError
        If there is no such port.
    RunError
        If the port is taken, or not for users.
    """

    def __init__(self, scene: Scene, port: int = 0) -> None:
        self._answers = _Answers(scene)
        self._http = _bound(port, partial(_Handler, self._answers))
        self.address = f"http://{HERE}:{self._http.server_port}/{self._answers.token}/"
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Answer in a thread, from now on."""
        self._answers.later.start()
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until it is stopped, or Ctrl-C."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.2)

    def stop(self) -> None:
        """Answer no more, and give the port back."""
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._thread = None
        self._http.server_close()


def check_port(port: int) -> None:
    """Say early that a port cannot be used, before anything is computed; see `Server`."""
    if port:
        _bound(port, BaseHTTPRequestHandler).server_close()


def serve(
    scene: Scene, port: int = 0, open_browser: bool = False, ready: Callable[[str], object] | None = None
) -> None:
    """Show a scene on this machine's own address until Ctrl-C.

    Parameters
    ----------
    scene
        What is shown.
    port
        Of the address; 0 takes a free one.
    open_browser
        Whether to open the address in the user's browser.
    ready
        Is told the address.

    Raises
    ------
    RunError
        If the port is taken.
    """
    server = Server(scene, port)
    try:
        server.start()
        if ready is not None:
            ready(server.address)
        if open_browser and not webbrowser.open(server.address):
            log.warning("no browser could be opened; open the address yourself")
        server.wait()
    except KeyboardInterrupt:  # the way to end it
        log.info("the explorer was stopped")
    finally:
        server.stop()


class _Later:
    """Planes that are computed in the background, one after the other."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._made: dict[int, np.ndarray | SelfsupError] = {}
        self._begun = False

    def start(self) -> None:
        """Begin with the first, unless it has begun."""
        if not self._begun and any(plane.points is None for plane in self._scene.planes):
            self._begun = True
            aside(self._compute)

    def points(self, number: int) -> np.ndarray:
        """Points (n, 2) of a plane.

        Raises
        ------
        Waiting
            If it is not there yet.
        SelfsupError
            What went wrong.
        """
        if number not in self._made:
            raise Waiting
        found = self._made[number]
        if isinstance(found, SelfsupError):
            raise found
        return found

    def _compute(self) -> None:
        for number, plane in enumerate(self._scene.planes):
            if plane.points is not None:
                continue
            try:
                if self._scene.later is None:
                    raise RunError(f"{plane.name} was not computed")
                self._made[number] = np.asarray(self._scene.later(number), np.float32)
            except SelfsupError as error:
                self._made[number] = error
            except Exception as error:  # told on the page; what else is there works on
                log.debug("%s failed", plane.name, exc_info=True)
                self._made[number] = RunError(f"{plane.name} failed with {type(error).__name__}: {error}")


class _Answers:
    """What is answered under which name: a table that is there before the first request."""

    def __init__(self, scene: Scene) -> None:
        self.token = secrets.token_urlsafe(24)
        self.later = _Later(scene)
        self._scene, self._reading = scene, threading.Lock()
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._keeping = threading.Lock()
        self._sheets = Sheets(scene) if scene.thumbnails else None
        manifest, pieces = describe(scene, "server", self._sheets, later=self.later.points)
        page = b"".join(around(manifest))
        self._table: dict[str, tuple[str, Callable[[], Bytes]]] = {"": ("text/html; charset=utf-8", lambda: page)}
        for piece in pieces:
            for number in range(piece.parts):
                self._table[f"data/{piece.name}.{number}"] = (BINARY, partial(piece.part, number))
        for number in range(self._sheets.count if self._sheets else 0):
            self._table[f"data/sheet.{number}.webp"] = (TYPE, partial(self._sheet, number))

    def find(self, name: str) -> tuple[str, Bytes] | None:
        """Type and content under a name; None if there is none.

        Raises
        ------
        Waiting
            If it is still being computed.
        SelfsupError
            If it cannot be made.
        """
        if name in self._table:
            kind, make = self._table[name]
            return kind, make()
        found = PICTURE.fullmatch(name)
        if found and self._scene.original is not None and int(found[1]) < len(self._scene):
            return self._picture(int(found[1]))
        return None

    def _sheet(self, number: int) -> bytes:
        """A sprite sheet, made when it is first asked for."""
        assert self._sheets is not None
        found = self._kept.get(number) or self._sheets.make(number)[0]
        with self._keeping:
            self._kept[number] = found
            self._kept.move_to_end(number)
            if len(self._kept) > SHEETS:
                self._kept.popitem(last=False)
        return found

    def _picture(self, index: int) -> tuple[str, bytes]:
        """A picture in full, made anew: nothing that a file holds beside its pixels is handed on."""
        assert self._scene.original is not None
        with self._reading:
            image = self._scene.original(index)
        if image is None:
            raise RunError(f"the picture of '{self._scene.names[index]}' cannot be read; it may have been moved")
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        image.thumbnail((LARGEST, LARGEST))
        clean, buffer = PIL.Image.new(image.mode, image.size), io.BytesIO()
        clean.paste(image)
        if max(image.size) <= SMALL or image.mode == "RGBA":
            clean.save(buffer, "PNG")
            return "image/png", buffer.getvalue()
        clean.save(buffer, "JPEG", quality=90)
        return "image/jpeg", buffer.getvalue()


class _Http(ThreadingHTTPServer):
    """One thread a request; quiet."""

    allow_reuse_address = sys.platform != "win32"  # where it lets two programs have one port
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        """Take the address, without asking the network for its name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away in the middle is none; anything else is a bug of ours."""
        log.debug("a request failed", exc_info=True)


def _bound(port: int, handler: Callable[..., BaseHTTPRequestHandler]) -> _Http:
    """A server that has its port."""
    if not 0 <= port <= 65535:
        raise OptionError(f"port is {port}; it must be 0 to 65535, and 0 takes a free one")
    try:
        return _Http((HERE, port), handler)
    except OSError as error:
        raise RunError(f"port {port} cannot be used: {error.strerror}; port 0 (--port 0) takes a free one") from error


class _Handler(BaseHTTPRequestHandler):
    """Refuses, or answers from the table."""

    server_version, sys_version = "selfsup", ""
    timeout = SECONDS

    def __init__(self, answers: _Answers, request: Any, client: Any, server: _Http) -> None:
        self.answers = answers
        self.hosts = {f"{HERE}:{server.server_port}", f"localhost:{server.server_port}"}
        super().__init__(request, client, server)

    def do_GET(self) -> None:
        """Answer a request."""
        status, kind, content = self._answer()
        self._send(status, kind, content)

    do_HEAD = do_GET

    def _answer(self) -> tuple[HTTPStatus, str, Bytes]:
        """Status, type and content of what is asked for."""
        refusal = self._refusal()
        if refusal:
            return HTTPStatus.FORBIDDEN, *_sentence(refusal)
        name = self._name()
        try:
            found = None if name is None else self.answers.find(name)
        except Waiting:
            return HTTPStatus.ACCEPTED, BINARY, b""
        except SelfsupError as error:
            gone = str(name).startswith("data/")
            return HTTPStatus.GONE if gone else HTTPStatus.NOT_FOUND, *_sentence(str(error))
        except Exception:
            log.debug("%s failed", name, exc_info=True)
            return HTTPStatus.INTERNAL_SERVER_ERROR, *_sentence("this could not be made")
        if found is None:
            return HTTPStatus.NOT_FOUND, *_sentence("there is nothing here; the address stands in the terminal")
        return HTTPStatus.OK, *found

    def _refusal(self) -> str:
        """Why a request is refused, or nothing."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or hosts[0].strip().lower() not in self.hosts:
            return "this address is for a browser on the same machine only"
        for origin in self.headers.get_all("Origin") or []:
            if origin.strip().lower().removeprefix("http://") not in self.hosts:
                return "requests of other pages are refused"
        came = (self.headers.get("Sec-Fetch-Site") or "none").strip().lower()
        opened = (self.headers.get("Sec-Fetch-Mode"), self.headers.get("Sec-Fetch-Dest")) == ("navigate", "document")
        if came not in ("none", "same-origin") and not opened:  # a link to the page may be followed
            return "requests of other pages are refused"
        return ""

    def _name(self) -> str | None:
        """What stands behind the token; None if that is not ours."""
        token, slash, name = self.path[1:].partition("/")
        right = hmac.compare_digest(token.encode("utf-8", "replace"), self.answers.token.encode())
        return name if right and slash and self.path.startswith("/") else None

    def _send(self, status: int, kind: str, content: Bytes) -> None:
        """An answer, which no browser keeps, shows in a frame or takes for something else."""
        self.close_connection = True
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Content-Security-Policy": f"{policy('server')}; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            **({"Allow": "GET, HEAD"} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server itself refuses: a method, a line that is too long, no HTTP at all. Nothing of it is repeated."""
        self.request_version = "HTTP/1.0"  # whatever was asked in: 0.9, which it is taken for, has no headers
        if code == HTTPStatus.NOT_IMPLEMENTED:
            code = HTTPStatus.METHOD_NOT_ALLOWED
        self._send(code, *_sentence(HTTPStatus(code).phrase))

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are for who looks for a fault; the token stays out of logs."""
        log.debug("explorer: %s", (format % args).replace(self.answers.token, "TOKEN"))


def _sentence(text: str) -> tuple[str, bytes]:
    """Type and content of a sentence."""
    return "text/plain; charset=utf-8", text.encode(errors="backslashreplace")
