"""The error-correcting code of the watermark: convolutional, rate 1/3, 64 states, read with soft decisions.

Generators 133, 145 and 175 (octal), whose free distance of 15 is the best at this rate and length: Larsen, "Short
convolutional codes with maximal free distance for rates 1/2, 1/3, and 1/4", 1973. Decoding is Viterbi's, 1967.
"""

import numpy as np
from numpy.typing import NDArray

BITS = 64
_MEMORY = 6
_STATES = 1 << _MEMORY
_GENERATORS = (0o133, 0o145, 0o175)
_STEPS = BITS + _MEMORY
CODED = _STEPS * len(_GENERATORS)
"""Bits that come out of BITS: the code ends in its first state, which takes six more."""

Floats = NDArray[np.float32]


def _signs() -> Floats:
    """What each of 128 register contents (newest bit highest) sends: 128 x 3, each -1 for 0 and +1 for 1."""
    sent = [[(register & g).bit_count() % 2 * 2.0 - 1 for g in _GENERATORS] for register in range(2 * _STATES)]
    return np.array(sent, dtype=np.float32)


_SENT = _signs()
# Register 2s and 2s + 1 differ in the oldest bit, which the next state forgets.
_FROM_EVEN, _FROM_ODD = np.arange(0, 2 * _STATES, 2) % _STATES, np.arange(1, 2 * _STATES, 2) % _STATES


def encode(payload: int) -> Floats:
    """The CODED signs, -1 or +1, of BITS bits."""
    register, sent = 0, []
    for step in range(_STEPS):
        bit = payload >> (BITS - 1 - step) & 1 if step < BITS else 0
        register = (bit << _MEMORY) | register >> 1
        sent.append(_SENT[register])
    return np.concatenate(sent)


def decode(soft: Floats) -> list[int]:
    """The likeliest payload of each row of `soft`, rows x CODED, positive where a 1 is likelier, in any unit."""
    rows = len(soft)
    steps = soft.reshape(rows, _STEPS, len(_GENERATORS)) @ _SENT.T
    scores = np.full((rows, _STATES), -np.inf, dtype=np.float32)
    scores[:, 0] = 0
    odd = np.empty((_STEPS, rows, _STATES), dtype=np.bool_)
    for step in range(_STEPS):
        even_score = scores[:, _FROM_EVEN] + steps[:, step, 0::2]
        odd_score = scores[:, _FROM_ODD] + steps[:, step, 1::2]
        np.greater(odd_score, even_score, out=odd[step])
        scores = np.maximum(even_score, odd_score)
    return [_walk_back(odd[:, row]) for row in range(rows)]


def _walk_back(odd: NDArray[np.bool_]) -> int:
    """The bits on the best way that ends in state 0; `odd` tells, for each step and state, where it came from."""
    state, payload = 0, 0
    for step in reversed(range(_STEPS)):
        if step < BITS:
            payload |= (state >> (_MEMORY - 1)) << (BITS - 1 - step)
        state = (2 * state + int(odd[step, state])) % _STATES
    return payload
