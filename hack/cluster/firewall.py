"""The packet filter: remember its rules, and later remove those that the cluster added."""

import shlex
import subprocess
from collections.abc import Iterator

import debian
from report import Problem

TOOLS = {"iptables": "ip", "ip6tables": "ip6"}  # and what nftables calls their family
OURS = ("KUBE-", "CNI-")


def snapshot() -> dict[str, str]:
    """All rules of now, by tool."""
    return {tool: _run([f"{tool}-save"]) for tool in TOOLS}


def restore(before: dict[str, str]) -> None:
    """Remove our chains, the rules that lead to them, and tables that held nothing else."""
    for tool, family in TOOLS.items():
        script = removal(before[tool], _run([f"{tool}-save"]))
        if script:
            _run([f"{tool}-restore", "--noflush"], script)
        if "nf_tables" not in _run([tool, "--version"]):
            continue  # the legacy back end knows no absent table
        for table in superfluous(before[tool], _run([f"{tool}-save"])):
            _run(["nft", "delete", "table", family, table])


def removal(before: str, now: str) -> str:
    """The restore script that takes our chains out of `now`, except those that stood before."""
    old = {table: set(lines) for table, lines in tables(before)}
    script: list[str] = []
    for table, lines in tables(now):
        added = [line for line in lines if line not in old.get(table, set())]
        stood = {line.split()[0] for line in old.get(table, set()) if line.startswith(":")}
        chains = [line.split()[0] for line in added if line.startswith(":")]
        chains = [c[1:] for c in chains if c not in stood and c[1:].startswith(OURS)]
        leading = [line for line in added if line.startswith("-A ") and _leads_in(line)]
        if chains or leading:
            script.append(f"*{table}")
            script += [f"-D {line.removeprefix('-A ')}" for line in leading]
            script += [f"-F {chain}" for chain in chains]
            script += [f"-X {chain}" for chain in chains]
            script.append("COMMIT")
    return "\n".join([*script, ""]) if script else ""


def _leads_in(rule: str) -> bool:
    """Whether a rule of somebody else's chain jumps into one of ours."""
    words = shlex.split(rule)  # a comment may hold anything
    target = next((words[i + 1] for i, word in enumerate(words) if word in ("-j", "-g")), "")
    return target.startswith(OURS) and not words[1].startswith(OURS)


def superfluous(before: str, now: str) -> list[str]:
    """Tables that were not there before and hold nothing but empty built-in chains."""
    old = {table for table, _ in tables(before)}
    return [
        table
        for table, lines in tables(now)
        if table not in old and all(line.startswith(":") and line.split()[1] == "ACCEPT" for line in lines)
    ]


def tables(saved: str) -> Iterator[tuple[str, list[str]]]:
    """Each table of an iptables-save output with its chain and rule lines, counters cut off."""
    name = ""
    lines: list[str] = []
    for line in saved.splitlines():
        if line.startswith("*"):
            name, lines = line[1:], []
        elif line == "COMMIT":
            yield name, lines
        elif line.startswith(":"):
            lines.append(line.partition(" [")[0])
        elif line and not line.startswith("#"):
            lines.append(line)


def _run(command: list[str], script: str | None = None) -> str:
    done = subprocess.run(
        [debian.find(command[0]), *command[1:]],
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Problem(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout
