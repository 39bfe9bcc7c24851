"""What runs elsewhere than here: workflows, hooks before a commit, and forms for issues."""

import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from homeassistant.util.yaml import parse_yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def read(path: Path) -> Any:
    return parse_yaml(path.read_text())


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every job of every workflow."""
    for path in WORKFLOWS:
        for name, job in read(path)["jobs"].items():
            yield f"{path.stem}.{name}", job


def commands(job: dict[str, Any]) -> Iterator[str]:
    """Yield what a job runs, for each row of its matrix."""
    rows = job.get("strategy", {}).get("matrix", {}).get("include", [{}])
    for row in rows:
        for step in job["steps"]:
            command: str = step.get("run", "")
            for name, value in row.items():
                command = command.replace(f"${{{{ matrix.{name} }}}}", str(value))
            if command:
                yield command


JOBS = dict(jobs())


def test_what_has_to_run_is_run() -> None:
    run = {command for job in JOBS.values() for command in commands(job)}
    assert {"./scripts/test", "./scripts/test-newest", "./scripts/check"} <= run
    used = {step.get("uses", "") for job in JOBS.values() for step in job["steps"]}
    assert {"home-assistant/actions/hassfest@master", "hacs/action@main"} <= used


@pytest.mark.parametrize("name", JOBS)
def test_a_job_runs_what_there_is(name: str) -> None:
    job = JOBS[name]
    checked_out = False
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            checked_out = True
            assert step["with"] == {"persist-credentials": False}
    for command in commands(job):
        # What a stranger may have named is a variable, not a part of the program.
        assert "${{" not in command
        for word in shlex.split(command):
            if word.startswith(("./", "scripts/")):
                assert checked_out
                assert (ROOT / word).is_file(), word
                if word.startswith("./"):
                    assert (ROOT / word).stat().st_mode & 0o100, word


@pytest.mark.parametrize("name", JOBS)
def test_a_job_ends_and_may_do_little(name: str) -> None:
    job = JOBS[name]
    assert job["timeout-minutes"] <= 60
    # Only what publishes may write, and it runs nothing of the repository's.
    if "permissions" in job:
        assert name == "release.publish"
        assert job["permissions"] == {"contents": "write"}
        assert not [step for step in job["steps"] if "checkout" in step.get("uses", "")]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_read(path: Path) -> None:
    workflow = read(path)
    # YAML takes the word `on` for a truth.
    assert workflow.get("on", workflow.get(True))
    assert workflow["permissions"] == {"contents": "read"}


def test_release_publishes_what_the_archive_is_called() -> None:
    (publish,) = (command for command in commands(JOBS["release.publish"]))
    assert f"dist/{read_filename()}" in shlex.split(publish)
    assert "dist/notes.md" in shlex.split(publish)
    (archive,) = [c for c in commands(JOBS["release.archive"]) if "release_archive" in c]
    assert shlex.split(archive)[2:] == ["dist", "--tag", "$GITHUB_REF_NAME"]


def read_filename() -> str:
    return str(read(ROOT / "hacs.json")["filename"])


def test_hooks_are_tools_of_the_project() -> None:
    (repository,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tools = set(project["optional-dependencies"]["dev"])
    check = (ROOT / "scripts" / "check").read_text()
    for hook in repository["hooks"]:
        program, *_ = shlex.split(hook["entry"])
        assert program.removeprefix(".venv/bin/") in tools
        assert program in check


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_forms(path: Path) -> None:
    """As GitHub wants them; one that it cannot read, it leaves out without a word."""
    form = read(path)
    if path.stem == "config":
        assert form["blank_issues_enabled"] is False
        for link in form["contact_links"]:
            assert set(link) == {"name", "url", "about"}
        return
    assert {"name", "description", "body"} <= set(form) <= {"name", "description", "labels", "body"}
    ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert len(ids) == len(set(ids))
    for part in form["body"]:
        assert part["type"] in {"markdown", "input", "textarea", "dropdown", "checkboxes"}
        needed = {"markdown": "value"}.get(part["type"], "label")
        assert part["attributes"][needed]
        if part["type"] in {"dropdown", "checkboxes"}:
            assert part["attributes"]["options"]


def test_a_bug_comes_with_diagnostics() -> None:
    body = read(ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml")["body"]
    assert "diagnostics" in {part.get("id") for part in body}
