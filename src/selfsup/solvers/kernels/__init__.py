"""The kernels of word vectors, compiled by numba for the processor at hand; one stamp covers the folder."""
