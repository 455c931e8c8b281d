"""The text form of timestamps: patterns that reproduce a file's own text exactly, both ways, a whole column at once.

A pattern is written like strftime's; what is no field is literal, such as a `Z` or `+02:00` at the end:

    %Y %m %d %H %M %S     year of four digits, the others of two
    %-m %-d %-H %-I %-V   without a leading zero
    %1f … %9f             that many digits of a fraction of a second
    %I %p %P              hour of twelve, AM or PM, am or pm
    %b %^b %~b            Jan, JAN, jan
    %B %^B %~B            January, JANUARY, january
    %q                    quarter
    %G %V %u              year, number and day of an ISO week
    %y                    year of two digits, from 1969 to 2068
    %j                    day of the year, of three digits
    %z %:z %-z            UTC offset: +0200, +02:00, +02

A pattern may also be one word for numbers that count from a moment: `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, or
`excel`; `epoch_s.3` has three decimals, `excel.9` up to nine, `excel.9f` at least one of them.
Nothing here decides which pattern a column has; it lists what one text may be.
"""

from forecast.timeformat.fields import (
    SERIALS,
    check_pattern,
    counts_from_epoch,
    has_clock,
    has_offset,
    is_digits,
    is_serial,
    zone_of,
)
from forecast.timeformat.parsing import Scanned, moments_of, parse_times, scan
from forecast.timeformat.shapes import clock_patterns_for, field_patterns_for, patterns_for, short_year_patterns_for
from forecast.timeformat.writing import format_times, offset_text

__all__ = [
    "SERIALS",
    "Scanned",
    "check_pattern",
    "clock_patterns_for",
    "counts_from_epoch",
    "field_patterns_for",
    "format_times",
    "has_clock",
    "has_offset",
    "is_digits",
    "is_serial",
    "moments_of",
    "offset_text",
    "parse_times",
    "patterns_for",
    "scan",
    "short_year_patterns_for",
    "zone_of",
]
