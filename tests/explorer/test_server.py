"""The page on this machine's own address: who is answered, with what, and that nothing else is reached."""

import contextlib
import http.client
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from scenes import EVIL, Page, pictures, scene
from selfsup.errors import OptionError, RunError
from selfsup.explorer import Plane
from selfsup.explorer.server import Server, serve

TOOLS = Path(__file__).parents[1] / "tools"


def original(number):
    if number == 3:
        return None
    if number == 4:
        raise RunError("the file /photos/4.png has been moved")
    if number == 5:
        raise ValueError("a bug of ours")
    return Image.new("RGB" if number else "RGBA", (3000, 1500) if number == 1 else (20, 10), (200, 100, 50))


def made(**changes):
    return scene(thumbnails=pictures, original=original, **changes)


@pytest.fixture(scope="module")
def server():
    one = Server(made())
    one.start()
    yield one
    one.stop()


def port(server):
    return urlsplit(server.address).port


def token(server):
    return urlsplit(server.address).path.strip("/")


def raw(server, request, *, wait=True):
    """What comes back for bytes."""
    with socket.create_connection(("127.0.0.1", port(server)), timeout=10) as connection:
        connection.sendall(request)
        if wait:
            with contextlib.suppress(OSError):  # it has answered and gone
                connection.shutdown(socket.SHUT_WR)
        found = b""
        while block := connection.recv(65536):
            found += block
    return found


def ask(server, path, method="GET", host=None, **headers):
    """Status, headers and content of a request; a path without a slash in front stands behind the token."""
    target = path if path.startswith("/") else f"/{token(server)}/{path}"
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host or f'127.0.0.1:{port(server)}'}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head, _, content = raw(server, "\r\n".join([*lines, "", ""]).encode("latin-1")).partition(b"\r\n\r\n")
    status, *rest = head.decode("latin-1").split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in rest), content


def test_the_page_and_its_parts(server):
    status, headers, content = ask(server, "")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    seen = Page(content.decode())
    assert (seen.manifest["delivery"], seen.manifest["originals"], seen.parts) == ("server", True, {})
    for name, about in seen.manifest["pieces"].items():
        status, _, content = ask(server, f"data/{name}.0")
        assert (status, len(content)) == (200, about["bytes"])
    points = np.frombuffer(ask(server, "data/plane.0.0")[2], "<f4").reshape(-1, 2)
    np.testing.assert_array_equal(points, scene().planes[0].points)
    status, headers, content = ask(server, "data/sheet.0.webp")
    assert (status, headers["Content-Type"]) == (200, "image/webp")
    assert Image.open(io.BytesIO(content)).size == (32 * 48, 2 * 48)


def test_headers_keep_others_out(server):
    for path in ("", "data/plane.0.0", "data/sheet.0.webp", "picture/1", "nothing", "/"):
        _, headers, content = ask(server, path)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in headers
        assert int(headers["Content-Length"]) == len(content)
        assert "Python" not in headers["Server"]
    (policy,) = [attrs["content"] for tag, attrs in Page(ask(server, "")[2].decode()).elements if "http-equiv" in attrs]
    assert headers["Content-Security-Policy"].startswith(policy)


def test_each_address_has_a_token_of_its_own(server):
    other = Server(scene())
    try:
        assert len(token(server)) >= 32
        assert token(server) != token(other)
    finally:
        other.stop()


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:{port}.evil.example",
        "[::1]:{port}",
        "",
        "*",
    ],
)
def test_another_name_for_this_machine_is_refused(server, host):
    """A page of a stranger may have its own name point to 127.0.0.1."""
    status, _, content = ask(server, "", host=host.format(port=port(server)) or " ")
    assert status == 403
    assert b"manifest" not in content
    request = f"GET /{token(server)}/ HTTP/1.1\r\n"
    for lines in ("", f"Host: 127.0.0.1:{port(server)}\r\nHost: evil.example\r\n"):
        assert b" 403 " in raw(server, f"{request}{lines}\r\n".encode())


def test_localhost_is_this_machine(server):
    assert ask(server, "", host=f"localhost:{port(server)}")[0] == 200
    assert ask(server, "", host=f"LocalHost:{port(server)}")[0] == 200


def test_requests_of_other_pages_are_refused(server):
    here = f"http://127.0.0.1:{port(server)}"
    assert ask(server, "data/names.0", Origin=here, Sec_Fetch_Site="same-origin")[0] == 200
    assert ask(server, "", Sec_Fetch_Site="none")[0] == 200
    for origin in ("https://evil.example", "null", f"https://127.0.0.1:{port(server)}", "http://127.0.0.1:1", ""):
        assert ask(server, "data/names.0", Origin=origin)[0] == 403
    for site in ("cross-site", "same-site", "anything"):
        assert ask(server, "data/names.0", Sec_Fetch_Site=site)[0] == 403
        assert ask(server, "", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="iframe")[0] == 403
    opened = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert ask(server, "", **opened)[0] == 200  # a link that was clicked, in a notebook perhaps


@pytest.mark.parametrize(
    "path",
    [
        "/", "/index.html", "//", "/{token}", "/{token}x/", "/x{token}/", "/{TOKEN}/", "/{short}/", "/é/", "/%00/", "{token}/",
        "http://127.0.0.1:{port}/{token}/", "http://evil.example/{token}/", "*", "/favicon.ico",
    ],
)  # fmt: skip
def test_nothing_is_there_without_the_token(server, path):
    known = token(server)
    given = path.format(token=known, TOKEN=known.swapcase(), short=known[:-1], port=port(server))
    lines = f"GET {given} HTTP/1.1\r\nHost: 127.0.0.1:{port(server)}\r\n\r\n"
    found = raw(server, lines.encode("latin-1"))
    assert b" 404 " in found.split(b"\r\n")[0]
    assert b"manifest" not in found


@pytest.mark.parametrize(
    "name",
    [
        "..", "../", "../..", "data/../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd", "//etc/passwd", "data//names.0",
        "data/", "data", "data/names", "data/names.1", "data/names.0/", "data/names.0?x=1", "data/names.0#x", "data/names%2e0",
        "data/sheet.1.webp", "data/sheet.-1.webp", "data\\names.0", "index.html", "data/names.0\x01", "file:///etc/passwd", "?",
        "picture", "picture/", "picture/abc", "picture/999999", "picture/40", "picture/-1", "picture/+1", "picture/01",
        "picture/1/", "picture/../1", "picture/%31", "picture/١", "picture/99999999999999999999", "picture/1?full",
    ],
)  # fmt: skip
def test_only_names_of_the_table_are_answered(server, name):
    given = name.encode("utf-8").decode("latin-1")
    lines = f"GET /{token(server)}/{given} HTTP/1.1\r\nHost: 127.0.0.1:{port(server)}\r\n\r\n"
    found = raw(server, lines.encode("latin-1"))
    status = int(found.split()[1])
    assert status in (400, 404)
    assert b"root:" not in found


def test_pictures_are_made_anew(server, tmp_path):
    status, headers, content = ask(server, "picture/1")
    image = Image.open(io.BytesIO(content))
    assert (status, headers["Content-Type"], image.format, image.size) == (200, "image/jpeg", "JPEG", (1024, 512))
    assert not image.getexif()
    for number, mode in ((0, "RGBA"), (2, "RGB")):
        _, headers, content = ask(server, f"picture/{number}")
        image = Image.open(io.BytesIO(content))
        assert (headers["Content-Type"], image.mode, image.size) == ("image/png", mode, (20, 10))
    for number, sentence in (
        (3, "the picture of 'row 3' cannot be read; it may have been moved"),
        (4, "has been moved"),
    ):
        status, headers, content = ask(server, f"picture/{number}")
        assert (status, headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
        assert sentence in content.decode()
    status, _, content = ask(server, "picture/5")
    assert (status, content) == (500, b"this could not be made")


def test_what_a_picture_carries_stays_here():
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    buffer = io.BytesIO()
    Image.new("RGB", (600, 400)).save(buffer, "JPEG", exif=exif, comment=b"a secret")
    one = Server(scene(original=lambda number: Image.open(io.BytesIO(buffer.getvalue()))))
    one.start()
    try:
        status, _, content = ask(one, "picture/0")
        assert status == 200
        assert b"where I live" not in content
        assert b"secret" not in content
    finally:
        one.stop()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", "X" * 500])
def test_other_methods_are_refused(server, method):
    status, headers, content = ask(server, "", method)
    assert (status, headers["Allow"], content) == (405, "GET, HEAD", b"Method Not Allowed")


def test_head_has_no_content(server):
    status, headers, content = ask(server, "", "HEAD")
    assert (status, content) == (200, b"")
    assert int(headers["Content-Length"]) > 1000
    assert ask(server, "nothing", "HEAD")[0::2] == (404, b"")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 500 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\na: " + b"b" * 100_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400"),
        (b"<script>alert(1)</script>\r\n\r\n", b"400"),
        (b"GET / <script> HTTP/1.1\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_request_is_refused_and_not_repeated(server, request_bytes, status):
    try:
        found = raw(server, request_bytes)
    except ConnectionResetError:  # it was not read to its end
        found = b""
    assert b"script>" not in found
    assert not found or status in found[:40]
    assert ask(server, "")[0] == 200


def test_nothing_sent_nothing_answered(server):
    assert raw(server, b"") == b""
    assert raw(server, b"\r\n") == b""


def test_a_slow_client_does_not_hold_up_others(server):
    slow = [socket.create_connection(("127.0.0.1", port(server))) for _ in range(20)]
    try:
        for connection in slow:
            connection.sendall(b"GET /")
        began = time.monotonic()
        assert ask(server, "")[0] == 200
        assert time.monotonic() - began < 2
    finally:
        for connection in slow:
            connection.close()


def test_a_client_that_never_finishes_is_let_go(server, monkeypatch):
    monkeypatch.setattr("selfsup.explorer.server._Handler.timeout", 0.2)
    assert raw(server, b"GET / HTTP/1.1\r\nHost:", wait=False) == b""


def test_a_browser_that_goes_away_is_no_error(server, capfd):
    for _ in range(3):
        connection = http.client.HTTPConnection("127.0.0.1", port(server))
        connection.request("GET", f"/{token(server)}/data/sheet.0.webp")
        connection.sock.close()
    ask(server, "")
    assert capfd.readouterr() == ("", "")


def test_a_plane_is_computed_meanwhile():
    go = threading.Event()

    def later(number):
        assert go.wait(10)
        if number == 1:
            return np.full((40, 2), 7.0)
        raise (
            RunError("UMAP needs the package umap-learn: pip install umap-learn") if number == 2 else ValueError("odd")
        )

    planes = (*scene().planes, Plane("t-SNE", None), Plane("UMAP", None), Plane("mine", None))
    one = Server(scene(planes=planes, later=later))
    one.start()
    try:
        assert [plane["ready"] for plane in Page(ask(one, "")[2].decode()).manifest["planes"]] == [True] + [False] * 3
        assert ask(one, "data/plane.0.0")[0] == 200
        assert [ask(one, f"data/plane.{number}.0")[0::2] for number in (1, 2)] == [(202, b"")] * 2
        go.set()
        until = time.monotonic() + 10
        while ask(one, "data/plane.3.0")[0] == 202 and time.monotonic() < until:
            time.sleep(0.02)
        status, _, content = ask(one, "data/plane.1.0")
        assert (status, np.frombuffer(content, "<f4").tolist()) == (200, [7.0] * 80)
        status, headers, content = ask(one, "data/plane.2.0")
        assert (status, headers["Content-Type"]) == (410, "text/plain; charset=utf-8")
        assert content == b"UMAP needs the package umap-learn: pip install umap-learn"
        assert ask(one, "data/plane.3.0")[0::2] == (410, b"mine failed with ValueError: odd")
    finally:
        one.stop()


def test_names_of_a_stranger_are_told_as_text():
    one = Server(scene(len(EVIL), title=EVIL[0], names=EVIL, original=lambda number: None))
    one.start()
    try:
        for number in range(len(EVIL)):
            status, headers, _ = ask(one, f"picture/{number}")
            assert (status, headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    finally:
        one.stop()


def test_a_port_that_is_taken_or_none_is_a_sentence(server):
    with pytest.raises(
        RunError, match=rf"port {port(server)} cannot be used: .* in use; port 0 \(--port 0\) takes a free"
    ):
        Server(scene(), port(server))
    for wrong in (-1, 65_536):
        with pytest.raises(OptionError, match="must be 0 to 65535"):
            Server(scene(), wrong)


def test_it_is_not_reached_from_the_network(server):
    with socket.socket() as other:
        other.settimeout(2)
        try:
            own = socket.gethostbyname(socket.gethostname())
        except OSError:
            pytest.skip("this machine has no name")
        if own.startswith("127."):
            pytest.skip("this machine has no address on a network")
        assert other.connect_ex((own, port(server))) != 0


def test_stopped_the_port_is_free_again():
    one = Server(scene())
    one.start()
    at = port(one)
    assert ask(one, "")[0] == 200
    one.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", at), timeout=2)
    again = Server(scene(), at)
    again.stop()


def test_a_browser_is_opened_only_if_asked(monkeypatch):
    opened, told = [], []
    monkeypatch.setattr("selfsup.explorer.server.webbrowser.open", lambda address: opened.append(address) or True)
    monkeypatch.setattr(Server, "wait", lambda self: None)
    serve(scene(), ready=told.append)
    assert (len(told), opened) == (1, [])
    serve(scene(), open_browser=True, ready=told.append)
    assert opened == told[1:]


RUN = """
import sys, time
sys.path.insert(0, sys.argv[1])
from scenes import scene
from selfsup.explorer import Plane
from selfsup.explorer.server import serve
planes = (*scene().planes, Plane("t-SNE", None))
later = (lambda number: time.sleep(60)) if sys.argv[2] == "busy" else (lambda number: scene().planes[0].points)
serve(scene(planes=planes, later=later), ready=lambda address: print(address, flush=True))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(("what", "codes"), [("idle", (0,)), ("busy", (0, 130))])
def test_ctrl_c_ends_it_quietly_and_at_once(what, codes):
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, TOOLS, what], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    address = process.stdout.readline().strip()
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(address).port)
    connection.request("GET", urlsplit(address).path)
    assert connection.getresponse().status == 200
    connection.close()
    began = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=20)
    assert rest == ("", "")
    assert process.returncode in codes
    assert time.monotonic() - began < 5
