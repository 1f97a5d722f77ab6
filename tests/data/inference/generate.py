"""Writes conformance.json: rule bases with the degrees every evaluator must find, bit for bit.

Straight from the definitions (see the module `inference`): for a rule "if p then b in Q" with
parameters s and r,
    lambda = least over the propositions (a, P) of p of the highest degree in P,
    rho    = highest over them of the highest degree outside P, 0 if nothing is outside,
    pi_b(u) = least over the rules on b of max(s, lambda) if u is in Q, else max(r, rho).
Degrees are multiples of 1/1024, exact in f32, and only compared. Each problem is drawn from its
own name, so that one more does not change the others.
Run: python3 generate.py > conformance.json
"""

import json
import random
from itertools import combinations, product

COMMENT = (
    "Made by tests/data/inference/generate.py (python3 generate.py > conformance.json), which says how. "
    "Propositions and conclusions are [attribute, positions in its domain]; 's' and 'r' are parameters of the rule. "
    "A case gives the degrees of the inputs; 'expected' has those of every derived attribute, "
    "'premises' [lambda, rho] of every rule, in the order of 'rules'."
)


def solve(rules, inputs):
    """The degrees of every derived attribute, and [lambda, rho] of each rule."""
    known = dict(inputs)

    def highest(degrees):
        return max(degrees, default=0.0)

    def premise(rule):
        inside = [highest(pi(a)[v] for v in P) for a, P in rule["if"]]
        outside = [highest(d for v, d in enumerate(pi(a)) if v not in P) for a, P in rule["if"]]
        return [min(inside), max(outside)]

    def level(rule, u):
        lam, rho = premise(rule)
        return max(rule["s"], lam) if u in rule["then"][1] else max(rule["r"], rho)

    def pi(b):
        if b not in known:
            on_b = [rule for rule in rules if rule["then"][0] == b]
            known[b] = [min(level(rule, u) for rule in on_b) for u in range(sizes[b])]
        return known[b]

    sizes = {rule["then"][0]: rule["size"] for rule in rules}
    expected = {b: pi(b) for b in sizes}
    return expected, [premise(rule) for rule in rules]


class Problem:
    """Attributes and rules as they are gathered.

    parameters: "zeros", "ones", "s", "r" (only these are not 0), "crisp" (0 or 1) or "mixed".
    degrees: "mixed" (many ties), "fine" (few) or "quarters".
    """

    def __init__(self, name, parameters="mixed", degrees="mixed"):
        self.name, self.parameters, self.degrees = name, parameters, degrees
        self.rng = random.Random(f"20270108 {name}")
        self.domains, self.rules, self.propositions = {}, [], {}

    def degree(self):
        if self.degrees == "quarters":
            return self.rng.randint(0, 4) / 4
        if self.degrees == "mixed" and self.rng.random() < 0.6:
            return self.rng.choice([0.0, 0.0, 1.0, 1.0, 0.25, 0.5])
        return self.rng.randint(0, 1024) / 1024

    def parameter(self, symbol):
        if self.parameters == "ones":
            return 1.0
        if self.parameters == "crisp":
            return float(self.rng.randint(0, 1))
        if self.parameters in (symbol, "mixed"):
            # Low ones more often: high ones hide the premises.
            return 0.0 if self.rng.random() < 0.3 else min(self.degree(), self.degree(), self.degree())
        return 0.0

    def attribute(self, domain, *names):
        domain = list(domain)
        for name in names:
            self.domains[name] = domain
        return self

    def size(self, name):
        return len(self.domains[name])

    def where(self, name, holds):
        """A proposition: the attribute has a value for which this holds."""
        return [name, [i for i, value in enumerate(self.domains[name]) if holds(value)]]

    def subset(self, size):
        kind = self.rng.random()
        if kind < 0.3:
            return [self.rng.randrange(size)]
        if kind < 0.4:
            return list(range(size))
        if kind < 0.5 and size > 1:
            left_out = self.rng.randrange(size)
            return [v for v in range(size) if v != left_out]
        return [v for v in range(size) if self.rng.random() < 0.5] or [self.rng.randrange(size)]

    def proposition(self, name):
        """A new one, or at times one that was there before."""
        before = self.propositions.setdefault(name, [])
        if not before or self.rng.random() < 0.75:
            before.append([name, self.subset(self.size(name))])
        return self.rng.choice(before[-3:])

    def rule(self, premise, conclusion):
        b = conclusion[0]
        name = f"{b}, {1 + sum(rule['then'][0] == b for rule in self.rules)}"
        rule = {"name": name, "if": premise, "then": conclusion, "s": self.parameter("s"), "r": self.parameter("r")}
        self.rules.append(rule | {"size": self.size(b)})
        return self

    def random_rules(self, b, count, reads, conjuncts=(1, 3), conclusions=None):
        """Rules on b that between them read every one of `reads`, names separated by spaces."""
        reads = reads.split()
        unread = self.rng.sample(reads, len(reads))
        for i in range(count):
            number = self.rng.randint(*conjuncts)
            names = [unread.pop() if unread else self.rng.choice(reads) for _ in range(number)]
            if i == count - 1:
                names, unread = names + unread, []
            conclusion = conclusions[i] if conclusions else self.subset(self.size(b))
            self.rule([self.proposition(name) for name in names], [b, conclusion])
        return self

    def shuffled(self):
        self.rng.shuffle(self.rules)
        return self

    def distribution(self, size):
        kind = self.rng.random()
        if kind < 0.06:
            return [0.0] * size
        if kind < 0.14:
            return [1.0] * size
        if kind < 0.26:
            one = self.rng.randrange(size)
            return [float(v == one) for v in range(size)]
        degrees = [self.degree() for _ in range(size)]
        if kind < 0.4:
            most = self.rng.choice([0.25, 0.5, 0.75, 1023 / 1024])
            return [min(degree, most) for degree in degrees]
        degrees[self.rng.randrange(size)] = 1.0
        return degrees

    def cases(self, count, given=()):
        """The given inputs first, then random ones; of many, the last two all 0 and all 1."""
        read = {name for rule in self.rules for name, _ in rule["if"]}
        derived = {rule["then"][0] for rule in self.rules}
        inputs = [name for name in self.domains if name in read - derived]
        rows = list(given)
        while len(rows) < count:
            rows.append({name: self.distribution(self.size(name)) for name in inputs})
        if count >= 5:
            for row, degree in ((-2, 0.0), (-1, 1.0)):
                rows[row] = {name: [degree] * self.size(name) for name in inputs}
        cases = []
        for row in rows:
            expected, premises = solve(self.rules, row)
            cases.append({"inputs": row, "expected": expected, "premises": premises})
        return {
            "name": self.name,
            "attributes": [{"name": name, "domain": domain} for name, domain in self.domains.items()],
            "rules": [{key: value for key, value in rule.items() if key != "size"} for rule in self.rules],
            "cases": cases,
        }


def tiny():
    yield Problem("tiny, one value read, one concluded").attribute([0], "a", "b").rule([["a", [0]]], ["b", [0]]).cases(4)
    for parameters in ("zeros", "ones", "mixed"):
        p = Problem(f"tiny, one value read, two concluded, parameters {parameters}", parameters)
        yield p.attribute([7], "a").attribute(["no", "yes"], "b").rule([["a", [0]]], ["b", [1]]).cases(3)
        p = Problem(f"tiny, one rule on two values, parameters {parameters}", parameters).attribute([0, 1], "a", "b")
        yield p.rule([["a", [1]]], ["b", [0]]).cases(5)
        p = Problem(f"tiny, a rule and its opposite, parameters {parameters}", parameters).attribute(["u", "v"], "a", "b")
        yield p.rule([["a", [0]]], ["b", [0]]).rule([["a", [1]]], ["b", [1]]).cases(6)
    p = Problem("tiny, two values read, one concluded").attribute([0, 1], "a").attribute([0], "b")
    yield p.rule([["a", [0]]], ["b", [0]]).rule([["a", [1]]], ["b", [0]]).cases(5)
    p = Problem("tiny, a proposition and a conclusion that hold for every value").attribute([0, 1, 2], "a", "b")
    yield p.rule([["a", [0, 1, 2]]], ["b", [0, 1, 2]]).cases(6)
    p = Problem("tiny, one case, an attribute in no rule").attribute([0, 1, 2], "idle", "a", "b")
    yield p.rule([["a", [0, 2]]], ["b", [1]]).cases(1)


def premises():
    for conjuncts in range(1, 6):
        p = Problem(f"premises, rules of {conjuncts} conjuncts", degrees="fine").attribute(range(4), *"abcde", "out")
        yield p.random_rules("out", 6, "a b c d e", (conjuncts, conjuncts)).cases(4 + conjuncts)
    p = Problem("premises, a rule of 60 conjuncts on 60 attributes", "zeros")
    names = [f"x{i}" for i in range(60)]
    p.attribute([0, 1], *names).attribute(["yes", "no"], "all", "last")
    p.rule([[name, [1]] for name in names], ["all", [0]]).rule([["x59", [0]]], ["last", [1]])
    high = {name: [0.0, 1.0] for name in names}
    lowest_last = high | {"x59": [0.125, 0.875]}
    lowest_first = high | {"x0": [1.0, 0.375]}
    yield p.cases(7, [high, lowest_last, lowest_first])
    p = Problem("premises, a rule of 60 conjuncts on 4 attributes", "r").attribute(range(8), *"abcd").attribute(range(3), "out")
    p.random_rules("out", 1, "a b c d", (60, 60)).random_rules("out", 2, "a b c d", (1, 5))
    yield p.cases(9)
    p = Problem("premises, one attribute twice, apart, nested and overlapping").attribute(range(5), "a", "b").attribute(range(4), "out")
    p.rule([["a", [0, 1]], ["a", [3, 4]]], ["out", [0]]).rule([["a", [0, 1, 2]], ["a", [1]]], ["out", [1, 2]])
    p.rule([["a", [0, 1, 2]], ["b", [4]], ["a", [2, 3]]], ["out", [2, 3]])
    yield p.cases(15)
    p = Problem("premises, the same proposition twice, in other rules and in other sets").attribute(range(3), "a", "b", "m", "out")
    p.rule([["a", [0]], ["a", [0]]], ["m", [0]]).rule([["a", [0]], ["b", [1, 2]]], ["m", [1]])
    p.rule([["b", [1, 2]], ["m", [0, 2]]], ["out", [0, 1]]).rule([["a", [0]], ["m", [0, 2]]], ["out", [0, 1]])
    yield p.rule([["a", [0]], ["m", [0, 2]]], ["out", [0, 1]]).cases(16)
    p = Problem("premises, propositions that hold for every value", "zeros").attribute(range(3), "a", "b", "m", "out")
    p.rule([["a", [0, 1, 2]]], ["m", [0]]).rule([["a", [0, 1, 2]], ["b", [1]]], ["m", [1]])
    p.rule([["m", [0, 1, 2]]], ["out", [0]]).rule([["m", [0, 1, 2]], ["a", [2]]], ["out", [1]])
    yield p.cases(8)
    p = Problem("premises, values of every kind", degrees="fine")
    p.attribute([3, "3", [3], [3, "3"], [[3], 3]], "a").attribute([-5, 12, 0, 7], "b")
    p.attribute(["grey sky", "", "clear"], "c").attribute(product(["u", "v"], [-1, 1]), "out")
    yield p.random_rules("out", 5, "a b c").cases(6)


def conclusions():
    p = Problem("conclusions, every one the whole domain").attribute(range(3), "a").attribute(range(4), "out")
    yield p.random_rules("out", 3, "a", (1, 1), [list(range(4))] * 3).cases(5)
    p = Problem("conclusions, the whole domain among others").attribute(range(3), "a", "b").attribute(range(4), "out")
    yield p.random_rules("out", 4, "a b", (1, 2), [[0, 1, 2, 3], [0], [0, 1, 2, 3], [1, 2]]).cases(7)
    p = Problem("conclusions, nested", "crisp").attribute(range(4), "a", "b").attribute(range(6), "out")
    yield p.random_rules("out", 6, "a b", (1, 2), [list(range(n)) for n in range(6, 0, -1)]).cases(8)
    p = Problem("conclusions, all the same").attribute(range(4), "a", "b").attribute(range(5), "out")
    yield p.random_rules("out", 5, "a b", (1, 2), [[1, 3]] * 5).cases(5)
    p = Problem("conclusions, each value apart", "zeros", "fine").attribute(range(7), "a", "out")
    for v in range(7):
        p.rule([["a", [v]]], ["out", [6 - v]])
    yield p.cases(17)


def wide():
    for parameters in ("zeros", "mixed"):
        p = Problem(f"wide, pairs of digits, parameters {parameters}", parameters).attribute(range(10), "a", "b")
        p.attribute(product(range(10), repeat=2), "c").attribute(range(10), "sum").attribute(["yes", "no"], "differ")
        for i, name in enumerate("ab"):
            for d in range(10):
                p.rule([[name, [d]]], p.where("c", lambda pair: pair[i] == d))
        for d in range(10):
            p.rule([p.where("c", lambda pair: sum(pair) % 10 == d)], ["sum", [d]])
        p.rule([p.where("c", lambda pair: pair[0] != pair[1])], ["differ", [0]])
        yield p.cases(6)
    p = Problem("wide, 20 rules on 100 values, read by subsets that split their classes", "s", "fine")
    p.attribute(range(6), "a", "b").attribute(product(range(10), repeat=2), "c").attribute(range(4), "out")
    conclusions = [sorted(p.rng.sample(range(100), p.rng.choice([1, 3, 90, 99]))) for _ in range(16)]
    tens = [list(range(10 * i, 10 * i + 30)) for i in (0, 2, 4, 6)]
    p.random_rules("c", 20, "a b", (1, 2), tens + conclusions).random_rules("out", 6, "c", (1, 2))
    yield p.shuffled().cases(6)
    p = Problem("wide, an input of 100 values", "r").attribute(product(range(10), repeat=2), "c").attribute(range(8), "out")
    yield p.random_rules("out", 10, "c", (1, 2)).cases(3)
    p = Problem("wide, few classes of 100 values, split by those who read", "zeros", "fine")
    p.attribute(range(3), "a").attribute(product(range(10), repeat=2), "c").attribute(range(3), "out")
    p.rule([["a", [0]]], ["c", list(range(50))]).rule([["a", [1, 2]]], ["c", list(range(25, 60))])
    p.rule([["c", [0]]], ["out", [0]]).rule([["c", [24, 25]]], ["out", [1]]).rule([["c", list(range(1, 100))]], ["out", [2]])
    yield p.rule([["c", list(range(60, 100))], ["c", [99]]], ["out", [0, 1]]).cases(5)
    p = Problem("wide, 24 rules of up to 5 conjuncts", degrees="quarters").attribute(range(5), *"abcdef").attribute(range(9), "out")
    yield p.random_rules("out", 24, "a b c d e f", (1, 5)).cases(10)


def cascades():
    for depth in range(2, 7):
        p = Problem(f"cascade of depth {depth}, a chain", "zeros" if depth == 6 else "mixed").attribute(range(4), "x0")
        for i in range(1, depth + 1):
            p.attribute(range(3 + i % 3), f"x{i}")
        for i in range(1, depth + 1):
            p.random_rules(f"x{i}", 3, f"x{i - 1}", (1, 2))
        yield p.shuffled().cases([16, 33, 7, 5, 12][depth - 2])
    for depth in range(3, 7):
        p = Problem(f"cascade of depth {depth}, each set reads all before", ["s", "crisp", "r", "mixed"][depth - 3], "fine")
        names = ["a", "b"] + [f"x{i}" for i in range(1, depth + 1)]
        # Listed the last first: nothing comes after what it reads.
        for name in reversed(names):
            p.attribute(range(2 + len(name) * 2 - 1), name)
        for i in range(len(names) - 1, 1, -1):
            p.random_rules(names[i], 3, " ".join(names[:i]), (1, 4))
        yield p.cases(4 + depth)
    # The last set reads both ends of what would be a chain of six.
    p = Problem("cascade of depth 6, the first read by the last", "s").attribute(["l", "m", "h"], *(f"x{i}" for i in range(7)))
    for i in range(1, 7):
        p.random_rules(f"x{i}", 2, f"x{i - 1}" if i < 6 else "x0 x1 x5", (1, 2))
    yield p.shuffled().cases(15)


def diamonds():
    p = Problem("diamond on an input").attribute(range(4), "a", "left", "right", "out")
    p.random_rules("left", 3, "a", (1, 2)).random_rules("right", 3, "a", (1, 2)).random_rules("out", 4, "left right")
    yield p.cases(17)
    p = Problem("diamond on a derived attribute", "s").attribute(range(3), "a", "b").attribute(range(4), "top", "left", "right", "out")
    p.random_rules("out", 4, "left right").random_rules("right", 2, "top b").random_rules("left", 3, "top")
    yield p.random_rules("top", 3, "a b").cases(9)
    p = Problem("diamond on a diamond", degrees="fine").attribute(range(3), *"abcdefg")
    p.random_rules("b", 2, "a").random_rules("c", 2, "a").random_rules("d", 3, "b c")
    p.random_rules("e", 2, "d").random_rules("f", 2, "d b").random_rules("g", 3, "e f")
    yield p.shuffled().cases(11)


def outputs():
    p = Problem("outputs, five apart").attribute(range(3), *"abc").attribute(range(4), *(f"y{i}" for i in range(5)))
    for i, reads in enumerate(["a", "b", "a b", "c", "a b c"]):
        p.random_rules(f"y{i}", 3, reads, (1, 2))
    yield p.shuffled().cases(8)
    p = Problem("outputs, one that is also read", degrees="fine").attribute(range(4), "a", "b", "wanted", "more")
    p.random_rules("more", 3, "wanted b").random_rules("wanted", 4, "a b")
    yield p.cases(12)
    p = Problem("outputs, two groups with nothing in common", "r").attribute(range(4), "a", "b", "y", "z")
    yield p.random_rules("z", 3, "b", (1, 2)).random_rules("y", 3, "a", (1, 2)).shuffled().cases(5)


def alike():
    concluded = [[0, 1], [2], [1, 2, 4]]
    p = Problem("alike, three sets with the same conclusions").attribute(range(3), "a", "b").attribute(range(5), *"xyz")
    for name, reads in (("x", "a"), ("y", "b"), ("z", "a b")):
        p.random_rules(name, 3, reads, (1, 2), concluded)
    yield p.shuffled().cases(10)
    p = Problem("alike, the same conclusions, the same order and another, another domain", degrees="fine")
    p.attribute(range(3), "a").attribute(range(5), *"xyz").attribute(range(6), "w")
    for name in "xyw":
        p.random_rules(name, 3, "a", (1, 2), concluded)
    yield p.random_rules("z", 3, "a", (1, 2), concluded[::-1]).cases(9)
    for parameters in ("zeros", "mixed"):
        p = Problem(f"alike, read alike and not, parameters {parameters}", parameters).attribute(range(5), "a", *"wxyz")
        p.attribute(range(2), "p", "q", "r", "t")
        for name in "wxyz":
            p.random_rules(name, 3, "a", (1, 2), concluded)
        # On w, x and the input a alike; on y in another order; on z other values.
        for out, name, read in (("p", "w", [[0], [3, 4]]), ("q", "x", [[0], [3, 4]]), ("r", "y", [[3, 4], [0]]), ("t", "z", [[1], [0, 3]])):
            p.rule([[name, read[0]], ["a", [0]]], [out, [0]]).rule([[name, read[1]], ["a", [3, 4]]], [out, [1]])
        yield p.cases(7)
    p = Problem("alike, a chain of sets with the same conclusions").attribute(range(5), "a", *"xyz")
    for name, reads in (("z", "y"), ("y", "x"), ("x", "a")):
        p.rule([[reads, [0, 2]]], [name, concluded[0]]).rule([[reads, [1]]], [name, concluded[1]])
    yield p.cases(32)


def sizes():
    for count in (2, 15, 16, 17, 31, 33, 40):
        p = Problem(f"{count} cases", degrees="quarters").attribute(range(3), "a", "b").attribute(range(4), "m", "out")
        yield p.random_rules("out", 3, "m b", (1, 2)).random_rules("m", 2, "a b", (1, 2)).cases(count)


def addition():
    """Two numbers of two digits in base 3: a1 a2 + a3 a4 = y0 y1 y2, with carries w1 and w2."""
    crisp = lambda d, size: [float(v == d) for v in range(size)]
    for parameters in ("zeros", "mixed"):
        p = Problem(f"addition of two digits in base 3, parameters {parameters}", parameters)
        p.attribute(range(3), "a1", "a2", "a3", "a4").attribute([0, 1], "w1", "w2")
        p.attribute(product(range(3), range(3), range(2)), "c1").attribute(product(range(3), range(3)), "c2")
        p.attribute([0, 1], "y0").attribute(range(3), "y1", "y2")
        for j, parts in (("1", ("a1", "a3")), ("2", ("a2", "a4"))):
            for i, part in enumerate(parts):
                for d in range(3):
                    p.rule([[part, [d]]], p.where("c" + j, lambda added: added[i] == d))
        p.rule([["w2", [0]]], p.where("c1", lambda added: added[2] == 0))
        for j in "12":
            p.rule([p.where("c" + j, lambda added: sum(added) >= 3)], ["w" + j, [1]])
            for d in range(3):
                p.rule([p.where("c" + j, lambda added: sum(added) % 3 == d)], ["y" + j, [d]])
        p.rule([["w1", [0]]], ["y0", [0]])
        numbers = [(0, 0, 0, 0), (1, 2, 0, 1), (2, 2, 2, 2), (0, 2, 1, 2)]
        given = [{f"a{j + 1}": crisp(d, 3) for j, d in enumerate(digits)} for digits in numbers]
        yield p.shuffled().cases(16, given)


def sudoku():
    """Valid if every two cells that see each other differ."""
    shapes = {
        "a square of 2 by 2": (2, [(0, 1), (0, 2), (1, 3), (2, 3)], [(0, 1, 1, 0), (0, 1, 0, 1)]),
        "a row of 4": (4, list(combinations(range(4), 2)), [(2, 0, 3, 1), (2, 0, 3, 2)]),
    }
    for shape, (n, pairs, grids) in shapes.items():
        p = Problem(f"sudoku of 4 cells, {shape}", "zeros" if n == 2 else "mixed")
        digits = range(1, n + 1)
        p.attribute(digits, *(f"x{i}" for i in range(4)))
        p.attribute(product(digits, digits), *(f"b_{i}_{j}" for i, j in pairs)).attribute(["yes", "no"], "valid")
        differ = [p.where(f"b_{i}_{j}", lambda pair: pair[0] != pair[1]) for i, j in pairs]
        p.rule(differ, ["valid", [0]])
        for i, j in pairs:
            for place, cell in enumerate((i, j)):
                for v in digits:
                    p.rule([[f"x{cell}", [v - 1]]], p.where(f"b_{i}_{j}", lambda pair: pair[place] == v))
        given = [{f"x{i}": [float(v == d) for v in range(n)] for i, d in enumerate(grid)} for grid in grids]
        yield p.cases(17 if n == 2 else 8, given)


def main():
    families = (tiny, premises, conclusions, wide, cascades, diamonds, outputs, alike, sizes, addition, sudoku)
    problems = [problem for family in families for problem in family()]
    lines = ",\n".join(json.dumps(problem, separators=(",", ":")) for problem in problems)
    print(f'{{"comment": {json.dumps(COMMENT)},\n"problems": [\n{lines}\n]}}')


main()
