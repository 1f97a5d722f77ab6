"""Five lines of Python that answer a question; then why, and what would change it."""

import pinesy

rules = pinesy.RuleBase("""
[[attribute]]
name = "light"
domain = ["red", "green"]
[[attribute]]
name = "crossing"
domain = ["nobody", "someone"]
[[attribute]]
name = "act"
domain = ["stop", "go"]
[[rule]]
name = "red light"
if = "light == 'red'"
then = "act == 'stop'"
[[rule]]
name = "somebody crosses"
if = "crossing == 'someone'"
then = "act == 'stop'"
[[rule]]
name = "the way is free"
if = ["light == 'green'", "crossing == 'nobody'"]
then = "act == 'go'"
""")
engine = pinesy.Engine(rules)
case = {"light": "green", "crossing": [[1.0, 0.25]]}  # probably nobody
print(engine.infer(case)["act"])
print(engine.justify(case, "act"))
print(engine.changes(case, "act"))
