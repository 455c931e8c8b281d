"""JSON lines give what CSV gives, with every number as it is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from forecast.config import ReadConfig
from forecast.reading import read_panel
from forecast.reading.dialect import Table
from forecast.reading.problems import FileProblems, Problem
from forecast.reading.tables import read_table
from tests.reading.files import daily, days, put


def table(folder: Path, content: str | bytes, name: str = "x.jsonl") -> Table:
    return read_table(str(put(folder, content, name)), ReadConfig())


def columns(found: Table) -> dict[str, list[str]]:
    return {name: list(cells) for name, cells in zip(found.names, found.cells, strict=True)}


def refused(folder: Path, content: str | bytes, name: str = "x.jsonl") -> tuple[Problem, ...]:
    with pytest.raises(FileProblems) as caught:
        table(folder, content, name)
    return caught.value.problems


def test_every_value_keeps_its_text(tmp_path: Path) -> None:
    """Numbers beyond a float keep their digits; true and false are words, null and a missing key are nothing."""
    found = table(
        tmp_path,
        '{"a": 12345678901234567890.10, "b": "x"}\n\n{"a": 1e400, "c": true}\r\n  {"b": null, "c": false, "a": -0}\n',
    )
    assert columns(found) == {
        "a": ["12345678901234567890.10", "1e400", "-0"],
        "b": ["x", "", ""],
        "c": ["", "true", "false"],
    }
    assert list(found.lines) == [1, 3, 4]
    assert found.notes == ('W110 2 keys are absent and their values are taken as missing: "b", "c"',)


def test_json_lines_equal_their_csv(tmp_path: Path) -> None:
    """The same digest, as lines, as an array, packed or not, whatever the name ends with."""
    rows = [{"date": day, "y": n} for n, day in enumerate(days(20))]
    lines = "\n".join(map(json.dumps, rows))
    plain = read_panel(put(tmp_path, daily())).digest()
    forms = {"x.jsonl": lines, "x.csv": lines, "y.json": json.dumps(rows), "z.json": json.dumps(rows, indent=1)}
    forms["bom.ndjson"] = "\ufeff" + lines
    for name, content in forms.items():
        assert read_panel(put(tmp_path, content, name)).digest() == plain
    assert read_panel(put(tmp_path, lines.encode("utf-16"), "u.jsonl")).digest() == plain


def test_an_array_gives_the_lines_on_which_its_objects_begin(tmp_path: Path) -> None:
    """However the objects are spread over lines."""
    found = table(tmp_path, '[{"a": 1},\n {"a": 2,\n  "b": "x"}\n, {"a":\n3}]\n', "x.json")
    assert list(found.lines) == [1, 2, 4]
    assert columns(found) == {"a": ["1", "2", "3"], "b": ["", "x", ""]}


@pytest.mark.parametrize(
    ("line", "column", "said"),
    [
        ('{"a": 1,', 9, "broken JSON"),
        ('{"a": 1}}', 9, 'broken JSON, extra data: "}"'),
        ("{'a': 1}", 2, "broken JSON"),
        ('{"a": NaN}', None, "NaN is no JSON"),
        ('{"a": -Infinity}', None, "-Infinity is no JSON"),
        ('{"a": 1, "a": 1}', None, 'the key "a" appears twice'),
        ('{"a": {"b": 1}}', None, '"a" holds an object'),
        ('{"a": [1]}', None, '"a" holds a list'),
        ("[1, 2]", 1, '"[1, 2]" is not an object'),
        ("a,b", 1, "broken JSON"),
        ('{"a": ' * 100_000, None, "the objects are nested too deep"),
    ],
)
def test_a_line_that_is_no_object_of_plain_values_is_refused(
    line: str, column: int | None, said: str, tmp_path: Path
) -> None:
    """With its line, and its column where the text breaks off."""
    (problem,) = refused(tmp_path, f'{{"a": 0}}\n{line}\n{{"a": 2}}\n')
    assert (problem.code, problem.line, problem.column) == ("E112", 2, column)
    assert problem.text.startswith(said)


def test_all_broken_lines_are_found(tmp_path: Path) -> None:
    """One pass lists them, the good lines between them notwithstanding."""
    assert [p.line for p in refused(tmp_path, '{"a":1}\n{\n{"a":2}\n}\n{"a":3}\nx')] == [2, 4, 6]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[{"a": 1},\n {"a": }]', (2, 8)),
        ('[{"a": 1}\n {"a": 2}]', (2, 2)),
        ('[{"a": 1}, 3]', (1, 12)),
        ('[{"a": 1},\n]', (2, 1)),
        ('[{"a": 1}]\n]', (2, 1)),
        ('[{"a": 1}', (1, 10)),
    ],
)
def test_a_broken_array_is_refused_at_its_place(text: str, place: tuple[int, int], tmp_path: Path) -> None:
    """Line and column of the character that does not fit."""
    (problem,) = refused(tmp_path, text)
    assert (problem.code, problem.line, problem.column) == ("E112", *place)


def test_the_answer_of_a_server_is_no_table(tmp_path: Path) -> None:
    """One object alone, or one that is spread over lines, says what went wrong and not what was sold."""
    for content in ('{"error": "not found"}\n', '{\n "error": "not found"\n}\n', '{"columns": [], "rows": [\n]}'):
        assert refused(tmp_path, content, "x.csv")[0].code == "E105"
    assert refused(tmp_path, "{}\n{}\n")[0].code == "E205"


def test_ever_new_keys_do_not_fill_the_memory(tmp_path: Path) -> None:
    """Objects that share no key are no rows of one table."""
    content = "\n".join(f'{{"{n}": 1}}' for n in range(10_001))
    assert refused(tmp_path, content)[0].code == "E109"


def test_a_cell_is_blamed_on_its_line(tmp_path: Path) -> None:
    """What is checked later knows the physical line, blank ones counted."""
    rows = [f'{{"date": "{day}", "y": {n}}}' for n, day in enumerate(days(20))]
    rows[7] = rows[7].replace("7}", '"x7"}')
    path = put(tmp_path, "\n\n".join(rows), "x.jsonl")
    with pytest.raises(FileProblems) as caught:
        read_panel(path)
    assert {problem.line for problem in caught.value.problems} == {15}


def test_numbers_are_read_exactly(tmp_path: Path) -> None:
    """Every float that JSON can write comes back as it was."""
    values = np.random.default_rng(1).standard_normal(50) * 10.0 ** np.arange(-25, 25)
    lines = [json.dumps({"date": day, "y": value}) for day, value in zip(days(50), values.tolist(), strict=True)]
    np.testing.assert_array_equal(read_panel(put(tmp_path, "\n".join(lines), "x.jsonl")).series[0].values, values)
