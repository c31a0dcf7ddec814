"""What `make build` makes is what runs on Lambda: the right code, for the right processor, and nothing else."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from lockstep.paths import SAM
from tests.deployment.shipped import FUNCTIONS, ROOT, load_template

ELF_MACHINES: Final = {"arm64": 183, "x86_64": 62}  # e_machine: EM_AARCH64, EM_X86_64
ZIP_BEGINS: Final = 315_532_800  # 1980-01-01, in epoch seconds
DEFAULT_FOLDER: Final = ROOT / ".aws-sam/build"
THIS_MACHINE: Final = {"aarch64": "arm64", "x86_64": "x86_64"}.get(platform.machine())
SHARED: Final = ("objectlock", "changefeed")  # packages
LAMBDA_BRINGS: Final = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")

# Runs under the functions' own Python, without environment variables: a handler reads none when it is imported.
START_HANDLER: Final = """
import importlib, json, sys
artifact, runtime, module, function = sys.argv[1:]
sys.path[:0] = [artifact, runtime]
assert callable(getattr(importlib.import_module(module), function))
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
CONVERT: Final = """
import pathlib, sys
artifact, photo = sys.argv[1:]
sys.path.insert(0, artifact)
from objectlock.images import to_grayscale
print(to_grayscale(pathlib.Path(photo).read_bytes()).content_type)
"""
# PEP 552: magic number, flags, hash of the source. Prints what is wrong; where nothing is, nothing.
CHECK_BYTE_CODE: Final = """
import importlib.util, marshal, pathlib, sys
artifact = pathlib.Path(sys.argv[1])
unchecked_hash = (0b01).to_bytes(4, "little")
compiled = set(artifact.rglob("*.pyc"))
for source in artifact.rglob("*.py"):
    file = pathlib.Path(importlib.util.cache_from_source(str(source)))
    if file not in compiled:
        print(source, "is not compiled")
        continue
    compiled.remove(file)
    found = file.read_bytes()
    if found[:16] != importlib.util.MAGIC_NUMBER + unchecked_hash + importlib.util.source_hash(source.read_bytes()):
        print(file, "is not of this source, or would be looked up by its time")
    name = marshal.loads(found[16:]).co_filename
    if name != f"/var/task/{source.relative_to(artifact)}":
        print(file, "is called", name)
for file in compiled:
    print(file, "has no source")
"""
# Runs under SAM's own Python: folders as `sam deploy` zips them, unpacked.
ZIP_AND_UNPACK: Final = """
import pathlib, shutil, sys
from samcli.lib.package.utils import make_zip_with_lambda_permissions, zip_folder
target, *folders = map(pathlib.Path, sys.argv[1:])
for folder in folders:
    with zip_folder(str(folder), zip_method=make_zip_with_lambda_permissions) as (zipped, _):
        shutil.unpack_archive(zipped, target / folder.name, "zip")
"""
COMPILED_ON_IMPORT: Final = """
import importlib, json, sys
artifact, runtime, module = sys.argv[1:]
sys.path[:0] = [artifact, runtime]
compiled = []
sys.addaudithook(lambda event, about: compiled.append(str(about[1])) if event == "compile" else None)
importlib.import_module(module)
print(json.dumps([file.removeprefix(artifact) for file in compiled if file.startswith(artifact)]))
"""


@dataclass(frozen=True)
class Build:
    """One finished build.

    Attributes:
        python: the interpreter it was made with.
        touched: sources that it changed.
    """

    folder: Path
    architecture: str
    python: str
    touched: set[Path]


def sources() -> dict[Path, bytes]:
    folders = [ROOT / "functions", ROOT / "statemachine"]
    files = [ROOT / "template.yaml", ROOT / "samconfig.toml", *(path for each in folders for path in each.rglob("*"))]
    return {path: path.read_bytes() for path in files if path.is_file() and "__pycache__" not in path.parts}


def build(folder: Path, architecture: str, *arguments: str) -> Build:
    before = sources()
    made = subprocess.run(
        [
            "make",
            "--no-print-directory",
            "build",
            f"ARGS={shlex.join(arguments)}",
            *([] if folder == DEFAULT_FOLDER else [f"BUILD_DIR={folder}"]),
        ],
        cwd=ROOT,
        # without the options of a make that runs these tests
        env={name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    unavailable = re.search("make build: needs Python 3.13.*", made.stderr)
    if made.returncode and unavailable:
        pytest.skip(unavailable[0])
    assert made.returncode == 0, made.stdout + made.stderr
    python = re.search("building with (.*)", made.stdout)
    assert python, made.stdout
    after = sources()
    touched = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return Build(folder, architecture, python[1], touched)


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Build]:
    """By architecture: the build that `make deploy` makes, and one with the other processor in that one line."""
    elsewhere = tmp_path_factory.mktemp("sam")
    shipped = (ROOT / "template.yaml").read_text("utf-8")
    assert shipped.count("Architectures: [arm64]") == 1
    template = elsewhere / "template.yaml"
    template.write_text(shipped.replace("Architectures: [arm64]", "Architectures: [x86_64]"), "utf-8")
    (elsewhere / "statemachine").symlink_to(ROOT / "statemachine")
    other_processor = ("--template-file", str(template), "--base-dir", str(ROOT), "--no-cached")
    return {
        "arm64": build(DEFAULT_FOLDER, "arm64"),
        "x86_64": build(elsewhere / "build", "x86_64", *other_processor),
    }


@pytest.fixture(params=["arm64", "x86_64"])
def built(builds: dict[str, Build], request: pytest.FixtureRequest) -> Build:
    return builds[request.param]


def test_building_leaves_the_sources_alone(built: Build) -> None:
    assert not built.touched


def test_template_points_at_what_was_built(built: Build) -> None:
    resources = load_template(built.folder / "template.yaml")["Resources"]
    for name in FUNCTIONS:
        assert (built.folder / resources[name]["Properties"]["CodeUri"]) == built.folder / name
    machine = built.folder / resources["StateMachine"]["Properties"]["DefinitionUri"]
    assert machine.resolve() == ROOT / "statemachine/lockstep.asl.json"


def requirements() -> dict[str, str]:
    """Name and version of everything in functions/requirements.txt."""
    return dict(
        re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "functions/requirements.txt").read_text("utf-8"), re.MULTILINE)
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_artifact_has_its_handler_the_shared_packages_and_the_locked_versions(built: Build, name: str) -> None:
    artifact = built.folder / name
    module, _, _ = FUNCTIONS[name]["Handler"].rpartition(".")
    assert (artifact / module.replace(".", "/")).with_suffix(".py").is_file()
    for source in (path for each in SHARED for path in (ROOT / "functions" / each).rglob("*.py")):
        assert (artifact / source.relative_to(ROOT / "functions")).read_bytes() == source.read_bytes()
    installed = {each.name.removesuffix(".dist-info") for each in artifact.glob("*.dist-info")}
    assert installed == {f"{name.replace('-', '_')}-{version}" for name, version in requirements().items()}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_artifact_has_nothing_that_lambda_brings_or_only_tests_need(built: Build, name: str) -> None:
    artifact = built.folder / name
    unwanted = {"boto3", "botocore", "s3transfer", "tests", "test", "conftest.py", "bootstrap", "lockstep"}
    assert not {path for path in artifact.rglob("*") if path.name in unwanted or path.name.startswith("test_")}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_binaries_are_for_the_processor_they_run_on(built: Build, name: str) -> None:
    libraries = list((built.folder / name).rglob("*.so*"))
    assert any(library.name.startswith("_imaging.") for library in libraries)
    for library in libraries:
        header = library.read_bytes()[:20]
        assert header[:4] == b"\x7fELF", library
        assert int.from_bytes(header[18:20], "little") == ELF_MACHINES[built.architecture], library


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_module_has_byte_code_that_holds_whatever_the_time_of_its_source(built: Build, name: str) -> None:
    assert run(built.python, CHECK_BYTE_CODE, built.folder / name) == ""


def of_a_wheel(artifact: Path) -> dict[Path, str]:
    """Each file that came with a wheel, and its hash as the wheel says it; the lock file has the wheel's own."""
    found = {}
    for record in artifact.glob("*.dist-info/RECORD"):
        for name, digest, _ in csv.reader(record.read_text("utf-8").splitlines()):
            if digest:
                found[Path(name)] = digest
    return found


def made_here(artifact: Path) -> set[Path]:
    """Every other file: our modules, and all byte code."""
    files = {path.relative_to(artifact) for path in artifact.rglob("*") if path.is_file()}
    return {path for path in files - of_a_wheel(artifact).keys() if path.name != "RECORD"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_artifact_is_the_same_byte_for_byte_wherever_and_whenever_it_was_built(
    builds: dict[str, Build], name: str
) -> None:
    """So it tells nothing of the machine, and nothing that has not changed is uploaded anew or makes a new version.

    The two builds are for two processors and so of other wheels, whose files have a test of their own.
    """
    ours, elsewhere = (builds[each].folder / name for each in ("arm64", "x86_64"))
    made = made_here(ours)
    assert made == made_here(elsewhere)
    assert any(path.suffix == ".pyc" for path in made)
    assert [path for path in sorted(made) if (ours / path).read_bytes() != (elsewhere / path).read_bytes()] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_libraries_are_what_the_locked_wheels_have_in_them(built: Build, name: str) -> None:
    artifact = built.folder / name
    shipped = of_a_wheel(artifact)
    assert {path.relative_to(artifact) for path in artifact.rglob("*.so*")} <= shipped.keys()
    for path, digest in shipped.items():
        algorithm, _, expected = digest.partition("=")
        found = hashlib.new(algorithm, (artifact / path).read_bytes()).digest()
        assert urlsafe_b64encode(found).decode().rstrip("=") == expected, path


@pytest.fixture
def runnable(builds: dict[str, Build]) -> Build:
    """The build for this machine's own processor."""
    if sys.platform != "linux" or THIS_MACHINE not in builds:
        pytest.skip("what was built runs on Linux only, on arm64 or x86_64")
    return builds[THIS_MACHINE]


def run(python: str, script: str, *arguments: str | Path) -> str:
    done = subprocess.run(
        [python, "-I", "-B", "-W", "error", "-c", script, *arguments],
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def unpacked(builds: dict[str, Build], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `sam deploy` uploads of the build for this machine, unpacked, with the files' times as in the zip."""
    target = tmp_path_factory.mktemp("unpacked")
    folders = [builds[str(THIS_MACHINE)].folder / name for name in FUNCTIONS]
    subprocess.run([SAM.with_name("python"), "-c", ZIP_AND_UNPACK, target, *folders], check=True)
    for path in target.rglob("*"):
        os.utime(path, (ZIP_BEGINS, ZIP_BEGINS))
    return target


@pytest.fixture(scope="module")
def lambda_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages that Lambda itself brings, and no other of this environment."""
    runtime = tmp_path_factory.mktemp("runtime")
    for name in LAMBDA_BRINGS:
        spec = find_spec(name)
        assert spec
        assert spec.origin
        origin = Path(spec.origin)
        if spec.submodule_search_locations:
            shutil.copytree(origin.parent, runtime / name, ignore=shutil.ignore_patterns("data", "__pycache__"))
        else:
            shutil.copy(origin, runtime)
    return runtime


@pytest.mark.parametrize("name", FUNCTIONS)
def test_handler_starts_from_its_artifact_and_only_grayscale_loads_pillow(
    runnable: Build, lambda_runtime: Path, name: str
) -> None:
    module, _, function = FUNCTIONS[name]["Handler"].rpartition(".")
    loaded = json.loads(run(runnable.python, START_HANDLER, runnable.folder / name, lambda_runtime, module, function))
    assert "objectlock" in loaded
    assert ("PIL" in loaded) == (name == "GrayscaleFunction")


@pytest.mark.usefixtures("runnable")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_uploaded_starts_without_compiling_anything(
    builds: dict[str, Build], request: pytest.FixtureRequest, lambda_runtime: Path, name: str
) -> None:
    artifact = request.getfixturevalue("unpacked") / name
    python = builds[str(THIS_MACHINE)].python
    module, _, _ = FUNCTIONS[name]["Handler"].rpartition(".")
    assert json.loads(run(python, COMPILED_ON_IMPORT, artifact, lambda_runtime, module)) == []
    shutil.rmtree(artifact / "objectlock/__pycache__")
    compiled = json.loads(run(python, COMPILED_ON_IMPORT, artifact, lambda_runtime, module))
    assert "/objectlock/__init__.py" in compiled, "this test does not see what is compiled"


def test_photo_turns_gray_with_the_libraries_that_ship(runnable: Build) -> None:
    photo = ROOT / "samples/rocket.jpg"
    assert run(runnable.python, CONVERT, runnable.folder / "GrayscaleFunction", photo) == "image/jpeg"
