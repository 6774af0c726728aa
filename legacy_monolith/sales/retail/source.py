"""From a file to its lines: CSV, gzipped CSV or a workbook, told apart by how they begin.

SourceError           the file cannot be read; one line says why
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import python_calamine

COLUMNS: Final = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
# How the second edition of the file spells them.
_ALSO: Final = {"invoice": "invoiceno", "price": "unitprice"}

_GZIP: Final = b"\x1f\x8b"
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


class SourceError(Exception):
    """The file is missing, damaged, or not what it should be."""


def _windows(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


# Copies of the file go round that were saved on Windows; only the pound sign shows it.
codecs.register_error("else-windows", _windows)


class Source:
    """A file's data lines, the header left out. Read once, from front to back."""

    def __init__(self, path: Path) -> None:
        """Open the file; SourceError when there is none."""
        try:
            self._raw = path.open("rb")
            self._size = path.stat().st_size
            self._start = self._raw.read(4)
            self._raw.seek(0)
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}") from None
        self._path = path
        self._done = 0.0

    @property
    def done(self) -> float:
        """How much has been read, from 0 to 1."""
        if self._start.startswith(_WORKBOOKS) or self._raw.closed:
            return self._done
        return min(1.0, self._raw.tell() / max(1, self._size))

    def rows(self) -> Iterator[Sequence[str] | None]:
        """Yield each data line's cells in the order of COLUMNS, None for one with too few or too many.

        SourceError when the file is damaged, empty or lacks columns.
        """
        with self._raw:
            try:
                if self._start.startswith(_WORKBOOKS):
                    yield from self._workbook()
                elif self._start.startswith(_GZIP):
                    with gzip.open(self._raw) as unpacked:
                        yield from self._table(unpacked)
                else:
                    yield from self._table(self._raw)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                raise SourceError(f"{self._path}: the gzip file is damaged or ends early") from None
            except csv.Error as error:
                raise SourceError(f"{self._path}: not a CSV file ({error})") from None
            except python_calamine.CalamineError as error:
                raise SourceError(f"{self._path}: not a workbook ({error})") from None
            except OSError as error:
                raise SourceError(f"{self._path}: {error.strerror or error}") from None
        self._done = 1.0

    def _table(self, raw: Any) -> Iterator[Sequence[str] | None]:
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="else-windows", newline="")
        try:
            yield from self._columns(csv.reader(text))
        finally:
            # The wrapper must not close what is not its own.
            text.detach()

    def _workbook(self) -> Iterator[Sequence[str] | None]:
        sheets = python_calamine.CalamineWorkbook.from_filelike(self._raw)
        for number, name in enumerate(sheets.sheet_names):
            sheet = sheets.get_sheet_by_name(name)
            if number and not sheet.total_height:
                continue
            rows = ([_cell(value) for value in row] for row in sheet.iter_rows())
            for seen, row in enumerate(self._columns(rows)):
                self._done = (number + seen / max(1, sheet.total_height)) / len(sheets.sheet_names)
                yield row

    def _columns(self, rows: Iterable[Sequence[str]]) -> Iterator[Sequence[str] | None]:
        """Yield the lines behind the header with their cells in the order of COLUMNS."""
        lines = iter(rows)
        header = next(lines, None)
        if not header:
            raise SourceError(f"{self._path}: the file is empty")
        places = _places(header)
        missing = [column for column in COLUMNS if column not in places]
        if missing:
            raise SourceError(f"{self._path}: no column {', '.join(missing)}")
        order = [places[column] for column in COLUMNS]
        straight = order == list(range(len(header)))
        for line in lines:
            if len(line) != len(header):
                yield None
            else:
                yield line if straight else [line[place] for place in order]


def _places(header: Sequence[str]) -> Mapping[str, int]:
    names = ["".join(name.lower().split()) for name in header]
    places = {_ALSO.get(name, name): place for place, name in reversed(list(enumerate(names)))}
    return {column: places[column.lower()] for column in COLUMNS if column.lower() in places}


def _cell(value: Any) -> str:
    """Return a workbook's cell as a CSV file would have it."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date):
        return f"{value.isoformat()} 00:00:00"
    return str(value)
