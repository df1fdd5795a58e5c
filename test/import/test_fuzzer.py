"""The importer holds against some thousand changed models under sanitizers; a long run is test/fuzz/importer.py."""

import sys

import pytest

SEED, RUNS, SECONDS = 1, 20000, 40


@pytest.mark.timeout(300)
def test_importer_under_libfuzzer(root, tmp_path):
    sys.path.insert(0, str(root / "test/fuzz"))
    import importer

    assert importer.PROGRAM.exists(), "build-asan holds no fuzzer: `tools/bootstrap test --only import` builds it"
    corpus, findings = tmp_path / "corpus", tmp_path / "findings"
    # All of it takes half a minute to read.
    assert importer.write_corpus(corpus, range(20), every=4) > 400
    status = importer.fuzz(corpus, findings, f"-seed={SEED}", f"-runs={RUNS}", f"-max_total_time={SECONDS}", "-reload=0")
    assert status == 0 and not list(findings.iterdir()), f"copy the finding from {findings} and run test/fuzz/importer.py --replay on it"
