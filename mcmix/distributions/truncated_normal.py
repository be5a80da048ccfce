"""Truncated normal: mean and precision of the whole normal distribution, lower and upper bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mcmix.distributions.family import Parameter
from mcmix.distributions.normal import NORMAL
from mcmix.distributions.truncated import truncated

TRUNCATED_NORMAL = replace(
    truncated(NORMAL),
    parameters=(
        *NORMAL.parameters,
        Parameter("lower", "bound", alias="a", default=-np.inf),
        Parameter("upper", "bound", alias="b", default=np.inf),
    ),
    alternatives=NORMAL.alternatives,
    summary=(
        "Normal distribution with a mean and a precision (one over the variance), given that the value "
        "lies between lower and"
        " upper, either of which may be infinite; mean and precision are those of the whole normal distribution."
    ),
)
