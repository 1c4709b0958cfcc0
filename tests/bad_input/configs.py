"""Bad configuration files."""

from __future__ import annotations

from dataclasses import dataclass

from .kind import Kind


@dataclass(frozen=True)
class ConfigKind(Kind):
    """A bad configuration, as the bytes of its file."""

    content: bytes


CONFIG_KINDS = [
    ConfigKind("unknown key", "'simulat'", b"simulat: {}\n"),
    ConfigKind("wrong type", "'seed'", b"seed: x\n"),
    ConfigKind("out of range", "'seed'", b"seed: -1\n"),
    ConfigKind("run's name that leads out of the folder", "'run'", b"run: ../run\n"),
    ConfigKind("section left empty", "'invert'", b"invert:\n"),
    ConfigKind("key that is a number", "'1'", b"1: 2\n"),
    ConfigKind("method that does not exist", "'magic'", b"invert: {methods: {a: {inverter: magic}}}\n"),
    ConfigKind(
        "reference method that is missing", "'magic'", b"evaluate: {reference_method: magic}\n", code="no-reference"
    ),
    ConfigKind(
        "network that is missing",
        "'mine'",
        b"invert: {methods: {direct: {inverter: direct, direct: mine}}}\n",
        code="unknown-reference",
    ),
    ConfigKind(
        "method that cannot do what is asked of it",
        "'cmaes-surrogate'",
        b"assess: {sensitivity: {surrogates: [guided-unet], method: cmaes-surrogate}}\n",
        code="unfit-reference",
    ),
    ConfigKind("bracket that does not end", "line 2", b"seed: [\n"),
    ConfigKind("tab for blanks", "line 2", b"train:\n\tcrop: 1\n"),
    ConfigKind("key twice", "'seed'", b"seed: 1\nseed: 2\n"),
    ConfigKind("key twice in a section", "'test_cases'", b"simulate:\n  test_cases: 1\n  test_cases: 2\n"),
    ConfigKind("YAML that asks for Python", "line 1", b"seed: !!python/object/apply:os.system [touch broken]\n"),
    ConfigKind("empty configuration", "config.yaml", b""),
    ConfigKind("list at the top", "config.yaml", b"- seed\n"),
    ConfigKind("binary configuration", "config.yaml", bytes(range(256))),
    ConfigKind("thousands of brackets", "config.yaml", b"seed: " + b"[" * 5000),
]
