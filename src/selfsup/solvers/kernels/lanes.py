"""Vectors of float32 as values inside numba functions: what the kernels of word vectors are written in.

numba leaves it to LLVM whether a loop becomes vector code, and a loop that updates rows of one array through several offsets does
not: every store might be another row's next load. Here a row is read, multiplied and written a vector at a time on purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from llvmlite import binding, ir
from numba.core import cgutils, config, types
from numba.core.datamodel import models
from numba.extending import register_model

from selfsup.data.text import huffman, subwords
from selfsup.system import kernels

# what all kernels are made of: the files here, and those that define what they are given
FILES: tuple[str | Path, ...] = (
    *sorted(Path(__file__).parent.glob("*.py")),
    *(str(room.__file__) for room in (huffman, subwords)),
)


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A function that is compiled, and kept until any file here changes; array bounds are the callers' duty."""
    return kernels.compiled(FILES, boundscheck=False, error_model="numpy", **options)


def _intrinsic(function: Callable[..., Any]) -> Any:
    return numba.extending.intrinsic(function)


def _width() -> int:
    """16 lanes fill a register of AVX-512; with 8, the accumulators of two contexts and six targets fit in 16 AVX2 registers."""
    named = config.CPU_FEATURES
    has = "+avx512f" in named if named else bool(binding.get_host_cpu_features().get("avx512f"))
    return 16 if has else 8


LANES = _width()
FLOAT, INT = ir.FloatType(), ir.IntType(32)
FAST = ("fast",)


class Lanes(types.Type):
    """The numba type of a vector of `width` float32."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(name=f"float32x{width}")


lanes, sixteen = Lanes(LANES), Lanes(16)


@register_model(Lanes)
class _Model(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, ir.VectorType(FLOAT, fe_type.width))


def _call(builder: Any, name: str, result: Any, args: list[Any], **more: Any) -> Any:
    kind = ir.FunctionType(result, [value.type for value in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args, **more)


def _constant(width: int, values: list[float]) -> Any:
    return ir.Constant(ir.VectorType(FLOAT, width), values)


def _shuffle(builder: Any, a: Any, b: Any, order: list[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT, len(order)), order))


def _address(context: Any, builder: Any, kind: Any, array: Any, offset: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [offset])


def _reader(width: int) -> Any:
    """A load of `width` floats from a place in a flat array."""

    def load(typingctx: Any, array: Any, offset: Any) -> Any:
        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            place = _address(context, builder, sig.args[0], args[0], args[1])
            value = builder.load(builder.bitcast(place, ir.VectorType(FLOAT, width).as_pointer()))
            value.align = 4
            return value

        return Lanes(width)(array, types.intp), code

    return _intrinsic(load)


load, load8 = _reader(LANES), _reader(8)


@_intrinsic
def store(typingctx: Any, array: Any, offset: Any, value: Any) -> Any:
    """array[offset : offset + width] = value."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = _address(context, builder, sig.args[0], args[0], args[1])
        done = builder.store(args[2], builder.bitcast(place, args[2].type.as_pointer()))
        done.align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, value), code


@_intrinsic
def prefetch(typingctx: Any, array: Any, offset: Any) -> Any:
    """Ask for the cache line of array[offset], to be written soon."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = _address(context, builder, sig.args[0], args[0], args[1])
        place = builder.bitcast(place, ir.IntType(8).as_pointer())
        _call(builder, "llvm.prefetch.p0", ir.VoidType(), [place, INT(1), INT(3), INT(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), code


@_intrinsic
def take(typingctx: Any, array: Any, offset: Any, amount: Any) -> Any:
    """Add to array[offset] as one step that no thread can divide; gives what was there before."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = _address(context, builder, sig.args[0], args[0], args[1])
        return builder.atomic_rmw("add", place, args[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), code


def _spreader(width: int) -> Any:
    """One float in every lane."""

    def splat(typingctx: Any, value: Any) -> Any:
        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            empty = ir.Constant(ir.VectorType(FLOAT, width), ir.Undefined)
            return _shuffle(builder, builder.insert_element(empty, args[0], INT(0)), empty, [0] * width)

        return Lanes(width)(types.float32), code

    return _intrinsic(splat)


splat, splat8, splat16 = _spreader(LANES), _spreader(8), _spreader(16)


@_intrinsic
def zero(typingctx: Any) -> Any:
    """A vector of zeros."""
    return lanes(), lambda context, builder, sig, args: _constant(LANES, [0.0] * LANES)


@_intrinsic
def twice(typingctx: Any, value: Any) -> Any:
    """Eight lanes, two times over."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _shuffle(builder, args[0], args[0], [i % 8 for i in range(16)])

    return sixteen(Lanes(8)), code


def _arithmetic(operation: str) -> Any:
    def apply(typingctx: Any, a: Any, b: Any) -> Any:
        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return getattr(builder, operation)(*args, flags=FAST)

        return a(a, a), code

    return _intrinsic(apply)


add, sub, mul = _arithmetic("fadd"), _arithmetic("fsub"), _arithmetic("fmul")


@_intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """The sum a * b + c, rounded once."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _call(builder, f"llvm.fma.v{a.width}f32", args[0].type, list(args))

    return a(a, a, a), code


@_intrinsic
def total(typingctx: Any, a: Any) -> Any:
    """Sum over the lanes."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        name = f"llvm.vector.reduce.fadd.v{a.width}f32"
        return _call(builder, name, FLOAT, [ir.Constant(FLOAT, 0.0), args[0]], fastmath=FAST)

    return types.float32(a), code


def _fold(builder: Any, a: Any, b: Any, half: int) -> Any:
    """Two vectors of partial sums, in groups of 2 * half lanes, to one in groups of half: a's sums, then b's."""
    starts = [base + group for base in (0, LANES) for group in range(0, LANES, 2 * half)]
    low = [start + i for start in starts for i in range(half)]
    high = [start + half + i for start in starts for i in range(half)]
    return builder.fadd(_shuffle(builder, a, b, low), _shuffle(builder, a, b, high), flags=FAST)


def _sums(builder: Any, vectors: list[Any]) -> Any:
    """The sum of each of LANES vectors, in order: 15 additions for 16 sums, where one by one takes 64."""
    half = LANES // 2
    while len(vectors) > 1:
        vectors = [_fold(builder, vectors[i], vectors[i + 1], half) for i in range(0, len(vectors), 2)]
        half //= 2
    return vectors[0]


@_intrinsic
def sums(
    typingctx: Any,
    a0: Any,
    a1: Any,
    a2: Any,
    a3: Any,
    a4: Any,
    a5: Any,
    b0: Any,
    b1: Any,
    b2: Any,
    b3: Any,
    b4: Any,
    b5: Any,
) -> Any:
    """Lanes 0 to 5: the sums of the a; lanes 8 to 13: the sums of the b; the others 0."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        nothing = [_constant(LANES, [0.0] * LANES)] * 2
        a, b = [*args[:6], *nothing], [*args[6:], *nothing]
        if LANES == 16:
            return _sums(builder, a + b)
        return _shuffle(builder, _sums(builder, a), _sums(builder, b), list(range(16)))

    return sixteen(*[lanes] * 12), code


@_intrinsic
def sigmoid(typingctx: Any, a: Any) -> Any:
    """1 / (1 + exp(-x)) to 1e-6 of its value: exp by a polynomial in the fraction of x / ln 2, its exponent in the bits."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        def call(name: str, *values: Any) -> Any:
            return _call(builder, f"llvm.{name}.v{a.width}f32", args[0].type, list(values))

        def constant(value: float) -> Any:
            return _constant(a.width, [value] * a.width)

        whole = ir.VectorType(INT, a.width)
        x = call("maxnum", call("minnum", args[0], constant(30.0)), constant(-30.0))
        power = builder.fmul(x, constant(-1.4426950408889634), flags=FAST)
        nearest = call("rint", power)
        fraction = builder.fsub(power, nearest, flags=("contract",))
        value = constant(1.3333558e-3)
        for coefficient in (9.6181291e-3, 5.5504109e-2, 2.4022651e-1, 6.9314718e-1, 1.0):
            value = call("fma", value, fraction, constant(coefficient))
        bits = builder.add(builder.fptosi(nearest, whole), ir.Constant(whole, [127] * a.width))
        scale = builder.bitcast(builder.shl(bits, ir.Constant(whole, [23] * a.width)), args[0].type)
        below = builder.fadd(builder.fmul(value, scale, flags=FAST), constant(1.0), flags=FAST)
        return builder.fdiv(constant(1.0), below, flags=FAST)

    return a(a), code
