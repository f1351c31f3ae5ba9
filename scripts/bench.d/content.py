"""The bytes that the Python clients send: those of the system ring."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "system"))
from lib.content import content  # noqa: E402, F401
