"""
Makes the virtual environment that the scripts run in; standard library only.

``.venv`` beside the sources, an editable install, made anew only when pyproject.toml changed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def ensure(extra: str = "") -> Path:
    """The interpreter of a venv with securechat installed; exits with one line if it cannot be."""
    if sys.version_info < (3, 11):  # noqa: UP036 - said to who runs an older one
        sys.exit(f"securechat needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + extra.encode()).hexdigest()
    stamp = VENV / f"securechat-{extra or 'runtime'}.stamp"
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return PYTHON
    if not PYTHON.exists():
        _make()
    print(f"installing into {VENV.relative_to(ROOT)} ...", file=sys.stderr, flush=True)
    target = f"{ROOT}[{extra}]" if extra else str(ROOT)
    done = subprocess.run(
        [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-e", target],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        sys.exit("securechat could not be installed; pip said why above")
    stamp.write_text(wanted)
    return PYTHON


def _make() -> None:
    try:
        import ensurepip  # noqa: F401 - Debian ships venv without it
        import venv
    except ImportError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        sys.exit(f"Python's venv module is missing; install the package python{version}-venv")
    venv.EnvBuilder(with_pip=True, clear=False).create(VENV)
