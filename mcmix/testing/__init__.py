"""Is a sampler right? Statistical tests of whole samplers, for any model that can be simulated from.

:func:`joint_test` asks whether sweeps leave the joint distribution of unknowns and data as it is,
:func:`rank_calibration` whether posterior draws are calibrated, :func:`enumeration_test` whether they have the exact
posterior of a small model, which :func:`enumerated` computes. All three compare ranks with the uniform distribution,
look harder only where something seems wrong, and raise a false alarm with a stated probability at most.
:func:`enumerated_partitions` goes over all partitions of ten units or so, where the number of components is unknown.
:func:`label_twin` draws the labels of a chain once more in plain NumPy, from the same uniforms.
"""

from mcmix.testing.against import enumeration_test
from mcmix.testing.calibration import rank_calibration
from mcmix.testing.enumeration import Enumeration, enumerated
from mcmix.testing.joint_distribution import joint_test
from mcmix.testing.partitions import PartitionPosterior, enumerated_partitions
from mcmix.testing.quantities import label_invariant
from mcmix.testing.result import HarnessResult
from mcmix.testing.twins import TwinResult, label_twin

__all__ = [
    "Enumeration",
    "HarnessResult",
    "PartitionPosterior",
    "TwinResult",
    "enumerated",
    "enumerated_partitions",
    "enumeration_test",
    "joint_test",
    "label_invariant",
    "label_twin",
    "rank_calibration",
]
