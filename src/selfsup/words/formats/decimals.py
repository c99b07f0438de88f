"""Decimal numbers parsed by compiled code, eight digits at a time.

A number becomes what Python makes of it: the nearest double of the decimal, then the nearest float32 of that. Where no digits are
many, one division of two exact doubles gives the double. Else it is computed a few roundings off, which settles the float32
unless a border between two lies that near (1 of 10^8 numbers): those are left for Python's own `float`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from selfsup.system.kernels import compiled

TAB, LINE, RETURN, SPACE = 9, 10, 13, 32
_ONE, _GAPS = np.uint64(1), np.uint64(1 << 9 | 1 << 10 | 1 << 13 | 1 << 32)
_EXACT = np.uint64(1 << 53)
_WIDE = np.uint64(10**18)  # mantissas below take one more digit
LARGEST = np.float64(np.finfo(np.float32).max)
_TENS = np.array([10.0**power for power in range(23)])  # exact
_WHOLE = np.array([10**power for power in range(20)], np.uint64)
_POWERS = np.array([float(f"1e{power}") for power in range(-90, 61)])
_ZEROS, _CARRY, _TOPS = np.uint64(0x3030303030303030), np.uint64(0x7676767676767676), np.uint64(0x8080808080808080)
_PAIRS, _BY100, _BY10000 = np.uint64(0x000000FF000000FF), np.uint64(0x000F424000000064), np.uint64(0x0000271000000001)
_BYTE, _EIGHT, _SIXTEEN, HALF, _WORD = np.uint64(255), np.uint64(8), np.uint64(16), np.uint64(32), np.uint64(64)
_ZERO, _DOT = np.uint64(48), np.uint64(46)
_inlined = compiled(nogil=True, forceinline=True)


@intrinsic  # type: ignore[untyped-decorator]
def load_eight(_: Any, buffer: Any, at: Any) -> Any:
    """Eight bytes of a buffer, at any place, the first one lowest."""

    def generate(context: Any, builder: Any, __: Any, given: Any) -> Any:
        place = builder.gep(context.make_array(buffer)(context, builder, given[0]).data, [given[1]])
        number = ir.IntType(64)
        return builder.load(builder.bitcast(place, number.as_pointer()), align=1)

    return types.uint64(buffer, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def _trailing(_: Any, number: Any) -> Any:
    """Zero bits below the lowest 1; 64 where there is none."""

    def generate(_: Any, builder: Any, __: Any, given: Any) -> Any:
        return builder.cttz(given[0], ir.IntType(1)(0))

    return types.uint64(types.uint64), generate


@_inlined
def _digits(eight: Any) -> Any:
    """How many bits its leading digits take."""
    apart = eight ^ _ZEROS
    return _trailing(((apart + _CARRY) | apart) & _TOPS) & ~np.uint64(7)


@_inlined
def _value(eight: Any, bits: Any) -> Any:
    """The number that its leading digits are, which take so many bits, 8 or more."""
    places = (eight ^ _ZEROS) << (_WORD - bits)
    places = places * np.uint64(10) + (places >> _EIGHT)
    return (((places & _PAIRS) * _BY100) + (((places >> _SIXTEEN) & _PAIRS) * _BY10000)) >> HALF


@_inlined
def gap(byte: int) -> bool:
    """Whether it separates fields."""
    return byte <= SPACE and (_GAPS >> np.uint64(byte)) & _ONE != 0


@compiled(nogil=True)
def parse_any(buffer: np.ndarray, at: int) -> Any:
    """A number of any form: its float32 as a double, where it ends (-1: it is none), and whether only Python knows it."""
    negative = buffer[at] == 45
    if negative or buffer[at] == 43:
        at += 1
    whole, power, digits, dot = np.uint64(0), 0, 0, False
    while True:
        byte = buffer[at]
        if 48 <= byte <= 57:
            digits += 1
            if whole < _WIDE:
                whole = whole * np.uint64(10) + np.uint64(byte - 48)
                power -= dot
            else:
                power += not dot  # a digit that is left out: less than 1e-18 of the number
        elif byte == 46 and not dot:
            dot = True
        else:
            break
        at += 1
    if digits == 0:
        return 0.0, -1, False
    if buffer[at] == 101 or buffer[at] == 69:
        at += 1
        minus = buffer[at] == 45
        if minus or buffer[at] == 43:
            at += 1
        first = at
        exponent: Any = 0
        while 48 <= buffer[at] <= 57:
            exponent = min(exponent * 10 + np.int64(buffer[at] - 48), 1 << 40)
            at += 1
        if at == first:
            return 0.0, -1, False
        power += -exponent if minus else exponent
    if not gap(buffer[at]):
        return 0.0, -1, False
    value, known = _scaled(whole, power)
    return (-value if negative else value), at, not known


@compiled(nogil=True)
def _scaled(whole: np.uint64, power: int) -> tuple[float, bool]:
    """Whole * 10^power as a float32, and whether that is sure; infinite where it is too large."""
    if whole == 0 or power < -90:
        return 0.0, True
    if power > 60:
        return np.inf, True
    if whole <= _EXACT and -22 <= power <= 22:
        value = np.float64(whole) / _TENS[-power] if power < 0 else np.float64(whole) * _TENS[power]
        return np.float64(np.float32(value)), True
    value = np.float64(whole) * _POWERS[power + 90]
    low, high = np.float32(value * (1 - 1e-15)), np.float32(value * (1 + 1e-15))
    return np.float64(low), low == high


@_inlined
def parse_number(buffer: np.ndarray, at: Any) -> Any:
    """As `parse_any`; at once where it is a digit, a point and at most 16 digits."""
    begin = at
    negative = buffer[at] == 45
    at += negative
    eight = load_eight(buffer, at)
    first = (eight & _BYTE) - _ZERO
    if first < np.uint64(10) and ((eight >> _EIGHT) & _BYTE) == _DOT:
        at += 2
        eight = load_eight(buffer, at)
        bits = _digits(eight)
        if bits:
            places = bits >> np.uint64(3)
            whole = first * _WHOLE[places] + _value(eight, bits)
            at += np.int64(places)
            if bits == _WORD:
                eight = load_eight(buffer, at)
                bits = _digits(eight)
                if bits:
                    more = bits >> np.uint64(3)
                    whole = whole * _WHOLE[more] + _value(eight, bits)
                    at += np.int64(more)
                    places += more
            if gap(buffer[at]) and whole <= _EXACT:
                value = np.float64(np.float32(np.float64(whole) / _TENS[places]))
                return (-value if negative else value), at, False
    return parse_any(buffer, begin)


@compiled(nogil=True)
def is_number(buffer: np.ndarray, first: int, last: int) -> Any:
    """Whether a field is a number, nan or inf, so that it is hardly the end of a word."""
    _, end, _ = parse_any(buffer, first)
    if end == last:
        return True
    first += buffer[first] == 45 or buffer[first] == 43
    if last - first != 3 and last - first != 8:
        return False
    a, b, c = buffer[first] | 32, buffer[first + 1] | 32, buffer[first + 2] | 32
    return (a == 110 and b == 97 and c == 110) or (a == 105 and b == 110 and c == 102)
