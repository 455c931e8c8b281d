"""Pings: a server hears of the start and the end, and what it does changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from forecast.cli.app import run
from forecast.running.ping import ping
from tests.running.conftest import QUICK
from tests.running.test_run import SALES


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """An address, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(500 if "broken" in self.path else 302 if "away" in self.path else 200)
            if "away" in self.path:
                self.send_header("Location", "file:///etc/passwd")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    served = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}", asked
    served.shutdown()
    served.server_close()
    thread.join()


def test_the_start_the_end_and_a_failure_are_told(server, jobs, shop, capsys):
    """At the address itself, at /start and at /fail."""
    address, asked = server
    head = QUICK.replace("[run]", f'[run]\nping = "{address}/secret/?rid=1"')
    path = jobs(SALES, head=head)
    assert run(["run", path]) == 0
    assert asked == ["/secret/start?rid=1", "/secret/?rid=1"]
    asked.clear()
    (shop / "sales.csv").unlink()
    assert run(["run", path]) == 3
    assert asked == ["/secret/start?rid=1", "/secret/fail?rid=1"]


@pytest.mark.parametrize("where", ["/broken", "/away", None])
def test_a_ping_that_fails_is_a_warning_without_the_address(server, jobs, capsys, where):
    """Whoever knows the address may tell lies there. The exit code stays."""
    address = "http://127.0.0.1:1/secret" if where is None else f"{server[0]}{where}"
    assert run(["run", jobs(SALES, head=QUICK.replace("[run]", f'[run]\nping = "{address}"'))]) == 0
    err = capsys.readouterr().err
    assert [line.split(" did not")[0] for line in err.splitlines()] == [
        "warning: the ping of start",
        "warning: the ping",
    ]
    assert "127.0.0.1" not in err


def test_without_an_address_nobody_is_told() -> None:
    """The default: no other access to a network ever."""
    assert ping(None, "start") is None
