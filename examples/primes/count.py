"""Counts the primes in [first, last) with a segmented sieve. Standard library only."""

import sys


def primes_below(n):
    sieve = bytearray([1]) * n
    sieve[:2] = b"\0\0"
    for p in range(2, int(n**0.5) + 1):
        if sieve[p]:
            sieve[p * p :: p] = bytes(len(range(p * p, n, p)))
    return [p for p in range(n) if sieve[p]]


def count(first, last):
    sieve = bytearray([1]) * (last - first)
    for p in primes_below(int(last**0.5) + 2):
        start = max(p * p, -(-first // p) * p)
        sieve[start - first :: p] = bytes(len(range(start, last, p)))
    for n in range(first, min(2, last)):
        sieve[n - first] = 0
    return sum(sieve)


print(count(int(sys.argv[1]), int(sys.argv[2])))
