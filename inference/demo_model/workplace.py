"""Where a training run keeps its tokeniser, corpus, checkpoints and log."""

import hashlib
from pathlib import Path

WORK = Path("var/demo-model")
HERE = Path(__file__).parent
SOURCES = ("train.py", "data.py", "model.py", "vocabulary.py")


def workplace(base: Path) -> Path:
    """This recipe's own folder below `base`, so that no run goes on from another recipe's checkpoint."""
    digest = hashlib.sha256()
    for path in sorted([*(HERE / "corpus").glob("*.py"), *(HERE / name for name in SOURCES)]):
        digest.update(path.read_bytes())
    return base / digest.hexdigest()[:12]
