from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pmsbridge.errors import ConfigurationError, RejectedError
from pmsbridge.registry import ADAPTERS, SANDBOXES, adapters, build_adapter, sandboxes
from pmsbridge.secrets import ReferenceSecrets

GOOD = """
from pmsbridge.ports.adapter import AdapterPlugin

def create(account, options, *, secrets, gate=None):
    return ("built", account, dict(options), secrets.get("env:X"))

plugin = AdapterPlugin(system="tiny", extra="tiny", create=create)
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a distribution with one entry point into a folder of its own on the import path."""
    made: list[str] = []

    def _install(distribution: str, source: str, *, name: str = "tiny", group: str = ADAPTERS) -> None:
        room = tmp_path / distribution
        module = distribution.replace("-", "_") + "_module"
        info = room / f"{distribution}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:plugin\n")
        (room / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(room)
        importlib.invalidate_caches()
        made.append(module)

    yield _install
    for module in made:
        sys.modules.pop(module, None)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        call()
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_an_installed_adapter_is_found_and_built(install: Install) -> None:
    install("tiny-office", GOOD)

    built: object = build_adapter("main", "tiny", {"a": 1}, secrets=ReferenceSecrets(env={"X": "y"}))

    assert built == ("built", "main", {"a": 1}, "y")
    assert adapters().distribution("tiny") == "tiny-office 1.0"


def test_listing_imports_nothing(install: Install) -> None:
    install("tiny-office", "raise RuntimeError('imported too early')")

    assert "tiny" in list(adapters())
    assert "tiny" in adapters()


def test_a_plugin_that_cannot_be_imported_names_its_distribution(install: Install) -> None:
    install("tiny-office", "raise RuntimeError('tr0ub4dor-canary')")

    message = refusal(lambda: adapters()["tiny"])

    assert "'tiny' of tiny-office 1.0 cannot be loaded (RuntimeError)" in message
    assert "canary" not in message


def test_a_plugin_that_lacks_a_module_names_it(install: Install) -> None:
    install("tiny-office", "import a_module_that_nobody_has")

    assert "the module 'a_module_that_nobody_has' is not installed" in refusal(lambda: adapters()["tiny"])


def test_two_distributions_of_one_name_are_both_named(install: Install) -> None:
    install("tiny-office", GOOD)
    install("other-office", GOOD)

    message = refusal(adapters)

    assert "tiny-office 1.0" in message
    assert "other-office 1.0" in message


def test_an_unknown_system_lists_what_is_installed_and_suggests(install: Install) -> None:
    install("tiny-office", GOOD)
    secrets = ReferenceSecrets(env={})

    near = refusal(lambda: build_adapter("main", "tniy", {}, secrets=secrets))
    far = refusal(lambda: build_adapter("main", "zzz", {}, secrets=secrets))
    extra = refusal(lambda: build_adapter("main", "postgres", {}, secrets=secrets))

    assert "accounts.main.system" in near
    assert "Did you mean 'tiny'?" in near
    assert "tiny" in far
    assert "Install the distribution that brings it" in far
    assert "pip install 'pmsbridge[postgres]'" in extra


def test_a_defect_in_a_factory_is_told_apart_from_a_refusal(install: Install) -> None:
    install("tiny-office", GOOD.replace('return ("built"', 'raise KeyError("tr0ub4dor-canary")\n    return ("built"'))

    message = refusal(lambda: build_adapter("main", "tiny", {}, secrets=ReferenceSecrets(env={})))

    assert "tiny-office 1.0 failed while it read its options (KeyError)" in message
    assert "canary" not in message


def test_an_adapters_own_error_is_passed_on(install: Install) -> None:
    source = "from pmsbridge.errors import RejectedError\n" + GOOD.replace(
        "return (", 'raise RejectedError("no")\n    return ('
    )
    install("tiny-office", source)

    with pytest.raises(RejectedError):
        build_adapter("main", "tiny", {}, secrets=ReferenceSecrets(env={}))


def test_sandboxes_are_a_group_of_their_own(install: Install) -> None:
    install("tiny-office", "plugin = 'the sandbox'", group=SANDBOXES)

    plugin: object = sandboxes()["tiny"]

    assert plugin == "the sandbox"
    assert "tiny" not in adapters()


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        adapters()["nope"]
