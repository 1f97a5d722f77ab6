"""Writes conformance.json: systems on a grid of eighths with everything a solver must find.

Straight from the definitions (README of the module `relation`), O(N^2 M), in exact binary
fractions. Run: python3 generate.py > conformance.json
"""

import json
import random


def plus(x):
    return max(x, 0.0)


def solve_min_max(gamma, y):
    n, m = len(gamma), len(gamma[0])
    product = lambda x: [min(max(gamma[i][j], x[j]) for j in range(m)) for i in range(n)]
    epsilon = lambda g, v: v if g < v else 0.0
    lowest = lambda d: [max(epsilon(gamma[i][j], plus(y[i] - d)) for i in range(n)) for j in range(m)]
    f = lambda j, u: max(min(plus(y[k] - u) / 2, plus(y[k] - gamma[k][j])) for k in range(n))
    rows = [min(max(plus(gamma[i][j] - y[i]), f(j, y[i])) for j in range(m)) for i in range(n)]
    distance = max(rows)
    solution = lowest(distance)
    return {
        "extreme_candidate": lowest(0.0),
        "consistent": product(lowest(0.0)) == y,
        "row_distances": rows,
        "chebyshev_distance": distance,
        "approximate_solution": solution,
        "approximation": product(solution),
        "consistent_rows": [i for i in range(n) if rows[i] == 0.0],
    }


def solve_max_min(a, b):
    flip = lambda v: [1 - x for x in v]
    found = solve_min_max([flip(row) for row in a], flip(b))
    for key in ("extreme_candidate", "approximate_solution", "approximation"):
        found[key] = flip(found[key])
    return found


def main():
    rng = random.Random(20261123)
    grid = lambda: rng.randint(0, 8) / 8
    shapes = [(1, 1), (1, 4), (5, 1), (2, 2), (3, 3), (4, 2), (6, 3), (8, 5), (12, 4), (30, 6)]
    cases = []
    for composition, solve in (("min-max", solve_min_max), ("max-min", solve_max_min)):
        for n, m in shapes:
            for kind in ("random", "consistent", "crisp", "zeros and ones"):
                bit = lambda: float(rng.randint(0, 1))
                matrix = [[bit() if kind == "zeros and ones" else grid() for _ in range(m)] for _ in range(n)]
                rhs = [bit() if kind in ("crisp", "zeros and ones") else grid() for _ in range(n)]
                if kind == "consistent":
                    x = [grid() for _ in range(m)]
                    if composition == "min-max":
                        rhs = [min(max(g, v) for g, v in zip(row, x)) for row in matrix]
                    else:
                        rhs = [max(min(g, v) for g, v in zip(row, x)) for row in matrix]
                case = {"name": f"{composition}, {n}x{m}, {kind}", "composition": composition, "matrix": matrix, "rhs": rhs}
                cases.append(case | solve(matrix, rhs))
    print("[" + ",\n".join(json.dumps(case) for case in cases) + "]")


main()
