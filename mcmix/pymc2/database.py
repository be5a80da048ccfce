"""Where draws are kept: in memory, nowhere, or in a file too. There is one form of file, netCDF as ArviZ reads it.

``MCMC(..., db="pickle", dbname="run.pickle")`` writes ``run.nc`` after each call of ``sample``, and
``database.pickle.load("run.pickle")``, or ``load`` for short, reads it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.pymc2.trace import Trace
from mcmix.report import arviz_bridge
from mcmix.screen import say
from mcmix.traces.memory import read_only

MEMORY = ("ram", "no_trace")
FILES = ("txt", "pickle", "sqlite", "hdf5", "hdf5ea")
OPTIONS = ("dbname", "dbmode", "dbcomplevel", "dbcomplib")
LENGTHS = "chain_lengths"  # attribute of a file whose chains differ in length and stand in it end to end
_told: set[str] = set()


class Database:
    """Draws by name and chain.

    Attributes
    ----------
    filename : Path or None
    """

    filename: Path | None = None

    def __init__(self, arrays: Mapping[str, list[np.ndarray]] | None = None):
        self._kept = {name: [read_only(chain) for chain in chains] for name, chains in (arrays or {}).items()}

    def _arrays(self) -> Mapping[str, list[np.ndarray]]:
        return self._kept

    @property
    def chains(self) -> int:
        """Number of chains."""
        return max(map(len, self._arrays().values()), default=0)

    @property
    def trace_names(self) -> list[list[str]]:
        """Names of the variables, for each chain."""
        arrays = self._arrays()
        return [[name for name, chains in arrays.items() if len(chains) > i] for i in range(self.chains)]

    def trace(self, name: str, chain: int | None = -1) -> Trace:
        """Draws of one variable; the last chain unless another is named, None joins all.

        Raises
        ------
        ModelError
            If there is no such variable or chain.
        """
        arrays = self._arrays()
        if name not in arrays:
            raise ModelError(f"trace: no variable named {name!r}; there are {', '.join(sorted(arrays)) or 'none'}")
        return Trace(name, arrays[name], chain)

    def commit(self) -> None:
        """Write what is there; in memory there is nothing to do."""

    def close(self, *unused: Any) -> None:
        """Write what is there. The draws stay readable."""
        self.commit()

    def __repr__(self) -> str:
        return f"<Database of {self.chains} chain(s){f' in {self.filename}' if self.filename else ''}>"


def _nobody() -> None:
    """A reference to no sampler."""


class SamplerDatabase(Database):
    """The draws of a sampler, and its file where it has one."""

    def __init__(self, sampler: Any, kind: str, filename: Path | None):
        super().__init__()
        self._sampler = weakref.ref(sampler)
        self.keeps, self.filename = kind != "no_trace", filename

    def __getstate__(self) -> dict[str, Any]:
        """Without the sampler, which sets itself when it is copied."""
        return {**self.__dict__, "_sampler": _nobody}

    def _arrays(self) -> Mapping[str, list[np.ndarray]]:
        sampler = self._sampler()
        return {} if sampler is None else sampler.kept_draws()

    def commit(self) -> None:
        """Write the file anew, beside the old one until it is complete."""
        sampler = self._sampler()
        if self.filename is None or sampler is None or not self.chains:
            return
        data = _exported(sampler, self._arrays())
        arviz_bridge.to_netcdf(data, self.filename)


def _exported(sampler: Any, arrays: Mapping[str, list[np.ndarray]]) -> Any:
    """All chains side by side where they are equally long, else end to end with their lengths."""
    lengths = [len(chain) for chain in max(arrays.values(), key=len)]
    data = sampler.to_arviz(calls=None if len(set(lengths)) == 1 else "all")
    if len(set(lengths)) > 1:
        data["posterior"].attrs[LENGTHS] = lengths
    return data


def opened(sampler: Any, db: Any, name: str, options: Mapping[str, Any]) -> SamplerDatabase:
    """The database that a sampler asks for.

    Raises
    ------
    AttributeError
        If it is unknown; the known ones are named.
    TypeError
        For an unknown option.
    """
    unknown = [key for key in options if key not in OPTIONS]
    if unknown:
        raise TypeError(f"MCMC: unknown keyword {', '.join(map(repr, unknown))}; accepted: {', '.join(OPTIONS)}")
    if db not in (*MEMORY, *FILES):
        known = ", ".join((*MEMORY, *FILES))
        raise AttributeError(f"MCMC: db expected one of {known}, got {db!r}; a loaded database cannot be sampled into")
    if db in MEMORY:
        return SamplerDatabase(sampler, db, None)
    filename = file_of(options.get("dbname") or name)
    if db not in _told:
        _told.add(db)
        say(f"db={db!r}: draws are written as netCDF, the one form that files have here: {filename}", error=True)
    return SamplerDatabase(sampler, db, filename)


def file_of(dbname: str | os.PathLike[str]) -> Path:
    """The netCDF file that stands for a name; files of PyMC 2 by that name are not touched."""
    path = Path(dbname)
    return path if path.suffix == ".nc" else path.with_suffix(".nc")


def load(dbname: str | os.PathLike[str], *unused: Any, **ignored: Any) -> Database:
    """Read the draws of an earlier run.

    Parameters
    ----------
    dbname : str or path
        As it was given to MCMC.

    Returns
    -------
    Database

    Raises
    ------
    ModelError
        If there is no such file.
    """
    path = file_of(dbname)
    if not path.is_file():
        raise ModelError(f"load: expected a netCDF file {path}, found none (files written by PyMC 2 cannot be read)")
    arrays, attributes = arviz_bridge.posterior_from_netcdf(path)
    ends = np.cumsum(np.atleast_1d(attributes.get(LENGTHS, [])))[:-1].astype(int)
    split = LENGTHS in attributes
    found = Database({k: np.split(v[0], ends) if split else list(v) for k, v in arrays.items()})
    found.filename = path
    return found


pickle = txt = sqlite = hdf5 = hdf5ea = SimpleNamespace(load=load)

__all__ = ["Database", "load"]
