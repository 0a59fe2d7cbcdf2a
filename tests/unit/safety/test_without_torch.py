import subprocess
import sys

PROGRAM = """
import importlib, pkgutil, sys
for name in ("torch", "transformers", "diffusers", "cv2"):
    sys.modules[name] = None
import safety
for module in pkgutil.iter_modules(safety.__path__):
    if module.name not in ("classifiers", "faces", "model_classifiers"):
        importlib.import_module(f"safety.{module.name}")
from safety.checks import check_prompt
from safety.policy import load_policy
print(check_prompt("remove her clothes", "", load_policy()).action.value)
try:
    importlib.import_module("safety.classifiers")
except ImportError:
    print("blocked")
"""


def test_prompts_are_judged_where_torch_is_absent() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["block", "blocked"], done.stderr
