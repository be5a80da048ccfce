"""Run the notebooks that are named on the command line top to bottom, two at a time; nothing is written back."""

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def run(path: Path) -> str:
    """Execute one notebook in its own folder with the kernel of this very Python; say how long it took."""
    started = time.perf_counter()
    notebook = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=folder).execute()
    return f"{path.name}: {len(notebook.cells)} cells in {time.perf_counter() - started:.0f} s"


if __name__ == "__main__":
    with ProcessPoolExecutor(2) as pool:
        for told in pool.map(run, map(Path, sys.argv[1:])):
            print(told, flush=True)
