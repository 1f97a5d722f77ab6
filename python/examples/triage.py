"""Records with numbers, sets and gaps, from a data frame; learning; an explanation as a page."""

from pathlib import Path

import pandas as pd

import pinesy

here = Path(__file__).parent
engine = pinesy.Engine(here.parents[1] / "rulesets" / "triage.toml")
patients = pd.DataFrame(
    {
        "id": ["anna", "ben", "carl", "dora"],
        "temperature": [38.7, 36.6, 40.2, 39.7],
        "pulse": [96, None, 140, 85],
        "age": [7, 80, None, 81],
        "confused": ["no", "no", "yes", "no"],
    }
)
domain = engine.rules.domain("urgency")
for name, position in zip(patients["id"], engine.decide(patients, "urgency")["urgency"], strict=True):
    print(name, domain[position] if position >= 0 else "not decided")

learned, report = engine.learn(patients, {"urgency": ["soon", "wait", "now", "now"]}, keep_fixed=True)
print(report)
print(learned.justify(patients, "urgency", row=0))
