"""Address → bytes: what a web server or an object store holds, as it stands there and whole, or not at all."""

from __future__ import annotations

import base64
import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import IO, Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from forecast.reading.container import MAX_BYTES
from forecast.reading.problems import FileProblems, Problem, shown
from forecast.sources import safe_source
from forecast.version import VERSION

#: Seconds without a byte after which a server counts as gone.
TIMEOUT = 30
_CHUNK = 2**20
_STATUS_HINTS = {
    401: "give the name and the password in the address: https://USER:PASSWORD@HOST/…",
    403: "the server wants other credentials than those in the address",
    404: "open the address in a browser to see what is there",
    429: "the server wants fewer requests: try later",
}


def read_web(address: str, file: str) -> bytes:
    """What a web server answers with. Certificates are verified; a redirect leads to the web only, never off TLS.

    Raises FileProblems with the server's status, or with what kept it from answering.
    """
    try:
        with _opener().open(_request(address), timeout=TIMEOUT) as answer:
            content = _all_of(answer, file)
            length = answer.headers.get("Content-Length")
    except urllib.error.HTTPError as error:
        found = f"the server answers {error.code} {_one_line(error.reason)}"
        if error.code < 400:
            found = "the server redirects in a circle"
        hint = _STATUS_HINTS.get(error.code) or ("the server is at fault: try later" if error.code >= 500 else None)
        error.close()
        raise FileProblems(file, [Problem("E113", found, hint=hint)]) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FileProblems(file, [Problem("E113", f"the address cannot be read: {_reason(error)}")]) from None
    if length is not None and length.isdecimal() and int(length) != len(content):
        found = f"the answer was cut off after {len(content):,} of {int(length):,} bytes"
        raise FileProblems(file, [Problem("E113", found, hint="try again")])
    return content


def read_store(address: str, file: str) -> bytes:
    """What fsspec finds at an address: s3://, gs://, az://, sftp://, memory:// …, with what credentials there are."""
    import fsspec

    try:
        with fsspec.open(address, "rb") as stream:
            return _all_of(stream, file)
    except FileProblems:
        raise
    except ImportError as error:
        found = f"a package is needed for {address.partition(':')[0]}: {_one_line(error)}"
        raise FileProblems(file, [Problem("E110", found, hint=_install_line(address))]) from None
    except FileNotFoundError:
        raise FileProblems(file, [Problem("E101", "there is no such file")]) from None
    except PermissionError as error:
        raise FileProblems(file, [Problem("E103", f"no permission to read this file: {_one_line(error)}")]) from None
    # The library of a store raises what it likes, and none of it is a bug of ours.
    except Exception as error:
        raise FileProblems(file, [Problem("E113", f"the address cannot be read: {_one_line(error)}")]) from None


def _request(address: str) -> urllib.request.Request:
    parts = urlsplit(address)
    if not parts.hostname:
        raise ValueError("it names no host")
    user, _, host = parts.netloc.rpartition("@")
    # Blanks and letters beyond ASCII may be typed, though none may be sent.
    clean = parts._replace(
        netloc=host.encode("idna").decode() if not host.isascii() else host,
        path=quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._"),
        query=quote(parts.query, safe="/%:@!$&'()*+,;=~-._?"),
        fragment="",
    )
    request = urllib.request.Request(urlunsplit(clean), headers={"User-Agent": f"forecast/{VERSION}"})
    if user:
        # Unredirected: another host that the server names must not be told the password.
        token = base64.b64encode(unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a server to another place on the web, but not from an encrypted one to an open one."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme.lower()
        if scheme not in ("http", "https") or (req.type == "https" and scheme == "http"):
            fp.close()
            raise ValueError(f"the server redirects to {shown(safe_source(newurl), 80)}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """One that speaks HTTP and nothing else: no files, no FTP, whatever a server redirects to."""
    opener = urllib.request.OpenerDirector()
    handlers: tuple[Callable[[], urllib.request.BaseHandler], ...] = (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        _Redirects,
    )
    for handler in handlers:
        opener.add_handler(handler())
    return opener


def _all_of(stream: Any, file: str) -> bytes:
    chunks, size = [], 0
    while chunk := stream.read(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BYTES:
            found = f"the file is too large: more than {MAX_BYTES:,} bytes"
            raise FileProblems(file, [Problem("E109", found, hint="keep fewer columns or later rows of it")])
    if not size:
        raise FileProblems(file, [Problem("E104", "the file is empty")])
    return b"".join(chunks)


def _reason(error: Exception) -> str:
    """What kept a server from answering, without the wrapping of urllib."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {inner.verify_message}"
    if isinstance(inner, TimeoutError):
        return f"the server did not answer for {TIMEOUT} seconds"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror[:1].lower() + inner.strerror[1:]
    return _one_line(inner)


def _one_line(error: object) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return shown(text, 120)[1:-1]


#: What fsspec needs for the commoner stores; it names the others itself.
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}


def _install_line(address: str) -> str | None:
    package = _PACKAGES.get(address.partition(":")[0].lower())
    return f"pip install {package}" if package else None
