"""Targets of states: their names, their order, what a model knows of them, and what cannot be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from forecast.config import DataConfig
from forecast.errors import ConfigError
from forecast.panel import Known, Panel
from forecast.reading import read_panel
from tests.reading.files import days, problem_of, problems_of, put, read


def file_of(folder: Path, states: Sequence[str], name: str = "data.csv", column: str = "rain") -> Path:
    """A day for each state."""
    rows = "".join(f"{day},{state}\n" for day, state in zip(days(len(states)), states, strict=True))
    return put(folder, f"date,{column}\n{rows}", name)


@pytest.mark.parametrize(
    ("written", "states"),
    [
        (("yes", "no"), ("no", "yes")),
        (("True", "False"), ("False", "True")),
        (("1", "0"), ("0", "1")),
        (("1.0", "0.0"), ("0", "1")),
        (("n", "y"), ("n", "y")),
        (("wet", "dry"), ("dry", "wet")),
        (("10", "9"), ("9", "10")),
    ],
)
def test_the_state_that_means_yes_comes_second(tmp_path: Path, written: Sequence[str], states: Sequence[str]) -> None:
    """Whichever comes first in the file; two names are in the order of the alphabet, two numbers in that of size."""
    panel = read(file_of(tmp_path, [*written, *written[:1]] * 4), task="binary")
    assert panel.states == tuple(states)
    names = [text.removesuffix(".0") for text in (*written, *written[:1])]
    assert [panel.states[int(code)] for code in panel.series[0].values[:3]] == names
    note = next(note for note in panel.notes if note.startswith("states of"))
    assert note.endswith(f'the probability is that of "{states[1]}"')


def test_states_are_codes_in_the_order_of_their_names(tmp_path: Path) -> None:
    """A blank cell is a missing value; what is said of them has their shares."""
    panel = read(file_of(tmp_path, ["sun", "rain", "", "snow", "sun", "rain"]), task="class")
    assert panel.states == ("rain", "snow", "sun")
    np.testing.assert_array_equal(panel.series[0].values, [2, 0, np.nan, 1, 2, 0])
    assert 'states of column "rain": "rain" 40 %, "snow" 20 %, "sun" 40 %' in panel.notes


def test_states_that_differ_in_case_are_one(tmp_path: Path) -> None:
    """Under the way of writing that is the most common, and said."""
    panel = read(file_of(tmp_path, ["Sun", "sun", "sun", "RAIN", "rain", "sun"]), task="class")
    assert panel.states == ("RAIN", "sun")
    assert panel.series[0].values.tolist() == [1, 1, 1, 0, 0, 1]
    assert [note[:4] for note in panel.notes].count("W207") == 2


def test_the_order_of_rows_changes_no_code(tmp_path: Path) -> None:
    """The same states on the same days."""
    lines = file_of(tmp_path, ["b", "a", "c", "a", "b"]).read_text().splitlines()
    turned = put(tmp_path, "\n".join([lines[0], *reversed(lines[1:])]) + "\n", "turned.csv")
    first, second = read(tmp_path / "data.csv", task="class"), read(turned, task="class")
    assert first.digest() == second.digest()


def test_the_same_codes_of_other_states_are_other_data(tmp_path: Path) -> None:
    """The digest knows their names."""
    one = read(file_of(tmp_path, ["a", "b", "a", "b"]), task="class")
    other = read(file_of(tmp_path, ["a", "c", "a", "c"]), task="class")
    assert one.series[0].values.tolist() == other.series[0].values.tolist()
    assert one.digest() != other.digest()


def test_the_only_column_of_states_is_the_target(tmp_path: Path) -> None:
    """Numbers of all sizes are none, and where two columns have states one has to be named."""
    text = "date,temp,rain\n" + "".join(f"{day},{n}.5,{('no', 'yes')[n % 2]}\n" for n, day in enumerate(days(60)))
    panel = read(put(tmp_path, text), task="binary")
    assert panel.columns.targets == ("rain",)
    doubled = text.replace("yes\n", "yes,sun\n").replace("no\n", "no,fog\n").replace("rain\n", "rain,sky\n")
    problem = problem_of(put(tmp_path, doubled), task="class")
    assert (problem.code, problem.hint) == ("E304", "name one: --target sky")
    assert problem_of(put(tmp_path, text.replace("yes", "no")), task="binary").code == "E304"


def known_of(panel: Panel) -> Known:
    """What a model trained on the panel would keep."""
    return Known(panel.columns, panel.calendar, panel.covariates, panel.states)


def test_fresh_rows_have_the_codes_of_the_training(tmp_path: Path) -> None:
    """Although the new file has not every state, and writes one in capitals."""
    known = known_of(read(file_of(tmp_path, ["sun", "rain", "snow"] * 3), task="class"))
    panel = read(file_of(tmp_path, ["SUN", "sun", "snow", "sun"], "new.csv"), known=known)
    assert panel.states == ("rain", "snow", "sun")
    assert panel.series[0].values.tolist() == [2, 2, 1, 2]


def test_a_state_that_training_did_not_see_is_refused_with_its_line(tmp_path: Path) -> None:
    """Every one of them, and what the model knows."""
    known = known_of(read(file_of(tmp_path, ["sun", "rain"] * 4), task="binary"))
    path = file_of(tmp_path, ["sun", "hail", "rain", "fog"], "new.csv")
    first, second = problems_of(path, known=known)
    assert [(p.code, p.line, p.column) for p in (first, second)] == [("E219", 3, 2), ("E219", 5, 2)]
    assert first.text == 'column "rain": "hail" is not a state that the model knows: "rain", "sun"'


@pytest.mark.parametrize(
    ("states", "task", "says", "hint"),
    [
        (["sun"] * 5, "class", "in every row", "--target"),
        (["0"] * 5, "binary", "in every row", "--target"),
        (["a", "b", "c", "a"], "binary", "has 3 states where task binary needs two", "--task class"),
        ([str(n % 3) for n in range(9)], "binary", "has 3 different numbers", "--task class"),
        ([f"{n}.25" for n in range(40)], "class", "has 40 different numbers", "--task regression"),
        ([f"name {n}" for n in range(60)], "class", "has 60 different texts", "--target"),
    ],
)
def test_a_target_without_a_few_states_is_refused(
    tmp_path: Path, states: list[str], task: str, says: str, hint: str
) -> None:
    """With what was found, and the option that fits it."""
    problem = problem_of(file_of(tmp_path, states), task=task, target=["rain"])
    assert (problem.code, problem.line, problem.column) == ("E345", 1, 2)
    assert says in problem.text
    assert hint in str(problem.hint)


def test_states_of_two_targets_are_a_usage_error(tmp_path: Path) -> None:
    """One forecast has one set of states."""
    text = "date,a,b\n" + "".join(f"{day},yes,no\n" for day in days(5))
    with pytest.raises(ConfigError, match="2 targets: states are forecast for one at a time"):
        read(put(tmp_path, text), task="binary", target=["a", "b"])


@pytest.mark.parametrize("how", ["mean", "sum"])
def test_states_have_no_mean(tmp_path: Path, how: str) -> None:
    """Of two rows of one day one may be kept."""
    text = "date,rain\n" + "".join(f"{day},yes\n{day},no\n" for day in days(5))
    path = put(tmp_path, text)
    with pytest.raises(ConfigError, match=f"states have no {how}"):
        read(path, task="binary", on_duplicate=how)
    assert read(path, task="binary", on_duplicate="last").series[0].values.tolist() == [0] * 5


def test_a_task_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    """With what there is."""
    with pytest.raises(ConfigError, match="unknown task 'classes'"):
        read_panel(file_of(tmp_path, ["a", "b"]), DataConfig(), task="classes")


def test_states_of_parquet_are_those_of_text(tmp_path: Path) -> None:
    """Truths of a typed file are false and true."""
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"date": pd.to_datetime(days(6)), "rain": [True, False, True, True, False, None]})
    path = tmp_path / "data.parquet"
    frame.to_parquet(path)
    panel = read(path, task="binary")
    assert panel.states == ("false", "true")
    assert panel.series[0].values.tolist() == [1, 0, 1, 1, 0]
