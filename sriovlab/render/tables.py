"""A table as plain text, HTML, Markdown or CSV, in one language."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from html import escape

from ..scene.tables import Table, cell_words


def _cells(table: Table, language: str) -> list[list[str]]:
    head = [column.in_language(language) for column in table.columns]
    return [head, *([cell_words(cell).in_language(language) for cell in row] for row in table.rows)]


def table_text(table: Table, language: str = "en") -> str:
    """The table for a shell or a `repr`: title, aligned columns, notes."""
    notes = [note.in_language(language) for note in table.notes]
    return "\n".join([table.title.in_language(language), aligned(_cells(table, language)), *notes])


def table_html(table: Table, language: str = "en") -> str:
    """The table as one HTML `table` element with a caption; text stays text."""
    head, *rows = _cells(table, language)
    parts = [
        f'<table class="sl-table"><caption>{escape(table.title.in_language(language))}</caption><thead><tr>'
    ]
    parts += [f"<th>{escape(cell)}</th>" for cell in head]
    parts.append("</tr></thead><tbody>")
    for row in rows:
        parts.append("<tr>" + "".join(map(_html_cell, row)) + "</tr>")
    parts.append("</tbody></table>")
    parts += [f'<p class="sl-note">{escape(note.in_language(language))}</p>' for note in table.notes]
    return "".join(parts)


def _html_cell(cell: str) -> str:
    # A number or a name stays on one line; a sentence is given room and broken.
    kind = ' class="short"' if len(cell) <= _SHORT else ' class="long"' if len(cell) >= _LONG else ""
    return f"<td{kind}>{escape(cell)}</td>"


_SHORT, _LONG = 24, 60
_PAGE_STYLE = """
body{font:14px/1.45 system-ui,'Noto Sans CJK SC',sans-serif;margin:24px;color:#16202b;background:#fff}
table{border-collapse:collapse;margin:0 0 8px}caption{font-weight:700;font-size:18px;text-align:left;padding:8px 0}
th,td{border-bottom:1px solid #c3d0dc;padding:4px 8px;text-align:left;vertical-align:top}
th{background:#f1f4f7;position:sticky;top:0}
td.short{white-space:nowrap}td{max-width:30em}td.long{min-width:22em}
.wide{overflow-x:auto}.sl-note{color:#4d5b69;max-width:60em}
@media (prefers-color-scheme:dark){body{color:#e8edf2;background:#12171d}th{background:#1c242d}th,td{border-color:#4a5a6a}.sl-note{color:#a9b5c1}}
"""


def table_page(tables: Sequence[Table], language: str = "en") -> str:
    """A page of tables that stands alone and loads nothing."""
    title = escape(tables[0].title.in_language(language))
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    body = "\n".join(f'<div class="wide">{table_html(table, language)}</div>' for table in tables)
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{title}</title><style>{_PAGE_STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def table_markdown(table: Table, language: str = "en") -> str:
    """The table as Markdown; the title is a line above, notes are paragraphs below."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    head, *rows = _cells(table, language)
    ruled = [line(head), "|" + " --- |" * len(head), *map(line, rows)]
    notes = [note.in_language(language) for note in table.notes]
    return "\n\n".join([f"**{table.title.in_language(language)}**", "\n".join(ruled), *notes]) + "\n"


def table_csv(table: Table, language: str = "en") -> str:
    """The table as CSV with a head row; numbers are whole, not rounded, and unknown is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(column.in_language(language) for column in table.columns)
    for row in table.rows:
        writer.writerow(
            cell
            if isinstance(cell, int | float)
            else ""
            if cell is None
            else cell_words(cell).in_language(language)
            for cell in row
        )
    return out.getvalue()


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of texts as lines with columns that stand in line, Chinese ones too."""
    columns = list(zip(*rows, strict=True))
    wide = [max(map(_wide, column)) for column in columns]
    narrow = [max(len(cell) - _wide(cell) for cell in column) for column in columns]
    # A browser's Chinese letters are not exactly two Latin ones wide, so each kind is padded with its own space.
    return "\n".join(
        "  ".join(
            cell + "\u3000" * (w - _wide(cell)) + " " * (n - len(cell) + _wide(cell))
            for cell, w, n in zip(row, wide, narrow, strict=True)
        ).rstrip()
        for row in rows
    )


def _wide(cell: str) -> int:
    return sum("\u2e80" <= c <= "\uffef" for c in cell)
