"""A real local Kubernetes cluster: `python3 hack/cluster up`, `down`, `status` and so on."""

import argparse
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import control_plane
import layout
from report import Problem, note, tell

import cluster

INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The verbs and their options."""
    top = argparse.ArgumentParser(prog="python3 hack/cluster", description=__doc__)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    up = verbs.add_parser("up", help="start a cluster, or keep the one that runs")
    up.add_argument("--provider", choices=("auto", "kind", "native"), default="auto")
    up.add_argument(
        "--with-builds-only",
        action="store_true",
        help="install and build what a start needs, but start nothing",
    )
    verbs.add_parser("down", help="remove the cluster and all it changed on the machine")
    status = verbs.add_parser("status", help="tell what runs; exit 3 when the cluster does not")
    status.add_argument("--json", action="store_true")
    verbs.add_parser("env", help="print exports for a shell to evaluate")
    verbs.add_parser("kubeconfig", help="print the path of the kubeconfig")
    verbs.add_parser("build", help="only build the native cluster's programs into the cache")
    load = verbs.add_parser("load-image", help="give the node images from docker-archive files")
    load.add_argument("archives", nargs="+", type=Path, metavar="ARCHIVE.tar")
    restart = verbs.add_parser("restart-api-server", help="kill the API server and start it again")
    restart.add_argument("--away", type=float, default=0.0, metavar="SECONDS", help="leave it away so long")
    alone = verbs.add_parser("api-server", help="run only an API server, for tests, until the input ends")
    alone.add_argument(
        "--with-builds-only", action="store_true", help="build what it needs, but start nothing"
    )
    tiny = verbs.add_parser("tiny-volume", help="make a PersistentVolume of a fixed small size")
    tiny.add_argument("name", type=_volume_name)
    tiny.add_argument("size_mib", type=_size, nargs="?", metavar="SIZE_MIB")
    tiny.add_argument("--read-only", action="store_true")
    tiny.add_argument("--remove", action="store_true")
    return top


def _volume_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", text):
        raise argparse.ArgumentTypeError(f"{text!r}: lower-case letters, digits and '-' only")
    return text


def _size(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of MiB")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Carry out one verb."""
    here = layout.current()
    if arguments.verb == "status":
        return cluster.status(here, as_json=arguments.json)
    if arguments.verb == "up":
        cluster.up(here, arguments.provider, only_prepare=arguments.with_builds_only)
    elif arguments.verb == "load-image":
        cluster.load_image(here, arguments.archives)
    elif arguments.verb == "restart-api-server":
        cluster.restart_api_server(here, arguments.away)
    elif arguments.verb == "tiny-volume":
        _tiny_volume(here, arguments)
    elif arguments.verb == "api-server":
        control_plane.alone(here, only_prepare=arguments.with_builds_only)
    else:
        plain = {
            "down": cluster.down,
            "env": cluster.environment,
            "kubeconfig": cluster.kubeconfig,
            "build": cluster.build,
        }
        plain[arguments.verb](here)
    return 0


def _tiny_volume(here: layout.Layout, arguments: argparse.Namespace) -> None:
    if arguments.remove:
        cluster.remove_tiny_volume(here, arguments.name)
    elif arguments.size_mib is None:
        raise Problem("tiny-volume: say how many MiB", code=2)
    else:
        cluster.tiny_volume(here, arguments.name, arguments.size_mib, read_only=arguments.read_only)


def main() -> int:
    """Run the verb on the command line; problems become one line and an exit code."""
    try:
        return run(parser().parse_args())
    except Problem as problem:
        tell(problem)
        return problem.code
    except KeyboardInterrupt:
        note("cluster: interrupted; `python3 hack/cluster down` removes what was started")
        return INTERRUPTED
    except PermissionError as error:
        note(f"cluster: not allowed: {error.filename}")
        return 1
    except BrokenPipeError:  # the reader of our output, say `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
