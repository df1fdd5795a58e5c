"""docs/onnx-support.md says what the lists of test/conformance say."""

import subprocess
import sys


def test_page_is_up_to_date(root):
    finished = subprocess.run([sys.executable, root / "test/conformance/support_page.py", "--check"], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr
