"""Run the notebooks and keep their outputs, without widget state or anything that changes from run to run.

python notebooks/execute.py [NOTEBOOK ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def execute(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", store_widget_state=False).execute()
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {})
        for output in cell.get("outputs", ()):
            # Its model lives in the kernel that is gone; the picture beside it stays.
            output.get("data", {}).pop(WIDGET_VIEW, None)
            if "metadata" in output:
                output["metadata"] = nbformat.from_dict({})
    nbformat.write(notebook, path)


def main(names: list[str]) -> None:
    for path in map(Path, names) if names else sorted(FOLDER.glob("*/*.ipynb")):
        execute(path)
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
