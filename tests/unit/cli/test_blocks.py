from __future__ import annotations

from nsrunner.cli.blocks import Block, pairs, text_of


def test_layout() -> None:
    block = Block()
    block.put("Name", "web")
    block.put("Nothing", None)
    block.append(("Labels", pairs({"b": "2", "a": "1\x1b"})))
    below = Block()
    below.put("State", "Running")
    block.append(("Containers", below))
    assert text_of(block) == "Name:    web\nLabels:  a=1\\x1b\n         b=2\nContainers:\n  State:  Running\n"
    assert pairs(None) == ["<none>"]
