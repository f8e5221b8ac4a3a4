"""What is installed from the wheel is all of Parley: templates, styles, scripts and the licences of what it vendors."""

import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from tests.house.conftest import TREE


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from the committed files alone, so that nothing lying about gets in."""
    source = tmp_path_factory.mktemp("source")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=TREE, capture_output=True, text=True, check=True)
    for name in filter(None, tracked.stdout.split("\0")):
        if (TREE / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(TREE / name, source / name)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", source / "dist", source],
        check=True,
        capture_output=True,
    )
    (made,) = (source / "dist").glob("*.whl")
    return zipfile.ZipFile(made)


def test_every_file_of_the_package_is_inside(wheel: zipfile.ZipFile) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "parley"], cwd=TREE, capture_output=True, text=True, check=True
    )
    expected = {name for name in tracked.stdout.splitlines() if (TREE / name).is_file()}
    assert expected - set(wheel.namelist()) == set()


def test_it_asks_for_what_runtime_in_names_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    asked = HeaderParser().parsestr(wheel.read(name).decode()).get_all("Requires-Dist", [])
    named = Path(TREE / "requirements" / "runtime.in").read_text().split()

    def plain(requirement: str) -> str:
        return re.sub(r"\s", "", requirement).lower()

    assert sorted(map(plain, asked)) == sorted(map(plain, named))


def test_it_brings_the_command(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    assert "parley = parley.cli:main" in wheel.read(name).decode()
