"""The commands of this project, as ``python -m nox -s NAME``: ``tests``, ``demo``, ``lint``, ``types``,
``coverage``, ``golden``, ``determinism``, ``schedules``, ``audit``, ``chaos``, ``chaos-dbos``, ``threats``,
``mutation``, ``gates``, ``package``, ``manual``, ``release``, ``bench``.

Each session runs in a virtual environment of its own, with the versions in ``constraints.txt``; what stands
after ``--`` is passed on. Sessions for several interpreters run on those of 3.11, 3.12 and 3.13 that really
run here. Nothing here is needed to use the package.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import nox
from python_discovery import get_interpreter

nox.needs_version = ">=2026.10.20"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests", "demo"]

ROOT = Path(__file__).parent
GOLDEN = ROOT / "golden"
CONSTRAINTS = {name: str(ROOT / "constraints.txt") for name in ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT")}
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
SUPPORTED = ("3.11", "3.12", "3.13")

# A law that lies here costs users money or hides it: every line and branch of these files is tested.
COVERED_IN_FULL = """
flujo/canonical.py flujo/context.py flujo/entries.py flujo/events.py flujo/execution/account.py
flujo/execution/budget.py flujo/execution/intent.py flujo/execution/ledger.py flujo/execution/merge.py
flujo/execution/plugins.py flujo/isolation.py flujo/loading.py flujo/money.py flujo/price_list/cost_model.py
flujo/price_list/names.py flujo/price_list/snapshot.py flujo/prices.py flujo/structure.py flujo/usage.py
flujo/validation.py flujo_testing/transcript/*.py
""".split()  # noqa: SIM905  # one name a line would push the sessions off the page

# Tests made from tables and chance: every kind of step in every other, random pipelines, very large ones.
GENERATED = ("tests/flujo/kinds/test_matrix.py", "tests/flujo/kinds/test_depth_and_size.py", "tests/oracle")

# What hardly depends on the Python that it runs on: pages, house rules, provider traffic, whole commands and servers.
_FIRST = """
tests/dbos tests/docs tests/flujo/agents tests/flujo/cli tests/flujo/price_list tests/flujo/telemetry
tests/flujo_testing/audit tests/flujo_testing/conformance tests/flujo_testing/from_run tests/flujo_testing/lint
tests/flujo_testing/report tests/flujo_testing/review tests/flujo_testing/server tests/flujo_testing/starting
tests/flujo_testing/test_sharding.py tests/recordings tests/test_tidy.py tests/test_types.py
""".split()  # noqa: SIM905  # as above
FIRST_PYTHON_ONLY = (*GENERATED, *_FIRST)
BETWEEN = ("tests/flujo", "tests/laws")

# What has sessions of its own: ``gates``, with the tools of all gates, and ``threats``.
OF_GATES, OF_THREATS = "tests/gates", "tests/threats"
LEFT = (f"--ignore={OF_GATES}", f"--ignore={OF_THREATS}")

# The tests that run every line of the files that are covered in full.
COVERING = """
tests/flujo/execution tests/flujo/price_list tests/flujo/stores/test_doubts.py tests/flujo/test_*.py
tests/flujo_testing/test_transcript*.py tests/laws
""".split()  # noqa: SIM905  # as above

# Rules in POSIX notation mean the same where the machine has no time zone database.
TIME_ZONES = {
    "UTC": "UTC0",
    "Asia/Kolkata": "IST-5:30",
    "America/St_Johns": "NST3:30NDT,M3.2.0,M11.1.0",
}
HASH_SEEDS = tuple(range(10))
SAMPLE = ((7, "America/St_Johns"),)

EXACT, LOOSENED = "examples/strength/exact", "examples/strength/loosened"

PEERS = {"burr": ("burr", "pydantic"), "haystack": ("haystack-ai",)}


def interpreters() -> list[str]:
    """The supported versions that run here; found in the way nox itself looks for them."""
    found = [version for version in SUPPORTED if get_interpreter(version)]
    if not found:
        sys.exit(f"none of Python {', '.join(SUPPORTED)} runs here: install one of them and put it on PATH")
    return found


INSTALLED = interpreters()


def install(session: nox.Session, *what: str, group: str | None = None) -> None:
    """Install requirements, and those of a dependency group, in the versions that were tested."""
    of_group = nox.project.dependency_groups(PROJECT, group) if group else ()
    session.install(*what, *of_group, env=CONSTRAINTS)


def install_all(session: nox.Session, group: str) -> None:
    extras = "testing,anthropic,cli,dbos,google,http,openai,otel,prices,pydantic-ai"
    install(session, "--editable", f".[{extras}]", group=group)


@nox.session(python=INSTALLED)
def tests(session: nox.Session) -> None:
    """Every test, in random order; on the last Python those that depend on it, between them fewer, or ``-- whole``."""
    install_all(session, "test")
    options = [*LEFT, *(option for option in session.posargs if option != "whole")]
    if session.python != INSTALLED[0] and not session.posargs:
        options += [f"--ignore={path}" for path in FIRST_PYTHON_ONLY]
        options += () if session.python == INSTALLED[-1] else BETWEEN
        session.log("left to Python %s, or 'nox -s tests -- whole': %s", INSTALLED[0], ", ".join(FIRST_PYTHON_ONLY))
    session.run("python", "-m", "pytest", "--numprocesses=2", *options)
    if "FLUJO_RECORDINGS" in os.environ and session.python == INSTALLED[0] and not session.posargs:
        session.run("python", "-m", "pytest", "--quiet", "-p", "no:xdist", "tests/recordings")  # counts them


@nox.session(python=INSTALLED[0])
def demo(session: nox.Session) -> None:
    """The main job: a support pipeline on the real OpenAI SDK, answered by a server on loopback."""
    install(session, "--editable", ".[openai,cli,testing]")
    session.run("python", "-m", "examples.support_triage", *session.posargs)


@nox.session(python=INSTALLED[0])
def lint(session: nox.Session) -> None:
    """Ruff, the workflows' safety, and the rules of the house with the number of files that each looked at."""
    install(session, group="lint")
    session.run("ruff", "check", *(session.posargs or ["."]))
    session.run("ruff", "format", "--check", *(session.posargs or ["."]))
    session.run("zizmor", "--offline", "--quiet", ".github/workflows", "action.yml")
    session.run("python", "-m", "tests.tidy")


@nox.session(python=INSTALLED[0])
def types(session: nox.Session) -> None:
    """Mypy, strict, on both packages, the tests and this file; mypy and pyright on programs that show what fits."""
    install_all(session, "types")
    session.run("mypy", *session.posargs)
    session.run("python", "-m", "tests.types")


@nox.session(python=INSTALLED[0])
def coverage(session: nox.Session) -> None:
    """Lines and branches: all of accounting, isolation, plugins and transcript; the figure of the rest.

    ``-- sample`` runs the tests of these files only.
    """
    missing = [pattern for pattern in COVERED_IN_FULL if not any(ROOT.glob(pattern))]
    if missing:
        session.error(f"no such file: {', '.join(missing)}; bring COVERED_IN_FULL in noxfile.py up to date")
    install_all(session, "coverage")
    session.run("coverage", "erase")
    options = [*LEFT, *(option for option in session.posargs if option != "sample")]
    options += [f"--ignore={path}" for path in GENERATED]  # they run the lines that other tests run, too
    if "sample" in session.posargs:
        options += sorted(str(path.relative_to(ROOT)) for pattern in COVERING for path in ROOT.glob(pattern))
    session.run("coverage", "run", "-m", "pytest", "--numprocesses=2", *options)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--skip-covered", "--fail-under=0")
    session.log("every line and branch of %d patterns of files:", len(COVERED_IN_FULL))
    files = ",".join(COVERED_IN_FULL)
    session.run("coverage", "report", f"--include={files}", "--no-skip-covered", "--fail-under=100")


@nox.session(python=INSTALLED[0])
def golden(session: nox.Session) -> None:
    """Compare every golden, and write none."""
    install_all(session, "test")
    before = fingerprints()
    owners = owning_tests(session)
    session.run("python", "-m", "pytest", "--golden=check", *owners, *session.posargs)
    changed = sorted({path for path, _ in before.items() ^ fingerprints().items()})
    if changed:
        session.error(f"the goldens are read-only here, but these were written: {', '.join(changed)}")
    session.log("%d goldens of %d tests stayed as they were", len(before), len(owners))


@nox.session(python=INSTALLED)
def determinism(session: nox.Session) -> None:
    """The goldens on both backends, under every hash seed and time zone; ``-- sample`` takes a few."""
    install_all(session, "test")
    options = [option for option in session.posargs if option != "sample"]
    runs = SAMPLE if "sample" in session.posargs else tuple(product(HASH_SEEDS, TIME_ZONES))
    owners = owning_tests(session)
    if session.python != INSTALLED[0]:  # a story of servers, which are left to the first Python
        owners = [owner for owner in owners if not owner.startswith("tests/dbos/")]
    for seed, zone in runs:
        session.log("hash seed %d, time zone %s", seed, zone)
        session.run(
            *("python", "-m", "pytest", "--golden=check", "--quiet", "-p", "no:randomly", "-p", "no:xdist"),
            *owners,
            *options,
            env={"PYTHONHASHSEED": str(seed), "TZ": TIME_ZONES[zone]},
        )
    session.log("tests that found their goldens unchanged in each of %d runs: %d", len(runs), len(owners))


@nox.session(python=INSTALLED[0])
def schedules(session: nox.Session) -> None:
    """The tests of the laws and the examples in 6 of the orders in which branches can finish; ``-- 200`` in more."""
    install_all(session, "test")
    orders, *options = session.posargs or ["6"]
    if not orders.isdecimal():
        session.error(f"{orders!r} is no number of orders: write nox -s schedules -- 200")
    quiet = ("--golden=check", "--quiet", "-p", "no:randomly")
    session.run("python", "-m", "pytest", f"--flujo-schedules={orders}", *quiet, "tests/laws", "examples", *options)


@nox.session(python=INSTALLED[0])
def audit(session: nox.Session) -> None:
    """The tests of the laws and the examples notice every fault there is; the loosened suite hardly any.

    Which test of the exact suite notices which fault is a golden. Where that has changed on purpose, ``pytest
    --flujo-audit=full --golden=pending examples/strength/exact`` leaves the new one in ``golden/.pending/``.
    ``-- sample`` leaves out the laws.
    """
    install_all(session, "test")
    quiet = ("--golden=check", "--flujo-lint=off", "--quiet", "-p", "no:randomly", "-p", "no:xdist")
    strict, loosened = (Path(session.create_tmp()).resolve() / name for name in ("strict.json", "loosened.json"))
    if "sample" not in session.posargs:
        suite = (f"--ignore={LOOSENED}", "tests/laws", "examples", *session.posargs)
        session.run("python", "-m", "pytest", "--flujo-audit=fast", f"--flujo-audit-json={strict}", *quiet, *suite)
        verdicts = {row["name"]: row["verdict"] for row in json.loads(strict.read_text(encoding="utf-8"))["faults"]}
        if unnoticed := [f"{name} ({verdict})" for name, verdict in verdicts.items() if verdict != "KILLED"]:
            session.error(f"faults that no test of {', '.join(suite[1:])} notices: {', '.join(unnoticed)}")
        session.log("every one of %d faults is noticed", len(verdicts))
    session.run("python", "-m", "pytest", "--flujo-audit=full", *quiet, EXACT)  # which notices which: golden/audit.yaml
    session.run("python", "-m", "pytest", "--flujo-audit=fast", f"--flujo-audit-json={loosened}", *quiet, LOOSENED)
    score = json.loads(loosened.read_text(encoding="utf-8"))["score"]
    if 100 * score["noticed"] >= 20 * score["infected"]:
        session.error(f"{LOOSENED} is there to notice little, but its score is {score}: loosen it, or mend the audit")
    session.log("the loosened suite notices %d of %d faults", score["noticed"], score["infected"])


@nox.session(python=INSTALLED[0])
def chaos(session: nox.Session) -> None:
    """Processes of runs on a SQLite store are killed 200 times, at random; ``-- sample`` 10 times. Red on any loss."""
    install(session, "--editable", ".")
    session.run("python", "chaos/run.py", *session.posargs)


@nox.session(python=INSTALLED)
def threats(session: nox.Session) -> None:
    """Hostile files, failing disks, killed processes, secrets: docs/threats.md. ``-- sample``: of goldens, on one."""
    if "sample" in session.posargs and session.python != INSTALLED[0]:
        session.skip("a sample is taken on the first Python")
    install_all(session, "test")
    narrowed = ("-k", "table or golden") if "sample" in session.posargs else tuple(session.posargs)
    session.run("python", "-m", "pytest", "--numprocesses=2", "-p", "no:randomly", OF_THREATS, *narrowed)


@nox.session(python=INSTALLED[0])
def mutation(session: nox.Session) -> None:
    """Mutants of what has to be right: enough are killed, and the others are known. ``-- sample``, ``-- budget``..."""
    install_all(session, "mutation")
    session.run("python", "-m", "tests.mutation", *session.posargs)


@nox.session(python=INSTALLED[0])
def gates(session: nox.Session) -> None:
    """Every gate turns red on a project with one thing wrong, and is green without it; ``-- sample``: the quickest."""
    install_all(session, "gates")
    what = ("-k", "ci_run") if "sample" in session.posargs else session.posargs
    session.run("python", "-m", "pytest", "-p", "no:randomly", OF_GATES, *what)


@nox.session(name="chaos-dbos", python=INSTALLED[0])
def chaos_dbos(session: nox.Session) -> None:
    """Workers on a real Postgres are killed, stopped and replaced; 500 cases; a step's cost. ``-- sample``: a tenth."""
    install_all(session, "test")
    session.run("python", "-m", "chaos.workers.kill", *session.posargs)
    session.run("python", "-m", "chaos.workers.spread", *session.posargs)
    if "sample" not in session.posargs:
        session.run("python", "-m", "chaos.workers.overhead")


@nox.session(python=INSTALLED[0], reuse_venv=False)
def package(session: nox.Session) -> None:
    """The wheel: without extras it leaves pytest untouched, with ``testing`` the README's test passes, with
    ``cli`` the lint finds nothing in it, and the project of ``flujo init`` is green, and red when it is broken."""
    scratch = Path(session.create_tmp()).resolve() / "user"
    shutil.rmtree(scratch, ignore_errors=True)
    build = ("python", "-m", "pip", "wheel", "--quiet", "--no-deps")
    session.run(*build, "--wheel-dir", str(scratch), ".", env=CONSTRAINTS)
    (wheel,) = scratch.glob("*.whl")
    (scratch / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    shutil.copy(ROOT / "tests" / "wheel" / "untouched.py", scratch)
    files = readme_files(session, scratch)
    session.chdir(scratch)
    install(session, str(wheel), "pytest")
    session.run("python", "-I", "-m", "pytest", "untouched.py")
    install(session, f"{wheel}[testing]")
    tests_shown = [name for name in files if name.endswith(".py")]
    session.run("python", "-I", "-m", "pytest", "--golden=check", *tests_shown)
    session.run("flujo", success_codes=[2])  # without the extra it says which one is missing
    install(session, f"{wheel}[cli]", "zizmor")
    session.run("flujo", "lint-tests", *tests_shown)
    begun(session, scratch)


def begun(session: nox.Session, folder: Path) -> None:
    """``flujo init`` in ``folder``, outside this project, and what its tests say of it whole and broken."""
    session.run("flujo", "init", "shop")
    session.chdir(folder / "shop")
    session.run("python", "-I", "-B", "-m", "pytest", "--golden=check")  # no bytecode: it would outlive the change
    session.run("zizmor", "--offline", "--quiet", ".github/workflows")
    pipeline = Path("shop", "pipeline.py")
    text = pipeline.read_text(encoding="utf-8")
    pipeline.write_text(text.replace("MAX_WORDS = 12", "MAX_WORDS = 13"), encoding="utf-8")
    said = session.run("python", "-I", "-B", "-m", "pytest", "--golden=check", success_codes=[1], silent=True)
    if 'feedback "16 words, at most 12" no longer reaches write/attempt:2' not in str(said):
        session.error(f"a broken pipeline is not told in words:\n{said}")


@nox.session(python=INSTALLED[0], reuse_venv=False)
def release(session: nox.Session) -> None:
    """What is published, in ``dist``: wheel, source, and the list of what they need (CycloneDX). ``-- audit`` also asks
    whether anything in it is known to be unsafe, for which the index of packages has to be reached."""
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    install(session, group="release")
    session.run("python", "-m", "build", "--outdir", str(dist), env=CONSTRAINTS)
    (wheel,) = dist.glob("*.whl")
    user = Path(session.create_tmp()).resolve() / "user"
    session.run("python", "-m", "venv", "--clear", str(user))
    python = str(user / ("Scripts" if sys.platform == "win32" else "bin") / "python")
    everything = ",".join(sorted(PROJECT["project"]["optional-dependencies"]))
    session.run(python, "-m", "pip", "install", "--quiet", f"{wheel}[{everything}]", env=CONSTRAINTS, external=True)
    bill = dist / "flujo-pipelines.cdx.json"
    session.run("cyclonedx-py", "environment", "--output-reproducible", "--output-file", str(bill), python)
    parts = json.loads(bill.read_text(encoding="utf-8"))["components"]
    if "flujo-pipelines" not in {part["name"] for part in parts}:
        session.error(f"{bill.name} does not hold the wheel")
    session.log("%s: %d packages", bill.name, len(parts))
    if "audit" in session.posargs:
        session.run("pip-audit", "--strict", "--requirement", "constraints.txt", "--no-deps", "--disable-pip")


@nox.session(python=INSTALLED[0])
def manual(session: nox.Session) -> None:
    """The manual, in ``build/manual``: a warning is an error. Its examples are run by the tests of ``tests/docs``."""
    install(session, group="manual")
    session.run("mkdocs", "build", "--strict", "--quiet", *session.posargs, env={"NO_MKDOCS_2_WARNING": "1"})
    session.log("%d pages", sum(1 for _ in (ROOT / "build" / "manual").glob("*.html")))


@nox.session(python=INSTALLED[0])
def bench(session: nox.Session) -> None:
    """Engine overhead beside other engines, each in an environment of its own; red if a gate is. ``-- --quick``."""
    install(session, "--editable", ".[testing]")
    venvs = Path(session.virtualenv.location).parent / "bench-peers"
    for peer, needs in PEERS.items():
        python = str(venvs / peer / ("Scripts" if sys.platform == "win32" else "bin") / "python")
        session.run("python", "-m", "venv", str(venvs / peer))
        pip = (python, "-m", "pip", "install", "--quiet", *needs)
        session.run(*pip, env=CONSTRAINTS, external=True)
    session.run("python", "bench/run.py", *session.posargs, env={"BENCH_VENVS": str(venvs)})


def golden_files() -> Iterator[Path]:
    """The goldens: neither the fault audit nor proposals that wait for a review."""
    for path in sorted(GOLDEN.rglob("*.yaml")):
        hidden = any(part.startswith(".") for part in path.relative_to(GOLDEN).parts)
        if path.name != "audit.yaml" and not hidden:
            yield path


def fingerprints() -> dict[str, str]:
    """The path of every file below ``golden/`` with the hash of its bytes."""
    files = (path for path in sorted(GOLDEN.rglob("*")) if path.is_file())
    return {str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def owning_tests(session: nox.Session) -> list[str]:
    """The tests that the goldens name as their owners, without parameters: pytest then runs all of these."""
    owners = {owner(session, path).partition("[")[0] for path in golden_files()}
    if not owners:
        session.error(f"no golden below {GOLDEN.relative_to(ROOT)}/: there is nothing to compare")
    return sorted(owners)


def owner(session: nox.Session, path: Path) -> str:
    """The test that a golden belongs to: a quoted string on a line of its own near the top."""
    named = re.search(r"^owner: (\".*\")$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if named is None:
        session.error(f"{path.relative_to(ROOT)} names no owner")
    return str(json.loads(named[1]))


def readme_files(session: nox.Session, folder: Path) -> list[str]:
    """Write the README's blocks under ``<!-- file: NAME -->`` into ``folder``; returns their names."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- file: (\S+) -->\n+```\w+\n(.*?)```", text, flags=re.DOTALL)
    if not blocks:
        session.error("README.md shows no file: its test and golden stand under '<!-- file: NAME -->'")
    for name, content in blocks:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return [name for name, _ in blocks]
