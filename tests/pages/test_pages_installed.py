"""An installed gateway has its pages: what they are made of is in the wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile

from gateway.pages import assets, locales, site
from tests.running import ROOT

BUILD = "from setuptools.build_meta import build_wheel; import sys; build_wheel(sys.argv[1])"
# In a process that finds the wheel's modules first, and the tree's nowhere.
OPEN = """
import sys
from gateway.pages import assets, locales, site
from gateway.pages.site import Site
class Config:
    products = {}
made = Site(Config, locales.Locales(), assets.Assets(Config))
for one in assets.inventory():
    assert made.assets.named(one.name).content
print(site.__file__, sorted(made.locales.languages), len(made._templates.list_templates()))
answer = made._answer("over.html", made.locales.choose(("en",), ""), {}, 404, frame=())
assert b"can not be opened" in answer.body
"""


def test_a_wheel_holds_templates_locales_and_scripts(tmp_path):
    tree, out, installed = tmp_path / "tree", tmp_path / "out", tmp_path / "installed"
    tree.mkdir()
    out.mkdir()
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "gateway", tree / "gateway", ignore=skip)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tree / name)
    run = {"capture_output": True, "text": True, "timeout": 120}
    subprocess.run([sys.executable, "-c", BUILD, str(out)], cwd=tree, check=True, **run)
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
        names = set(archive.namelist())
    for directory in (assets.DIRECTORY, locales.DIRECTORY, site.DIRECTORY):
        for file in directory.iterdir():
            assert f"gateway/pages/{directory.name}/{file.name}" in names
    command = [sys.executable, "-P", "-c", OPEN]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(installed)}, check=True, **run
    )
    assert done.stdout.startswith(str(installed)), done.stdout
    assert "['de', 'en', 'es', 'fr', 'it']" in done.stdout
