"""Jobs: a file of jobs is read as it is meant, and all that is wrong with it is found before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from forecast.config import Config
from forecast.errors import ConfigError
from forecast.jobs import Jobs, expand, first_file, only, read_jobs
from forecast.jobs.job import failures_of

PRICES = '[jobs.prices]\ndata = "prices.csv"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and another one to run in, so that a path that is relative to the wrong one is found."""
    (tmp_path / "work").mkdir()
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    return tmp_path / "work"


def jobs_of(folder: Path, text: str) -> Jobs:
    (folder / "jobs.toml").write_text(text, encoding="utf-8")
    return read_jobs(folder / "jobs.toml")


def wrong_with(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        jobs_of(folder, text)
    return [line.strip() for line in error.value.message.splitlines()[1:]]


def test_a_job_needs_only_its_data(folder: Path) -> None:
    """Everything else has a place in the state folder, or is chosen later."""
    jobs = jobs_of(folder, PRICES)
    (unit,) = expand(jobs).units
    state = folder / "jobs.state"
    assert (jobs.state, jobs.ledger) == (state, str(state / "ledger.db"))
    assert unit.data == str(folder / "prices.csv")
    assert unit.output() == str(state / "forecasts" / "prices.csv")
    assert unit.model == state / "models" / "prices.safetensors"
    assert unit.job.config == Config()
    assert [str(policy) for policy in unit.job.retrain] == ["7d"]


def test_options_go_where_their_commands_have_them(folder: Path) -> None:
    """One key is told to both commands where both have it, and a job's own key wins over the default."""
    text = """
[defaults]
horizon = 14
levels = [80]
time_limit = "10m"
max_age = "26h"

[jobs.prices]
data = "prices.csv"
target = "close"
horizon = 7
cell = "gru"
excel_safe = true
decimal = ","
retrain = ["7d", "drift"]
fallback = ["previous"]
min_value = 0
"""
    (job,) = jobs_of(folder, text).jobs
    assert (job.config.model.horizon, job.predict.horizon) == (7, 7)
    assert (job.config.data.target, job.config.model.cell, job.config.read.decimal) == (("close",), "gru", ",")
    assert (job.predict.levels, job.predict.excel_safe, job.config.train.time_limit) == ((80,), True, 600)
    assert (job.gates.max_age, job.gates.min_value, job.fallback) == ("26h", 0, ("previous",))
    assert [str(policy) for policy in job.retrain] == ["7d", "drift"]


def test_paths_are_relative_to_the_file_of_jobs(folder: Path) -> None:
    """Those of SQLite databases too; a web address and another database stay as they are."""
    text = """
[run]
state = "night"
ledger = "sqlite:///kept/ledger.db"
[jobs.a]
data = "sqlite:///shop.db?query=select 1"
output = "sqlite:///out.db#forecast"
[jobs.b]
data = "https://example.org/data.csv"
output = "/srv/{name}.{cutoff}.csv"
[jobs.c]
data = "postgresql://me@host/db?query=select 1"
future_data = "plans/{stem}.csv"
"""
    jobs = jobs_of(folder, text)
    a, b, c = expand(jobs).units
    assert (jobs.state, jobs.ledger) == (folder / "night", f"sqlite:///{folder}/kept/ledger.db")
    assert a.data == f"sqlite:///{folder}/shop.db?query=select 1"
    assert a.output() == f"sqlite:///{folder}/out.db#forecast"
    assert (b.data, b.output("2024-01-31")) == ("https://example.org/data.csv", "/srv/b.2024-01-31.csv")
    assert (b.names_cutoffs, a.names_cutoffs) == (True, False)
    assert c.data == "postgresql://me@host/db?query=select 1"
    assert (c.future_data or "").startswith(str(folder / "plans"))


def test_a_run_can_do_without_a_ledger(folder: Path) -> None:
    """When it says so."""
    assert jobs_of(folder, f'[run]\nledger = "none"\n{PRICES}').ledger is None


def test_a_pattern_is_a_unit_for_each_file(folder: Path) -> None:
    """In the order of their names, each with a place of its own."""
    for name in ("b.csv", "a.csv", "note.txt"):
        (folder / name).write_text("x", encoding="utf-8")
    units = expand(jobs_of(folder, '[jobs.shops]\ndata = "*.csv"\n')).units
    assert [unit.name for unit in units] == ["shops/a", "shops/b"]
    assert units[0].output() == str(folder / "jobs.state" / "forecasts" / "shops" / "a.csv")
    assert units[0].model != units[1].model


@pytest.mark.parametrize(
    ("output", "written"),
    [("{stem}.forecast.csv", "a.forecast.csv"), ("{stem}.{cutoff}.forecast.csv", "a.2024-01.forecast.csv")],
)
def test_what_a_job_has_written_is_no_data_of_its_own(folder: Path, output: str, written: str) -> None:
    """Or each night would forecast the forecasts of the one before."""
    for name in ("a.csv", "b.csv", written):
        (folder / name).write_text("x", encoding="utf-8")
    units = expand(jobs_of(folder, f'[jobs.shops]\ndata = "*.csv"\noutput = "{output}"\n')).units
    assert [unit.name for unit in units] == ["shops/a", "shops/b"]


def test_a_file_may_have_the_signs_of_a_pattern_in_its_name(folder: Path) -> None:
    """Where it is there under exactly this name, it is meant."""
    (folder / "sales [1].csv").write_text("x", encoding="utf-8")
    (unit,) = expand(jobs_of(folder, '[jobs.sales]\ndata = "sales [1].csv"\n')).units
    assert unit.name == "sales"


def test_a_pattern_without_files_fails_alone(folder: Path) -> None:
    """The other jobs have their units."""
    found = expand(jobs_of(folder, f'{PRICES}[jobs.shops]\ndata = "shops/*.csv"\n'))
    assert [unit.name for unit in found.units] == ["prices"]
    assert found.failures["shops"].exit_code == 3


def test_files_of_a_pattern_with_one_name_fail_both(folder: Path) -> None:
    """Which of them would be meant cannot be known."""
    for name in ("a.csv", "a.parquet", "b.csv"):
        (folder / name).write_text("x", encoding="utf-8")
    found = expand(jobs_of(folder, '[jobs.shops]\ndata = "[ab].*"\n'))
    assert [unit.name for unit in found.units] == ["shops/b"]
    assert found.failures["shops/a"].exit_code == 2
    shared = expand(jobs_of(folder, '[jobs.shops]\ndata = "[ab].csv"\noutput = "all.csv"\n'))
    assert (shared.units, set(shared.failures)) == ((), {"shops/a", "shops/b"})


def test_a_model_that_is_never_trained_may_serve_many(folder: Path) -> None:
    """Once it is there; one that is trained has one owner."""
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text("x", encoding="utf-8")
    text = '[jobs.shops]\ndata = "[ab].csv"\nmodel = "m.safetensors"\nretrain = "never"\n'
    assert len(expand(jobs_of(folder, text)).failures) == 2
    (folder / "m.safetensors").write_text("x", encoding="utf-8")
    assert len(expand(jobs_of(folder, text)).units) == 2


def test_only_takes_jobs_and_units_by_name(folder: Path) -> None:
    """An unknown name is an error with those that are near."""
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text("x", encoding="utf-8")
    found = expand(jobs_of(folder, f'{PRICES}[jobs.shops]\ndata = "[ab].csv"\n[jobs.none]\ndata = "x/*.csv"\n'))
    assert [unit.name for unit in only(found, ["shops"]).units] == ["shops/a", "shops/b"]
    assert [unit.name for unit in only(found, ["shops/b", "prices"]).units] == ["prices", "shops/b"]
    assert set(only(found, ["none"]).failures) == {"none"}
    with pytest.raises(ConfigError) as error:
        only(found, ["price"])
    assert "prices" in (error.value.hint or "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no job"),
        ("[jobs]\n", "there is no job"),
        (f"horizon = 3\n{PRICES}", "unknown table [horizon]; write it under [defaults] or [jobs.NAME]"),
        (f"ping = 'x'\n{PRICES}", "unknown table [ping]; write it under [run]"),
        (f"[job.x]\n{PRICES}", "unknown table [job]; did you mean jobs?"),
        (f"run = 3\n{PRICES}", "[run]: a table of settings is needed"),
        (f"[run]\njob = 2\n{PRICES}", "[run]: unknown key 'job'; did you mean jobs?"),
        (f"[run]\njobs = 0\n{PRICES}", "[run]: jobs is 0"),
        (f"[run]\nkeep = 0\n{PRICES}", "[run]: keep is 0"),
        (f"[run]\nmax_runtime = 'soon'\n{PRICES}", "max_runtime: 'soon' is no length of time"),
        (f"[run]\nretention = '1'\n{PRICES}", "retention: '1' is no length of time"),
        (f"[run]\nmax_failures = '10 in 3'\n{PRICES}", "max_failures is '10 in 3'"),
        (f"[run]\nmax_failures = '101%'\n{PRICES}", "max_failures is '101%'"),
        (f"[run]\nping = 'ftp://x'\n{PRICES}", "ping is 'ftp://x', but must begin with https://"),
        (f"[defaults]\nhorizn = 3\n{PRICES}", "[defaults]: unknown key 'horizn'; did you mean horizon or"),
        ("jobs = 3", "there is no job"),
        ("[jobs]\nprices = 3", "[jobs.prices]: a table of settings is needed, found 3"),
        ("[jobs.'a b']\ndata='x.csv'", "[jobs.a b]: a name of letters"),
        ("[jobs.'.a']\ndata='x.csv'", "[jobs..a]: a name of letters"),
        ("[jobs.a]\nhorizon = 3", "[jobs.a]: data is missing"),
        ("[jobs.a]\ndata = '-'", "[jobs.a]: data is stdin"),
        ("[jobs.a]\ndata = 3", "[jobs.a] data: 3 is not a text"),
        (f"{PRICES}horizon = 'x'", "[jobs.prices] horizon: 'x' is not a whole number"),
        (f"{PRICES}horizon = 0", "[jobs.prices]: horizon is 0"),
        (f"{PRICES}cell = 'lstn'", "unknown cell 'lstn'; did you mean lstm"),
        (f"{PRICES}time_limit = 'x'", "time_limit: 'x' is no length of time"),
        (f"{PRICES}as_of = '2024-01-01'", "as_of is nothing a job can be told; forecast run --as-of"),
        (f"{PRICES}chart = true", "chart is nothing a job can be told"),
        (f"{PRICES}bidirectional = true\ntruncation = 3", "[jobs.prices]: a backward direction has no past"),
        (f"{PRICES}output = '-'", "output is stdout"),
        (f"{PRICES}output = 'a.txt'", "output is 'a.txt', but must end in one of .csv"),
        (f"{PRICES}output = 'https://x/a.csv'", "must be a file or a table"),
        (f"{PRICES}output = '{{nam}}.csv'", "output: {nam} is nothing that can be filled in; known: {name}"),
        (f"{PRICES}output = 'prices.csv'", "would take the place of the data of prices"),
        (f"{PRICES}plot = 'a.pdf'", "plot is 'a.pdf', but must end in .png or .svg"),
        (f"{PRICES}model = 'm.pt'", "model is 'm.pt', but must end in .safetensors"),
        (f"{PRICES}model = '{{cutoff}}.safetensors'", "model: {cutoff} is nothing that can be filled in"),
        (f"{PRICES}retrain = 'weekly'", "retrain: 'weekly' is no policy of retraining"),
        (f"{PRICES}retrain = ['never', '7d']", "never stands beside other policies"),
        (f"{PRICES}retrain = []", "retrain is empty"),
        (f"[run]\nledger = 'none'\n{PRICES}retrain = 'drift'", "[jobs.prices]: drift is found in the ledger"),
        (f"{PRICES}fallback = 'naive'", "unknown fallback 'naive'; did you mean seasonal-naive"),
        (f"{PRICES}fallback = ['previous', 'previous']", "fallback names one of them twice"),
        (f"{PRICES}max_age = 3", "max_age: 3 is not a text"),
        (f"{PRICES}max_age = '26'", "max_age: '26' is no length of time"),
        (f"{PRICES}min_complete = 2", "min_complete is 2"),
        (f"{PRICES}max_flat = 0", "max_flat is 0"),
        (f"{PRICES}min_value = 3\nmax_value = 2", "min_value 3.0 does not lie below max_value 2.0"),
        (f"{PRICES}require_skill = 0", "require_skill is 0"),
        (f"{PRICES}output = 'x.csv'\n[jobs.b]\ndata='b.csv'\noutput='x.csv'", "is that of prices and b"),
        (f"{PRICES}model = 'm.safetensors'\n[jobs.b]\ndata='b.csv'\nmodel='m.safetensors'", "is that of prices and b"),
    ],
)
def test_what_is_wrong_is_found_and_named(folder: Path, text: str, said: str) -> None:
    """With its table, and a hint where there is one."""
    assert any(said in line for line in wrong_with(folder, text)), wrong_with(folder, text)


def test_everything_that_is_wrong_is_listed_at_once(folder: Path) -> None:
    """A person repairs the file once, not once for each mistake."""
    text = "[run]\njob = 2\n[defaults]\nhorizn = 3\n[jobs.a]\ncell = 'x'\nlevels = [200]\n[jobs.b]\nfoo = 1\n"
    assert len(wrong_with(folder, text)) == 5
    with pytest.raises(ConfigError, match="5 things are wrong, and nothing was done"):
        read_jobs(folder / "jobs.toml")


def test_a_file_that_is_no_toml_or_not_there_says_so(folder: Path) -> None:
    """With its whole path, which is what a log needs."""
    with pytest.raises(ConfigError, match="there is no such file"):
        read_jobs(folder / "jobs.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        jobs_of(folder, "[jobs")


@pytest.mark.parametrize(("limit", "n_units", "allowed"), [(3, 100, 3), ("10%", 50, 5), ("0", 9, 0), ("1.5%", 200, 3)])
def test_a_limit_of_failures_is_a_number_or_a_share(limit: int | str, n_units: int, allowed: float) -> None:
    """Of the units that there are."""
    assert failures_of(limit, n_units) == allowed


def test_a_first_file_works_as_it_is(folder: Path) -> None:
    """Whatever the files are called, each has a job of its own that reads it."""
    names = ["prices.csv", 'a "b".csv', "ä.csv", "prices.parquet", "x.y.csv", ".hidden.csv", "-.csv"]
    for name in names:
        (folder / name).write_text("x", encoding="utf-8")
    sources = [f"../work/{name}" for name in names]
    jobs = jobs_of(folder, first_file([*sources, "/srv/far.csv"], folder / "jobs.toml"))
    assert [job.data for job in jobs.jobs] == [*(str(folder / name) for name in names), "/srv/far.csv"]
    assert [job.name for job in jobs.jobs][:4] == ["prices", "a-b", "job", "prices-2"]
    assert len(expand(jobs).units) == len(names) + 1


@pytest.mark.parametrize("sources", [[], ["-"]])
def test_a_first_file_needs_files(sources: list[str]) -> None:
    """Stdin is none."""
    with pytest.raises(ConfigError, match="--init"):
        first_file(sources, Path("jobs.toml"))
