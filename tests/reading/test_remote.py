"""What comes over the network comes whole or not at all, and tells no secret to anybody else."""

from __future__ import annotations

import base64
import gzip
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import fsspec
import pytest

from forecast.config import ReadConfig
from forecast.reading import remote
from forecast.reading.problems import FileProblems, Problem
from forecast.reading.tables import read_table
from tests.reading.files import daily, days

LINES = "".join(json.dumps({"date": day, "y": n}) + "\n" for n, day in enumerate(days(20)))


class Server(ThreadingHTTPServer):
    """Answers each path with a status, headers and content, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, str | None]] = []

    def address(self, path: str) -> str:
        """Where a client finds the path."""
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def put(self, path: str, content: str | bytes = b"", status: int = 200, **headers: str) -> str:
        """Answers a path from now on; the address of it."""
        data = content.encode() if isinstance(content, str) else content
        self.answers[path] = (status, {name.replace("_", "-"): value for name, value in headers.items()}, data)
        return self.address(path)


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        status, headers, content = self.server.answers.get(self.path, (404, {}, b"<html>not found</html>"))
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        """Keeps quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def rows_of(address: str) -> list[list[str]]:
    found = read_table(address, ReadConfig())
    assert found.names == ("date", "y")
    return [list(row) for row in zip(*found.cells, strict=True)]


def refused(address: str) -> Problem:
    with pytest.raises(FileProblems) as caught:
        read_table(address, ReadConfig())
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)
    (problem,) = caught.value.problems
    return problem


ROWS = [[day, str(n)] for n, day in enumerate(days(20))]


def test_a_web_address_gives_what_the_file_gives(server: Server) -> None:
    """Plain, packed, of any kind that a file may be, with a query, a redirect or letters beyond ASCII in it."""
    assert rows_of(server.put("/sales.csv", daily())) == ROWS
    assert rows_of(server.put("/sales.csv?raw=1", daily())) == ROWS
    assert rows_of(server.put("/packed", gzip.compress(daily().encode()))) == ROWS
    assert rows_of(server.put("/sales.jsonl", LINES)) == ROWS
    server.put("/K%C3%A4se%202.csv", daily())
    assert rows_of(server.address("/Käse 2.csv")) == ROWS
    assert rows_of(server.put("/old", status=302, Location="/sales.csv")) == ROWS


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_refusal_is_told_by_its_status(status: int, server: Server) -> None:
    """Its page is never taken for data."""
    problem = refused(server.put("/sales.csv", "date,y\n2024-01-01,1\n", status=status))
    assert problem.code == "E113"
    assert f"answers {status}" in problem.text


def test_a_page_that_says_it_is_fine_is_no_table(server: Server) -> None:
    """As many servers say when they mean a login."""
    assert refused(server.put("/sales.csv", "<!doctype html><title>Log in</title>")).code == "E105"
    assert refused(server.put("/empty.csv", b"")).code == "E104"


def test_an_answer_that_is_cut_off_is_refused(server: Server) -> None:
    """Half a file would be read as one that ends earlier."""
    problem = refused(server.put("/sales.csv", daily(), Content_Length="100000"))
    assert problem.code == "E113"


def test_a_password_is_sent_and_neither_shown_nor_passed_on(server: Server) -> None:
    """Another place that the server names does not learn it."""
    server.put("/new.csv", daily())
    address = server.put("/sales.csv", status=302, Location=server.address("/new.csv"))
    assert rows_of(address.replace("http://", "http://me:hu%40sh@")) == ROWS
    expected = "Basic " + base64.b64encode(b"me:hu@sh").decode()
    assert server.asked == [("/sales.csv", expected), ("/new.csv", None)]
    assert read_table(address.replace("//", "//me:hush@"), ReadConfig()).file == address
    refused(server.address("/none.csv?token=hush").replace("//", "//me:hush@"))


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/x.csv", "data:text/plain,x", "ftp:x"])
def test_a_redirect_leads_to_the_web_only(place: str, server: Server) -> None:
    """No server chooses a file of this machine."""
    assert refused(server.put("/sales.csv", status=302, Location=place)).code == "E113"


def test_a_redirect_from_an_encrypted_address_to_an_open_one_is_not_followed() -> None:
    """Whoever listens could put other numbers in."""
    request = remote.urllib.request.Request("https://h/sales.csv")
    with pytest.raises(ValueError, match="not followed"):
        remote._Redirects().redirect_request(request, io.BytesIO(), 302, "Found", {}, "http://h/sales.csv")


def test_redirects_in_a_circle_end(server: Server) -> None:
    """With a problem."""
    assert "in a circle" in refused(server.put("/sales.csv", status=302, Location="/sales.csv")).text


def test_a_server_that_is_not_there_or_says_nothing_is_a_problem(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the time that is given to it."""
    assert "refused" in refused("http://127.0.0.1:1/sales.csv").text
    monkeypatch.setattr(remote, "TIMEOUT", 0.1)
    waiting = threading.Event()
    monkeypatch.setattr(_Answers, "do_GET", lambda self: waiting.wait(5))
    assert "did not answer" in refused(server.address("/sales.csv")).text
    waiting.set()


def test_what_is_too_large_is_not_read_to_its_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is that of files."""
    monkeypatch.setattr(remote, "MAX_BYTES", 100)
    assert refused(server.put("/sales.csv", daily())).code == "E109"


@pytest.mark.parametrize("address", ["http:///x.csv", "http://[::1/x.csv", "https://h:port/x.csv", "http://a b/x.csv"])
def test_an_address_that_is_none_is_a_problem(address: str) -> None:
    """And no traceback."""
    assert refused(address).code == "E113"


def test_a_store_gives_what_the_file_gives() -> None:
    """Whatever fsspec knows, packed or not."""
    for name, content in {"a.csv": daily().encode(), "a.csv.gz": gzip.compress(daily().encode())}.items():
        with fsspec.open(f"memory://tests/{name}", "wb") as stream:
            stream.write(content)
        assert rows_of(f"memory://tests/{name}") == ROWS
    assert refused("memory://tests/none.csv").code == "E101"


class _Broken(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """A store whose library raises what it was given."""

    protocol = "broken"
    error: Exception = RuntimeError()

    def _open(self, *_arguments: object, **_options: object) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ImportError("Install brokenfs"), "E110"),
        (PermissionError("Access\nDenied"), "E103"),
        (TimeoutError(), "E113"),
        (RuntimeError("no\ncredentials"), "E113"),
    ],
)
def test_whatever_a_store_raises_is_a_problem_of_one_line(
    error: Exception, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its library is not ours."""
    fsspec.register_implementation("broken", _Broken, clobber=True)
    monkeypatch.setattr(_Broken, "error", error)
    assert refused("broken://me:hush@bucket/sales.csv").code == code


def test_a_store_that_nobody_knows_is_a_problem() -> None:
    """Or a spelling of one."""
    assert refused("s4://bucket/sales.csv").code == "E113"


@pytest.mark.parametrize(("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs"), ("abfs", "adlfs")])
def test_a_store_without_its_package_says_what_to_install(
    scheme: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a line that can be pasted."""

    def missing(*_arguments: object, **_options: object) -> None:
        raise ImportError(f"install {package}")

    monkeypatch.setattr(fsspec, "open", missing)
    problem = refused(f"{scheme}://bucket/sales.csv")
    assert (problem.code, problem.hint) == ("E110", f"pip install {package}")
