"""Can two kinds of answers be told apart by how long they take? Welch's t-test (1947).

|t| below 4.5 is the usual bound for "no leak found" (Goodwill et al., 2011: about one in 100,000 by
chance). Delays of a busy machine have a long tail that hides a difference of microseconds, so that
the test is made twice: on all samples, and on those below the pooled 90th percentile.
"""

import math
import statistics
from collections.abc import Sequence

from scripts.benches.common import percentile

BOUND = 4.5
_CROP_PERCENT = 90


def t_value(a: Sequence[float], b: Sequence[float]) -> float:
    """Welch's t of two samples: how many standard errors their means are apart."""
    error = statistics.variance(a) / len(a) + statistics.variance(b) / len(b)
    difference = statistics.fmean(a) - statistics.fmean(b)
    if error == 0.0:
        return math.copysign(math.inf, difference) if difference else 0.0
    return difference / math.sqrt(error)


def worst_t(a: Sequence[float], b: Sequence[float]) -> float:
    """The larger of |t| over everything and |t| over what is below the pooled 90th percentile."""
    bound = percentile([*a, *b], _CROP_PERCENT)
    near = [[one for one in sample if one <= bound] for sample in (a, b)]
    return max(abs(t_value(a, b)), abs(t_value(near[0], near[1])))
