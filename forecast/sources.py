"""What a text given as DATA or `--output` stands for: a file, stdin, a web address, an object store or a database.

It looks at the text only: nothing is opened, and nothing heavy is imported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, unquote_plus

STDIN = "-"

#: Kinds of database that SQLAlchemy has a dialect for; `kind+driver` is a database whatever the kind.
_DATABASES = frozenset(
    "access bigquery clickhouse cockroachdb crate databricks db2 druid duckdb exasol firebird hana hive ibm_db_sa "
    "impala mariadb mssql mysql oracle postgres postgresql presto redshift snowflake sqlite teradatasql trino "
    "vertica".split()
)
# Two characters at least: one is a drive of Windows. The double colon chains file systems, as fsspec has it.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9_.-]+(?:\+[A-Za-z0-9_.-]+)?)(?:::[A-Za-z0-9_.+-]+)*://")
_SHEET = re.compile(r"(.+?\.(?:xlsx|xlsm|xltx|xltm))#(.+)", re.IGNORECASE | re.DOTALL)
_QUERY = re.compile(r"[?&]query=")
_PACKED = (".gz", ".bz2", ".xz", ".zst")
_SECRET = re.compile(
    r"(?:^|[?&])[^=&]*(?:token|key|secret|sig|passw|pwd|auth|credential|odbc_connect)[^=&]*=[^&]*", re.IGNORECASE
)


@dataclass(frozen=True)
class Source:
    """A text taken apart. kind is file, stdin, web, store or database.

    address is what the kind's own library opens, part the sheet or table after `#`, query the SQL after `query=`.
    """

    kind: str
    address: str
    part: str | None = None
    query: str | None = None


def parse(text: str) -> Source:
    """What the text stands for. Whatever has no `scheme://` is the path of a file."""
    if text == STDIN:
        return Source("stdin", text)
    scheme = _scheme(text)
    if scheme.partition("+")[0] in _DATABASES or "+" in scheme:
        return _database(text)
    if scheme in ("http", "https"):
        address, _, part = text.partition("#")
        return Source("web", address, unquote(part) or None)
    if scheme == "file":
        text = unquote(text[len("file://") :].removeprefix("localhost"))
    sheet = _SHEET.fullmatch(text)
    kind = "store" if scheme and scheme != "file" else "file"
    return Source(kind, sheet[1], sheet[2]) if sheet else Source(kind, text)


def is_local(text: str) -> bool:
    """Whether the text is the path of a file of this machine, perhaps with the name of a sheet."""
    return parse(text).kind == "file"


def source_stem(text: str) -> str:
    """A name for files that are made from the source: its own, without folder and suffixes."""
    source = parse(text)
    if source.kind == "stdin":
        return "stdin"
    if source.kind == "file":
        return _stem(Path(source.address).name)
    path = source.address.partition("://")[2]
    if source.kind != "store" and "/" in path:
        path = path.partition("/")[2]
    names = [name for name in re.split(r"[/\\]+", unquote(path.partition("?")[0])) if name.strip(". ")]
    # What comes over the network must not choose a folder, nor hide itself.
    stem = re.sub(r"[^\w.+=@ -]", "_", _stem(names[-1]) if names else "").strip(" .")
    return stem[:100] or source.kind


def safe_source(text: str) -> str:
    """The source without passwords, tokens and keys: what may be shown, and kept in a model.

    The user stays, so that a database finds the password where its own client looks for one.
    """
    source = parse(text)
    if source.kind in ("stdin", "file"):
        return text
    rest = text[len(source.address) :] if text.startswith(source.address) else ""
    address = source.address
    if source.kind == "web":
        address = re.sub(r"://[^/?]*@", "://", address)
    else:
        # A password may hold anything but an @, and one that does hold it is nobody's host.
        address = re.sub(r"://([^:/@]*):[^@]*@(?:[^/?]*@)?", r"://\1@", address)
    base, mark, parameters = address.partition("?")
    parameters = _SECRET.sub("", parameters).lstrip("&")
    return base + (mark + parameters if parameters else "") + rest


def display_source(text: str) -> str:
    """How messages name the source, on one line: without secrets and without its query."""
    source = parse(text)
    if source.kind in ("stdin", "file"):
        return text
    address = safe_source(source.address)
    short = address if len(address) <= 60 else PurePosixPath(address.partition("?")[0]).name
    return f"{short}#{source.part}" if source.part else short


def _scheme(text: str) -> str:
    found = _SCHEME.match(text)
    return found[1].lower() if found else ""


def _database(text: str) -> Source:
    found = _QUERY.search(text)
    if found:
        return Source("database", text[: found.start()], query=_decoded(text[found.end() :]))
    address, mark, part = text.rpartition("#")
    # A # before an @ belongs to a password.
    if not mark or "@" in part:
        return Source("database", text)
    return Source("database", address, unquote(part) or None)


def _decoded(query: str) -> str:
    """The statement in the text after `query=`. One with blanks was never encoded, so its % is a %."""
    if re.search(r"\s", query.strip()):
        return query.strip()
    return unquote(query).strip() if "%20" in query else unquote_plus(query).strip()


def _stem(name: str) -> str:
    path = Path(name)
    return Path(path.stem).stem if path.suffix.lower() in _PACKED else path.stem
