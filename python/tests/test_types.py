"""The stub says what the extension has, and the package is typed."""

import subprocess
import sys

import pytest

pytest.importorskip("mypy")


@pytest.mark.parametrize("command", [["mypy.stubtest", "pinesy._pinesy"], ["mypy", "--strict", "-p", "pinesy"]])
def test_types(command):
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
