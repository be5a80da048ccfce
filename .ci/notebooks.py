"""Run the notebooks that are named on the command line top to bottom; nothing is written back."""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def run(path: Path) -> None:
    """Execute one notebook in its own folder with the kernel of this very Python."""
    started = time.perf_counter()
    notebook = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=folder).execute()
    print(f"{path.name}: {len(notebook.cells)} cells in {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        run(Path(name))
