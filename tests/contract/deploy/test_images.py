"""The Dockerfiles, as far as they can be held against the repository without building them."""

from __future__ import annotations

import fnmatch
import json
import re
import tomllib

import pytest

from tests.contract.deploy.composed import DOCKER, services

ROOT = DOCKER.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMAGES = {"api.Dockerfile": "api", "worker.Dockerfile": "worker"}


def instructions(name: str) -> list[tuple[str, str]]:
    """Instruction and argument of each line of a Dockerfile, lines that go on joined, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", (DOCKER / name).read_text(), flags=re.M).replace("\\\n", " ")
    return [(found[1], found[2].strip()) for found in re.finditer(r"^([A-Z]+)\s+(.*)$", text, re.M)]


def arguments(name: str, instruction: str) -> list[str]:
    """The arguments of one kind of instruction, from the top."""
    return [argument for kind, argument in instructions(name) if kind == instruction]


def last_stage(name: str) -> list[tuple[str, str]]:
    """What makes the image that is run."""
    all_of_it = instructions(name)
    start = max(index for index, (kind, _) in enumerate(all_of_it) if kind == "FROM")
    return all_of_it[start:]


@pytest.mark.parametrize("name", IMAGES)
def test_what_is_copied_is_there_and_not_ignored(name: str) -> None:
    sources = [word for line in arguments(name, "COPY") if "--from" not in line for word in line.split()[:-1]]
    assert {"storage", "safety", "producer", "worker", "pyproject.toml", "constraints.txt"} <= set(sources)
    let_through = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.M)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source in let_through
    needed = PROJECT["license-files"] + [PROJECT["readme"]]
    assert all(any(fnmatch.fnmatch(source, wanted) for source in sources) for wanted in needed)


@pytest.mark.parametrize(("name", "extra"), IMAGES.items())
def test_each_image_installs_its_own_extra_by_exact_versions(name: str, extra: str) -> None:
    installed = [line for line in arguments(name, "RUN") if '".[' in line]
    assert len(installed) == 1
    assert f'".[{extra},otel]"' in installed[0]
    assert "--constraint constraints.txt" in installed[0]
    assert {extra, "otel"} <= PROJECT["optional-dependencies"].keys()
    assert ("torch" in str(PROJECT["optional-dependencies"][extra])) == (extra == "worker"), "the API carries no torch"


@pytest.mark.parametrize("name", IMAGES)
def test_images_run_as_an_account_of_their_own_and_leave_the_tools_behind(name: str) -> None:
    final = last_stage(name)
    assert [argument for kind, argument in final if kind == "USER"] == ["10001:10001"]
    assert not any("pip" in argument for _, argument in final)
    assert [argument for kind, argument in final if kind == "ENTRYPOINT"] == ['["inpaintd"]']
    assert "inpaintd" in PROJECT["scripts"]


@pytest.mark.parametrize(("name", "service"), IMAGES.items())
def test_health_is_asked_alike_by_image_and_compose(name: str, service: str) -> None:
    (check,) = arguments(name, "HEALTHCHECK")
    command = json.loads(check[check.index("CMD ") + 4 :])
    assert ["CMD", *command] == services("cpu")[service]["healthcheck"]["test"]


@pytest.mark.parametrize("name", IMAGES)
def test_the_base_can_be_given_by_digest(name: str) -> None:
    bases = [line.split()[0] for line in arguments(name, "FROM")]
    stages = {line.split(" AS ")[1] for line in arguments(name, "FROM") if " AS " in line}
    assert set(bases) - stages == {"${PYTHON_IMAGE}"}
    tag = next(line.partition("=")[2] for line in arguments(name, "ARG") if line.startswith("PYTHON_IMAGE="))
    assert tag == services("cpu")[IMAGES[name]]["build"]["args"]["PYTHON_IMAGE"]


def test_programs_that_images_start_are_there() -> None:
    started = set()
    for path in [*DOCKER.glob("*Dockerfile"), *DOCKER.rglob("*.yaml")]:
        started |= set(re.findall(r"-m[\", ]+((?:producer|storage|worker)\.[\w.]+)", path.read_text()))
    assert {"producer.probe", "storage.schema", "worker.models.hub"} <= started
    for module in started:
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file(), module


def test_no_digest_was_made_up() -> None:
    """Whoever runs it pins it: docker/pin.sh."""
    assert not [path for path in DOCKER.rglob("*") if path.is_file() and re.search(r"sha256:\w{8}", path.read_text())]
