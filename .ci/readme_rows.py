"""Whether the README's table of sums is what `mnist_addition --json FILE` says: readme_rows.py FILE."""

import json
import re
import sys
from pathlib import Path

readme = Path("README.md").read_text()
stated = {int(k): float(share) for k, share in re.findall(r"^\| (\d+) \| [\d,]+ \| \d+ \| ([\d.]+) ±", readme, re.M)}
rows = {row["k"]: 100 * row["accuracy"]["share"] for row in json.load(open(sys.argv[1]))["rows"]}
for k, share in rows.items():
    # Another processor may round another way, and read a digit differently.
    if abs(share - stated[k]) > 0.05 + 0.01 * k:
        sys.exit(f"README.md: k = {k}: {stated[k]:.2f} % of the sums right: expected {share:.2f} %")
print("README.md:", ", ".join(f"k = {k}: {stated[k]:.2f} stated, {share:.2f} found" for k, share in rows.items()))
