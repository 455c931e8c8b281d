"""A ping: an address is told that a run has begun, ended or failed. It never changes what a run ends with."""

from __future__ import annotations

from urllib.parse import urlsplit

#: Seconds that a server has to answer.
TIMEOUT = 10.0


def ping(address: str | None, event: str = "", *, timeout: float = TIMEOUT) -> str | None:
    """Tells `<address>/start`, `<address>` or `<address>/fail`; returns what went wrong in a sentence, else None."""
    if address is None:
        return None
    # Late: what speaks to servers takes a while to import.
    import urllib.request

    parts = urlsplit(address)
    path = f"{parts.path.rstrip('/')}/{event}" if event else parts.path
    opener = urllib.request.OpenerDirector()
    # HTTP and nothing else, whatever a server redirects to.
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    try:
        with opener.open(parts._replace(path=path).geturl(), timeout=timeout) as answer:
            answer.read(1024)
    # Whatever a library raises on the way: nobody's forecast depends on it. The address is a secret of its own.
    except Exception as error:
        return f"the ping{f' of {event}' if event else ''} did not arrive: {type(error).__name__}"
    return None
