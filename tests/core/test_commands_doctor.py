"""``belle doctor`` on this machine."""

from __future__ import annotations

import json
import os
import shutil
import stat
from importlib.metadata import version

import pytest
from click.testing import CliRunner

from belle_core.commands import group, machine, packages
from belle_core.commands.doctor import examine


def test_everything_in_order(store):
    result = CliRunner().invoke(group, ["doctor", "--json"])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert list(found) == ["machine", "gpus", "store", "packages", "optional", "plugins", "environment", "problems"]
    assert found["machine"]["cores"] >= 1 and found["machine"]["python"].startswith("3.")
    assert found["store"]["path"] == str(store) and found["store"]["writable"] and not found["store"]["exists"]
    assert found["store"]["free"] == pytest.approx(shutil.disk_usage(store.parent).free, rel=0.1)
    assert {p["name"]: p["version"] for p in found["packages"]}["torch"] == version("torch")
    assert "lora" in found["plugins"] and found["problems"] == []
    assert "nothing is broken" in CliRunner().invoke(group, ["doctor"]).stdout
    assert not store.exists()


def test_secrets_are_never_shown(monkeypatch):
    secret = "hf_abcdefgh"
    monkeypatch.setenv("HF_TOKEN", secret)
    monkeypatch.setenv("BELLE_API_KEY", secret)
    monkeypatch.setenv("https_proxy", f"http://someone:{secret}@proxy.example:8080/path")
    monkeypatch.setenv("HF_ENDPOINT", f"https://me:{secret}@mirror.example")
    monkeypatch.setenv("BELLE_LANG", "en")
    result = CliRunner().invoke(group, ["doctor", "--json"])
    environment = json.loads(result.stdout)["environment"]
    assert secret not in result.output and secret not in CliRunner().invoke(group, ["doctor"]).output
    assert environment["HF_TOKEN"] == environment["BELLE_API_KEY"] == "set"
    assert environment["https_proxy"] == "proxy.example:8080"
    assert environment["HF_ENDPOINT"] == "https://mirror.example" and environment["BELLE_LANG"] == "en"


@pytest.mark.parametrize(
    ("url", "host"),
    [("http://a:b@c:1/d", "c:1"), ("proxy:3128", "proxy:3128"), ("http://c", "c"), ("http://[::1]:8", "::1:8"), ("http://c:x", "c")],
)  # fmt: skip
def test_hosts_of_addresses(url, host):
    assert machine.host_of(url) == host


def test_a_store_that_cannot_be_written_is_broken(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BELLE_STORE", str(tmp_path / "file" / "store"))
    result = CliRunner().invoke(group, ["doctor", "--json"])
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert not found["store"]["writable"] and "BELLE_STORE" in found["problems"][0]


def test_a_broken_plugin_is_told_and_the_rest_still_shown(tmp_path, belle):
    (tmp_path / "broken_plugin.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    about = tmp_path / "broken-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[belle]\nbroken = broken_plugin\n", encoding="utf-8")
    done = belle("doctor", "--json", env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert "BELLE_DISABLE_PLUGINS=broken" in found["problems"][0] and found["machine"]["cores"]


def test_a_package_that_is_too_old_is_broken(tmp_path, belle):
    about = tmp_path / "pluggy-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: pluggy\nVersion: 0.1\n", encoding="utf-8")
    done = belle("doctor", "--json", env={"PYTHONPATH": str(tmp_path)})
    found = json.loads(done.stdout)
    assert done.returncode == 1 and "pluggy" in found["problems"][0] and "0.1" in found["problems"][0]


def test_extras_name_who_needs_them():
    found = {extra["extra"]: extra for extra in packages.optional()}
    assert "quantize=bnb" in found["quantize"]["needed_by"]
    assert {p["name"] for p in found["quantize"]["packages"]} == {"bitsandbytes"}
    assert {p["name"] for p in found["web"]["packages"]} >= {"fastapi"}


def test_tested_versions_are_read(tmp_path):
    tested = packages.tested_versions()
    assert tested["torch"][0].isdigit() and " " not in tested["torch"]


def test_gpus_are_what_nvidia_smi_says(tmp_path, monkeypatch):
    """Runs a program that prints what nvidia-smi prints for one GPU."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA H200, 143771, 570.86.15'\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert machine.gpus() == [{"name": "NVIDIA H200", "memory": 143771 * 2**20, "driver": "570.86.15"}]
    program.write_text("#!/bin/sh\nexit 9\n", encoding="utf-8")
    assert machine.gpus() == [] and examine()["problems"] == []
