"""ADVICE: for every code what it leads to when it is left as it is, and what settles it. `docs/reading.md` shows it."""

from __future__ import annotations

from typing import NamedTuple


class Advice(NamedTuple):
    """What a code leads to, for people; `settles` is what to do, with the option in backquotes where there is one."""

    consequence: str
    settles: str


_CORRECT = "correct the cell, or make it empty"
_AGAIN = "get the file again from where it comes"

#: One line for every one of CODES and WARNINGS.
ADVICE: dict[str, Advice] = {
    # E1 the file
    "E101": Advice("there is nothing to read", "correct the name"),
    "E102": Advice("a folder or a device has no end that could be read up to", "name a file, or `-` for stdin"),
    "E103": Advice("there is nothing to read", "`chmod u+r FILE`"),
    "E104": Advice("there is nothing to read", _AGAIN),
    "E105": Advice("its bytes read as text would be columns that mean nothing", "export it as CSV"),
    "E106": Advice("letters of names and ids would turn into others", "`--encoding cp1252`, or whichever it is"),
    "E107": Advice("text is cut or torn at such a byte by other tools", _AGAIN),
    "E108": Advice("the newest rows would be missing without a word", _AGAIN),
    "E109": Advice("a small packed file could fill the memory", "divide the file"),
    "E110": Advice("there is nothing to read it with", "install the package that the hint names"),
    "E111": Advice("what is left of its columns need not belong together", _AGAIN),
    "E112": Advice("a row would be missing without a word", "write one object of plain values on every line"),
    "E113": Advice("there is nothing to read", "correct the address, or try again when it answers"),
    "E114": Advice("there is nothing to read", "correct the query"),
    "E115": Advice("an error in a cell is no value", "name another sheet, or correct the cell in the workbook"),
    "E116": Advice("the last row may be half of one", "read it when the writer is done"),
    # E2 rows and cells
    "E201": Advice("columns would be cut at the wrong places", "`--delimiter`, `--skip-lines` or `--comment`"),
    "E202": Advice("cells would be taken for those of another column", "correct the row"),
    "E203": Advice("cells would be taken for those of another column", "put cells that hold the delimiter in quotes"),
    "E204": Advice("all rows from there on would be one cell", "close the quote, or `--quote`"),
    "E205": Advice("there is nothing to learn from", _AGAIN),
    "E206": Advice("the first row of data would be taken for names", "`--names date,value`"),
    "E207": Advice("a guess at it would be a wrong number", "`--decimal`, `--thousands`, `--na`, `--units`"),
    "E208": Advice("means and squares of it are no longer finite", _CORRECT),
    "E209": Advice("true and false are no amounts", "`--target` names another column"),
    "E210": Advice(
        "the cell may end where nobody meant it to", "write a quote inside a quoted cell twice, or `--escape`"
    ),
    "E211": Advice("a quote is probably open from there on", "close the quote"),
    "E212": Advice("a file of another shape would be taken for a table", "keep the columns that are needed"),
    "E213": Advice("a title would be taken for the names of columns", "`--skip-lines`"),
    "E214": Advice("names would be taken for data", "`--skip-lines`, or `--names` instead of all of them"),
    "E215": Advice("rows of the one would be read as rows of the other", "one file for each"),
    "E216": Advice("they would be taken for rows", "`--comment '#'`"),
    "E217": Advice("cells would get the name of another column", "`--names` with one name for each column"),
    "E218": Advice("the quotes would be part of names and ids", """`--quote "'"`"""),
    "E219": Advice("no probability was learnt for it", "correct the cell, or train again"),
    # E3 columns and times
    "E301": Advice("another column would be forecast than was meant", "correct the name"),
    "E302": Advice("without times there is no order and no calendar", "`--time`, `--date-format`"),
    "E303": Advice("the wrong one gives a forecast of the wrong dates", "`--time`"),
    "E304": Advice("another column would be forecast than was meant", "`--target`"),
    "E305": Advice("a column would explain itself", "`--time`, `--target`, `--id`"),
    "E306": Advice("nobody knows which of them is meant", "rename all but one"),
    "E311": Advice("a guess at it would be a wrong date", "`--date-format`, or `--time` names another column"),
    "E312": Advice("one of the two ways of writing would be read as wrong dates", "write all times one way"),
    "E313": Advice("the row belongs to a moment that nobody knows", "correct the cell"),
    "E314": Advice("it may be the midnight before or after", "write 00:00 of the next day"),
    "E315": Advice("one such year makes millions of missing steps", "correct the year or remove the row"),
    "E316": Advice("most dates would be wrong, and look right", "`--date-format`"),
    "E317": Advice("an hour would be there twice or not at all", "`--timezone`"),
    "E318": Advice("the rows would be hours apart from where they belong", "`--timezone`"),
    "E319": Advice("the row belongs to no step", "fill it in or remove the row"),
    "E320": Advice("the model knows no step at that time", "predict from rows on the same calendar, or train again"),
    "E321": Advice("there was no such time: the zone or the time is wrong", "`--timezone`, or correct the cell"),
    "E323": Advice("it would be an hour off, before or after", "write times in UTC, or with their offset"),
    "E340": Advice("dates would have to be made up", "`--freq`, or a column name that is a time"),
    "E341": Advice("only one of its values could be used", "`--past` or `--future` instead of `--static`"),
    "E342": Advice("a column of names learns every row by heart", "leave the column out"),
    "E344": Advice("the file would not be used", "`--future` names them when the model is trained"),
    "E343": Advice("the network would see numbers that mean something else", "correct the column, or train again"),
    "E345": Advice("there is nothing to tell apart, or too much", "`--task`, or `--target` names another column"),
    # E4 series
    "E401": Advice("which of the values is true cannot be known", "`--on-duplicate`, or `--id` when each is a series"),
    "E402": Advice("rows of different series would be mixed", "`--id`"),
    "E403": Advice("a step between rows cannot be seen, let alone learnt", "add rows, or leave the series out"),
    "E404": Advice("most of what would be learnt is a guess", "`--max-missing`, or a longer `--freq`"),
    "E405": Advice("the fine series would be full of holes, or the coarse ones made up", "one file for each"),
    "E406": Advice("the dates of the forecast would be made up", "`--freq`, `--calendar`"),
    "E407": Advice("there is nothing to learn from", "a later `--as-of`"),
    "E430": Advice("nothing is left to learn from, or to judge by", "a shorter `--horizon`"),
    # W1 the file and its rows
    "W101": Advice("nothing: the whole file is divided by it", "`--delimiter` says it outright"),
    "W102": Advice("nothing, unless a row was lost there", "remove the lines"),
    "W103": Advice("nothing: files were joined with their headers", "remove the lines"),
    "W120": Advice("nothing: there was nothing in them", "end lines without a delimiter"),
    "W121": Advice("nothing: names and ids are told apart without them", "write cells without blanks"),
    "W104": Advice("nothing, when names and ids look right", "`--encoding` says it outright"),
    "W105": Advice("letters are wrong when it is another one", "look at names and ids"),
    "W110": Advice("the cells count as missing", "write every key in every object"),
    "W111": Advice("the others are not looked at", "name the sheet or table in the address"),
    # W2 cells
    "W201": Advice("every number is wrong if the comma divides thousands", "`--decimal ,` says it outright"),
    "W202": Advice("nothing: it is read as a minus", "write -"),
    "W203": Advice("the last digits are not those of the file", "name another column, if this one is no measurement"),
    "W204": Advice("they are learnt like any other", "correct them, or make the cells empty, if they are no counts"),
    "W205": Advice("it is learnt as if it had been measured, and spoils everything", "`--na`"),
    "W206": Advice("they are read as numbers, which an identifier is not", "name another column with `--target`"),
    "W207": Advice("nothing, when they mean the same", "write each state in one way"),
    # W3 times
    "W301": Advice("all dates are wrong if it is the other reading", "`--date-format` says it outright"),
    "W302": Advice("nothing: they are sorted", "sort the file"),
    "W303": Advice("nothing: each moment stays what it was", "write times in UTC"),
    "W304": Advice("rows are hours off if they were not of midnight", "write the clock time too"),
    "W305": Advice("a year of the other century is a hundred years off", "write years with four digits"),
    "W306": Advice("the offsets count, and the zone only names the clock of the forecast", "correct `--timezone`"),
    "W307": Advice("nothing: a day is a day everywhere", "leave `--timezone` out"),
    "W308": Advice("two hours are exchanged if the rows are not in the order of time", "write times with their offset"),
    "W309": Advice("it is an hour off if it was the second", "write times with their offset"),
    "W320": Advice("nothing, when the columns are the times of a day", "write one row for each time"),
    "W321": Advice("nothing, when every row is another series", "write one row for each time"),
    "W322": Advice("they count as unknown, and their effect is not known", "train again"),
    "W323": Advice("there the network does without the covariate", "fill them in"),
    "W324": Advice("the data win", "correct one of the two"),
    "W325": Advice("it knows the answer, and nobody will know it when it counts", "leave the column out"),
    "W326": Advice("they are not used", "remove them"),
    # W4 series
    "W401": Advice("nothing: one of each is kept", "remove the rows"),
    "W402": Advice("one of the two hours is not used", "`--timezone` when times are of a wall clock"),
    "W403": Advice("they get no forecast", "add rows"),
    "W404": Advice(
        "no value is made up for them, and they are not taken for zeros",
        "leave them out, or write rows with 0 where nothing happened",
    ),
    "W405": Advice(
        "no value is made up for them, and they are not taken for zeros",
        "leave them empty, or write 0 where nothing happened",
    ),
    "W406": Advice("the forecast begins after the last value, earlier than the file ends", "remove or fill the rows"),
    "W407": Advice("the other rows of a step are used only in the sum or the mean, or not at all", "`--on-duplicate`"),
    "W408": Advice("the forecast begins there, as it would have at that time", "leave `--as-of` out"),
    "W409": Advice("its forecast begins in the past", "remove the series when it has ended"),
    "W410": Advice("a spreadsheet that opens the forecast computes or runs it", "`--excel-safe`"),
    # W43 what the values themselves show
    "W430": Advice("nothing is learnt there, and what hangs on its neighbours is weaker", "fill in the values"),
    "W431": Advice("a stuck sensor or a closed shop is learnt as if it could come again", "make those cells empty"),
    "W432": Advice(
        "mistakes among them bend the forecast and widen its intervals", "make the cells empty that are wrong"
    ),
    "W434": Advice("the forecast is that value, with intervals of no width", "leave the series out"),
    "W435": Advice("the median is often zero; what is needed stands in the upper quantiles", "`--quantiles`"),
    "W436": Advice("the forecast does not know of it", "`--season-length`"),
    "W437": Advice("there is little to learn: a naive forecast may be as good", "add earlier rows"),
    "W438": Advice("a naive forecast is hard to beat: read the verdict of `train`", "add covariates that lead it"),
}
